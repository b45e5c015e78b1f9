"""What the API says of a report: its parameters and columns, which its owner may change at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from tap_servicetitan.client.client import Client
    from tap_servicetitan.client.rate_limit import RateLimiter

R = TypeVar("R")


class Header(msgspec.Struct):
    """A column, as an answer names it."""

    name: str


class Column(Header):
    """A column, as the description has it."""

    dataType: str | None = None  # noqa: N815 -- as on the wire


class Accepted(msgspec.Struct):
    """The values that a parameter takes, each a row of key and display name; or where to ask for them."""

    values: list[list[Any]] | None = None
    dynamicSetId: str | None = None  # noqa: N815 -- as on the wire


class Parameter(msgspec.Struct):
    """A parameter of a report."""

    name: str
    dataType: str | None = None  # noqa: N815 -- as on the wire
    isArray: bool = False  # noqa: N815 -- as on the wire
    isRequired: bool = False  # noqa: N815 -- as on the wire
    acceptValues: Accepted | None = None  # noqa: N815 -- as on the wire


class Description(msgspec.Struct):
    """A report's parameters and columns."""

    parameters: list[Parameter]
    fields: list[Column]

    def __contains__(self, parameter: str) -> bool:
        """Tell whether there is a parameter of that name."""
        return any(parameter == one.name for one in self.parameters)


class Rows(msgspec.Struct, Generic[R]):
    """An answer in columns: a row's cells are in the order of this answer's fields."""

    fields: list[Header]
    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire


REPORT = "report-category/{report_category}/reports/{report_id}"
"""Path of a report below the reporting API."""

_decode = msgspec.json.Decoder(Description).decode


def url(client: Client, path: str, **places: str) -> str:
    """Return the path below the API root of something of a tenant's reports.

    Args:
        client: The tenant's.
        path: Below the reporting API, with placeholders.
        places: What stands for them; category ids may hold any letter.
    """
    quoted = {name: quote(place, safe="") for name, place in places.items()}
    return f"/reporting/v2/tenant/{client.tenant.tenant_id}/{path.format(**quoted)}"


def describe(client: Client, category: str, report_id: str, budget: RateLimiter) -> Description:
    """Ask what a report is; this is not one of its runs.

    Raises:
        APIError: It cannot be described: some reports of the user interface answer 404.
    """
    return client.ask(url(client, REPORT, report_category=category, report_id=report_id), {}, _decode, budget=budget)


Place = tuple[str, int]
"""A column of an answer or description: its name, and how many columns before it have the same."""


def number_duplicates(names: Iterable[str]) -> Iterator[Place]:
    """Tell columns of the same name apart."""
    seen: Counter[str] = Counter()
    for name in names:
        yield name, seen[name]
        seen[name] += 1


def dedupe_names(names: Iterable[str], taken: Iterable[str]) -> dict[Place, str]:
    """Name the columns; one whose name is taken, or another's, gets ``_2``, ``_3`` … behind it.

    Upper and lower case count as the same, as they do in most databases. But for columns of just the same name, the
    order does not matter, since a report's owner may change it.
    """
    found: dict[Place, str] = {}
    seen = {name.casefold() for name in taken}
    numbered: list[Place] = []
    for place in sorted(number_duplicates(names)):
        name, before = place
        if before or name.casefold() in seen:
            numbered.append(place)
        else:
            seen.add(name.casefold())
            found[place] = name
    for place in numbered:
        number = 2
        while (free := f"{place[0]}_{number}").casefold() in seen:
            number += 1
        seen.add(free.casefold())
        found[place] = free
    return found

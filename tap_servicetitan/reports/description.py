"""What the API says of a report: its parameters and columns, which its owner may change at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from tap_servicetitan.http import Client
    from tap_servicetitan.ratelimit import RateBudget

R = TypeVar("R")


class Header(msgspec.Struct):
    """A column, as an answer names it."""

    name: str


class Column(Header):
    """A column, as the description has it."""

    dataType: str = "String"  # noqa: N815 -- as on the wire


class Accepted(msgspec.Struct):
    """The values that a parameter takes, each a row of key and display name; or where to ask for them."""

    values: list[list[Any]] | None = None
    dynamicSetId: str | None = None  # noqa: N815 -- as on the wire


class Parameter(msgspec.Struct):
    """A parameter of a report."""

    name: str
    dataType: str = "String"  # noqa: N815 -- as on the wire
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


def places(category: str, report_id: str) -> Mapping[str, str]:
    """Fill the placeholders of :data:`REPORT`."""
    return {"report_category": quote(category, safe=""), "report_id": report_id}


def describe(client: Client, category: str, report_id: str, budget: RateBudget) -> Description:
    """Ask what a report is; this is not one of its runs.

    Raises:
        APIError: It cannot be described: some reports of the user interface answer 404.
    """
    path = f"/reporting/v2/tenant/{client.tenant.tenant_id}/{REPORT.format(**places(category, report_id))}"
    return client.ask(path, {}, _decode, budget=budget)


def unique(names: Iterable[str], taken: Iterable[str]) -> Iterator[str]:
    """Yield the names; one that came before, or is taken, gets ``_2``, ``_3`` … behind it.

    Upper and lower case count as the same, as they do in most databases.
    """
    seen = {name.casefold() for name in taken}
    for name in names:
        free, number = name, 1
        while free.casefold() in seen:
            number += 1
            free = f"{name}_{number}"
        seen.add(free.casefold())
        yield free

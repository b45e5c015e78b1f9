"""A report's metadata: its parameters and columns, which its owner may change at any time."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from tap_servicetitan.schemas.column_names import MAX_COLUMN_NAME_BYTES, cut, folded

if TYPE_CHECKING:
    from tap_servicetitan.client.client import Client
    from tap_servicetitan.client.rate_limit import RateLimiter

R = TypeVar("R")


class Header(msgspec.Struct):
    """A column, as a response names it."""

    name: str


class Column(Header):
    """A column, as the metadata declares it."""

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


class ReportMetadata(msgspec.Struct):
    """A report's parameters and columns."""

    parameters: list[Parameter]
    fields: list[Column]

    def __contains__(self, parameter: str) -> bool:
        """Return whether there is a parameter of that name."""
        return any(parameter == one.name for one in self.parameters)


class Rows(msgspec.Struct, Generic[R]):
    """A response with rows: a row's cells are in the order of this response's fields."""

    fields: list[Header]
    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    totalCount: Any = None  # noqa: N815 -- as on the wire; only if includeTotal was sent
    pageSize: Any = None  # noqa: N815 -- as on the wire


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]


class PascalHeader(msgspec.Struct, rename=_pascal):
    """A :class:`Header` whose key is in PascalCase."""

    name: str


class PascalRows(msgspec.Struct, Generic[R], rename=_pascal):
    """:class:`Rows` whose keys are in PascalCase, as asynchronous queries of live tenants answer (July 2026)."""

    fields: list[PascalHeader]
    data: list[R]
    hasMore: bool = False  # noqa: N815 -- as in Rows
    totalCount: Any = None  # noqa: N815 -- as in Rows
    pageSize: Any = None  # noqa: N815 -- as in Rows

    def rows(self) -> Rows[R]:
        """Return the same as :class:`Rows`."""
        headers = [Header(one.name) for one in self.fields]
        return Rows(headers, self.data, self.hasMore, self.totalCount, self.pageSize)


REPORT = "report-category/{report_category}/reports/{report_id}"
"""Path of a report below the reporting API."""

_decode = msgspec.json.Decoder(ReportMetadata).decode


def url(client: Client, path: str, **path_values: str) -> str:
    """Return a path of the reporting API, for a tenant.

    Args:
        client: The tenant's.
        path: Below the reporting API, with placeholders.
        path_values: Values of the placeholders; category ids may contain any character.
    """
    quoted = {name: quote(value, safe="") for name, value in path_values.items()}
    return f"/reporting/v2/tenant/{client.tenant.tenant_id}/{path.format(**quoted)}"


def fetch_metadata(client: Client, category: str, report_id: str, budget: RateLimiter) -> ReportMetadata:
    """Request a report's metadata; this does not count as a run.

    Raises:
        APIError: The API has no metadata of it: some reports of the website answer 404.
    """
    return client.request(
        url(client, REPORT, report_category=category, report_id=report_id), {}, _decode, rate_limiter=budget
    )


ColumnKey = tuple[str, int]
"""Identifies a column: its name, and how many columns before it have the same name."""


def number_duplicates(names: Iterable[str]) -> Iterator[ColumnKey]:
    """Number the columns that have the same name."""
    seen: Counter[str] = Counter()
    for name in names:
        yield name, seen[name]
        seen[name] += 1


def dedupe_names(names: Iterable[str], taken: Iterable[str]) -> dict[ColumnKey, str]:
    """Give each column a name that is unique in every database, by the suffix ``_2``, ``_3`` … where it is needed.

    Names count as the same if a loader or a database may take them for the same: upper and lower case, all that is
    neither letter nor digit, and what follows the first 63 bytes make no difference. The order of columns does not
    matter, since a report's owner may change it, except among columns with exactly the same name.

    Args:
        names: Of the columns.
        taken: Names that no column may have.
    """
    unique: dict[ColumnKey, str] = {}
    seen = {folded(name) for name in taken}
    numbered: list[ColumnKey] = []
    for key in sorted(number_duplicates(names)):
        name, before = key
        if before or folded(cut(name)) in seen:
            numbered.append(key)
        else:
            seen.add(folded(cut(name)))
            unique[key] = name
    for key in numbered:
        unique[key] = next(name for name in _numbered(key[0]) if folded(name) not in seen)
        seen.add(folded(unique[key]))
    return unique


def _numbered(name: str) -> Iterator[str]:
    """Yield a name with numbers, cut so that databases keep the number."""
    for suffix in map("_{}".format, itertools.count(2)):
        yield cut(name, MAX_COLUMN_NAME_BYTES - len(suffix)) + suffix

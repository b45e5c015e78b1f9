"""What each operation of the API takes. This is not read from the tap's table, so that mistakes of the table show."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Export, Listing, Nested, Unpaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

FILE: Final = Path(__file__).with_name("operations.json")
"""By path, one line each: the part of ServiceTitan's OpenAPI documents that the simulator acts on."""

SUPPORTED_PARAMETERS: Final = frozenset({
    "active", "activeOnly", "activeState", "createdBefore", "createdOnOrAfter", "from", "ids", "includeChildren",
    "includeInactive", "includeRecentChanges", "includeTotal", "modifiedBefore", "modifiedOnOrAfter", "page",
    "pageSize", "performanceSegmentationType", "sort", "submittedBefore", "submittedOnOrAfter",
})  # fmt: skip
"""Parameters that have an effect where an operation has them. All required parameters are checked as well."""

_ACTIVE_PARAMETERS: Final = ("active", "activeOnly", "activeState", "includeInactive")
_PLACEHOLDER = re.compile(r"{\w+}")


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation of the API."""

    kind: str
    """``list`` and ``nested list`` say whether there are more pages; an ``array`` does not."""

    records: str = ""
    """Where the response holds the records: ``data[]``, ``[]`` where it is an array itself, else empty."""

    query: str = ""
    """Names of the parameters that have an effect, separated by spaces."""

    required: str = ""
    """Names of the parameters that must be there, separated by spaces."""

    max_page_size: int = 5000
    """Records: 5000 by ServiceTitan's page on timeouts and pagination, 500 for journal entries and Intacct."""

    method: str = "GET"

    def has(self, parameter: str) -> bool:
        """Return whether a parameter has an effect."""
        return parameter in self.query.split()


@cache
def operations() -> Mapping[str, Operation]:
    """Return all operations by path; placeholders have no names in it."""
    written = msgspec.json.decode(FILE.read_bytes(), type=dict[str, Operation])
    return {_PLACEHOLDER.sub("{}", path): one for path, one in written.items()}


def operation(endpoint: Endpoint) -> Operation:
    """Return the operation of an endpoint; one that the file does not have takes what most of its kind take."""
    found = operations().get(_PLACEHOLDER.sub("{}", f"{endpoint.api}/{endpoint.path}"))
    if found is not None:
        return found
    if isinstance(endpoint, Export):
        return Operation("export", "data[]", "from includeRecentChanges")
    if isinstance(endpoint, Capacity):
        return Operation("other", method="POST")
    records = f"{endpoint.records_path}[]" if endpoint.records_path else "[]"
    return Operation("list", records, " ".join(SUPPORTED_PARAMETERS & {*_USUAL, *endpoint.query}))


def single_children() -> frozenset[str]:
    """Return the nested streams of which each parent has exactly one record, which is the whole response."""
    nested = (endpoint for endpoint in table.endpoints() if isinstance(endpoint, Nested))
    return frozenset(
        endpoint.name
        for endpoint in nested
        for takes in [operation(endpoint)]
        if not takes.records and not takes.has("page")
    )


def vanishing() -> frozenset[str]:
    """Return the streams whose deleted records disappear, because the operation cannot list inactive ones."""
    return frozenset(
        endpoint.name
        for endpoint in table.endpoints()
        if isinstance(endpoint, Listing | Unpaged | Nested)
        and not any(map(operation(endpoint).has, _ACTIVE_PARAMETERS))
    )


_USUAL: Final = (
    "createdBefore", "createdOnOrAfter", "includeTotal", "modifiedBefore", "modifiedOnOrAfter", "page", "pageSize",
)  # fmt: skip

"""What each operation takes, told apart from the tap's table, so that the table's mistakes come to light."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tap_servicetitan.endpoints.kinds import Capacity, Export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

FILE: Final = Path(__file__).with_name("operations.json")
"""By path, one line each: the part of ServiceTitan's OpenAPI documents that the simulator acts on."""

HONOURED: Final = frozenset({
    "active", "activeOnly", "activeState", "createdBefore", "createdOnOrAfter", "from", "ids", "includeChildren",
    "includeInactive", "includeRecentChanges", "includeTotal", "modifiedBefore", "modifiedOnOrAfter", "page",
    "pageSize", "performanceSegmentationType", "sort", "submittedBefore", "submittedOnOrAfter",
})  # fmt: skip
"""Parameters that have an effect, where an operation has them; all that are required are checked besides."""

_PLACEHOLDER = re.compile(r"{\w+}")


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation of the API."""

    kind: str
    """``list`` and ``nested list`` say whether there are more pages; an ``array`` does not."""

    records: str = ""
    """Where the answer holds the records: ``data[]``, ``[]`` where it is itself the array, else empty."""

    query: str = ""
    """Names of the parameters that have an effect."""

    required: str = ""
    """Names of those that must be there."""

    max_page_size: int = 5000
    """As ServiceTitan's page on timeouts and pagination says; journal entries and Intacct have 500."""

    method: str = "GET"

    def has(self, parameter: str) -> bool:
        """Tell whether a parameter has an effect."""
        return parameter in self.query.split()


@cache
def operations() -> Mapping[str, Operation]:
    """All operations by path, placeholders without their names."""
    written = msgspec.json.decode(FILE.read_bytes(), type=dict[str, Operation])
    return {_PLACEHOLDER.sub("{}", path): one for path, one in written.items()}


def operation(endpoint: Endpoint) -> Operation:
    """Return an entry's operation; one that the file does not know takes what most of its kind take."""
    found = operations().get(_PLACEHOLDER.sub("{}", f"{endpoint.api}/{endpoint.path}"))
    if found is not None:
        return found
    if isinstance(endpoint, Export):
        return Operation("export", "data[]", "from includeRecentChanges")
    if isinstance(endpoint, Capacity):
        return Operation("other", method="POST")
    records = f"{endpoint.records_path}[]" if endpoint.records_path else "[]"
    return Operation("list", records, " ".join(HONOURED & {*_USUAL, *endpoint.query}))


_USUAL: Final = (
    "createdBefore", "createdOnOrAfter", "includeTotal", "modifiedBefore", "modifiedOnOrAfter", "page", "pageSize",
)  # fmt: skip

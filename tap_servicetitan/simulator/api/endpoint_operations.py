"""What each operation of the API takes, by its documents and not by the tap's table, so that mistakes of the table show."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Export, Listing, Nested, Unpaged
from tap_servicetitan.endpoints.operations import Operation, find
from tap_servicetitan.schemas.record_notation import expand
from tap_servicetitan.simulator.api.derived.derived_kinds import ItemsOf
from tap_servicetitan.simulator.api.report_operations import QueryCancellation, ReportOperation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.schemas.openapi import Schema

_ACTIVE_PARAMETERS: Final = frozenset({"active", "activeOnly", "activeState", "includeInactive"})

_USUAL_PARAMETERS: Final = frozenset({
    "createdBefore", "createdOnOrAfter", "includeTotal", "modifiedBefore", "modifiedOnOrAfter", "page", "pageSize",
})  # fmt: skip


def operation(endpoint: Endpoint) -> Operation:
    """Return the operation of an endpoint; one that the documents did not have takes what most of its kind take."""
    found = find(endpoint)
    if isinstance(endpoint, ReportOperation) and endpoint.method:
        return Operation(kind="other", method=endpoint.method)
    if found is not None:
        return found
    if isinstance(endpoint, Export):
        return Operation(kind="export", records="data[]", query=frozenset({"from", "includeRecentChanges"}))
    if isinstance(endpoint, Capacity):
        return Operation(kind="other", method="POST")
    records = f"{endpoint.records_path}[]" if endpoint.records_path else "[]"
    return Operation(kind="list", records=records, query=_USUAL_PARAMETERS | endpoint.query.keys())


@cache
def record_schema(endpoint: Endpoint) -> Schema | None:
    """Return the schema of a record; None where it is that of the stream."""
    record = operation(endpoint).record
    if record is None:
        return None
    if isinstance(endpoint, ItemsOf):
        return expand({endpoint.field_name: [record]})
    return expand(record)


@cache
def record_fields(endpoint: Endpoint) -> Mapping[str, Schema]:
    """Return the schema of each field of a record; none where they are not known, as in a collection that was added."""
    own = record_schema(endpoint)
    if own is None and endpoint in table.TABLE:
        own = schemas.load(endpoint)
    fields: Mapping[str, Schema] = (own or {}).get("properties", {})
    return fields


def scope(endpoint: Endpoint) -> str:
    """Return the OAuth scope that a request to an endpoint needs."""
    if isinstance(endpoint, QueryCancellation):
        return "tn.rpr.reports:w"
    return table.scope(endpoint)


def single_children() -> frozenset[str]:
    """Return the nested streams of which each parent has exactly one record, which is the whole response."""
    nested = (endpoint for endpoint in table.TABLE if isinstance(endpoint, Nested))
    return frozenset(
        endpoint.name
        for endpoint in nested
        for takes in [operation(endpoint)]
        if not takes.records and "page" not in takes.query
    )


def vanishing() -> frozenset[str]:
    """Return the streams whose deleted records disappear, because the operation cannot list inactive ones."""
    return frozenset(
        endpoint.name
        for endpoint in table.TABLE
        if isinstance(endpoint, Listing | Unpaged | Nested) and not _ACTIVE_PARAMETERS & operation(endpoint).query
    )

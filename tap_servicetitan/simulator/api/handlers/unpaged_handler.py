"""Endpoints without pages: arrays, and objects of which a tenant has exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.api.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.data.collection import Collection

Records = list[dict[str, Any]]

ENVELOPES: Final[Mapping[str, Callable[[Collection, Records], dict[str, Any]]]] = {
    "marketingads/v2/capacity-warnings": lambda collection, data: {
        "tenantId": collection.tenant_id,
        "tenantName": f"Tenant {collection.tenant_id}",
        "totalCount": len(data),
    },
    "pricebook/v2/materials/costtypes": lambda _, data: {
        "page": 1,
        "pageSize": len(data),
        "totalCount": None,
        "hasMore": False,
    },
}
"""What stands beside the records (OpenAPI documents)."""


def handle_array(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return all records, as an array or in an object, whichever the operation has."""
    endpoint = collection.endpoint

    def render() -> bytes:
        takes = operation(endpoint)
        parameters = QueryParameters(takes, request.query)
        with collection.history.lock:
            _, log = collection.now()
            data = [collection.make(index) for index in select(collection, collection.indices(), parameters, log)]
        if takes.records == "[]":
            return msgspec.json.encode(data)
        envelope = ENVELOPES.get(f"{endpoint.api}/{endpoint.path}")
        return msgspec.json.encode({**(envelope(collection, data) if envelope else {}), "data": data})

    return context.cached(collection, request, render)


def handle_singleton(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the one object."""

    def render() -> bytes:
        with collection.history.lock:
            return msgspec.json.encode(collection.make(0))

    return context.cached(collection, request, render)

"""Windows: what happened between two dates that a request must name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.endpoints.kinds import Window
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.list_handler import render_page
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.data.daily_figures import DailyFigures

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.data.collection import Collection


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the records that are dated in the window, or the figures of the window."""
    return context.cached(collection, request, lambda: _render(collection, request))


def _render(collection: Collection, request: ApiRequest) -> bytes:
    endpoint = collection.endpoint
    if not isinstance(endpoint, Window):
        raise TypeError(endpoint)
    parameters = QueryParameters(operation(endpoint), request.query)
    start, end = (parameters.timestamp(name) or 0 for name in (endpoint.start, endpoint.end))
    with collection.history.lock:
        records = _records(collection, start, end)
        if "page" in parameters.operation.query:
            return render_page(collection, parameters, records, lambda record: record)
    if endpoint.records_path:
        return msgspec.json.encode({endpoint.records_path: records})
    return msgspec.json.encode(records[0] if records else {"totalCost": 0.0})


def _records(collection: Collection, start: int, end: int) -> list[dict[str, Any]]:
    if isinstance(collection, DailyFigures):
        return collection.between(start, end)
    _, log = collection.now()
    return [collection.make(index) for index in collection.indices() if start <= log.created[index] < end]

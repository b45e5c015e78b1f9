"""Records by their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, not_found
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.api.selection import hidden_fields

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection


def handle(_: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the record with the id of the path, also an inactive one; 404 if there is none."""
    parameters = QueryParameters(operation(collection.endpoint), request.query)
    with collection.history.lock:
        index = collection.find(request.path_values["id"])
        if index is None:
            return not_found()
        record, hidden = collection.make(index), hidden_fields(parameters)
        return json_response({**record, **hidden} if hidden else record)

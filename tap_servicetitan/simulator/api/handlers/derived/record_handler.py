"""Records by their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, not_found

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection


def handle(_: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the record with the id of the path, also an inactive one; 404 if there is none."""
    with collection.history.lock:
        index = collection.find(request.path_values["id"])
        return not_found() if index is None else json_response(collection.make(index))

"""Nested streams: the records below the parent that the path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.list_handler import render_page
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, not_found, problem
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.api.selection import select
from tap_servicetitan.simulator.data.nested_collection import NestedCollection

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the records of a parent: 404 if there is no such parent, 409 if the parent is inactive.

    Inactive parents are refused where the OpenAPI document declares 409; the text is that of
    ``customers/{id}/contacts`` (MeltanoLabs/tap-service-titan).
    """
    if not isinstance(collection, NestedCollection):
        raise TypeError(collection)
    with collection.history.lock:
        parent = _parent(collection, request)
        if parent is None:
            return not_found()
        if collection.closed(parent):
            noun = collection.endpoint.parent.removesuffix("s").replace("_", " ").capitalize()
            return problem(409, f"{noun} ID = {collection.parents.id_of(parent)} is not active")
    return context.cached(collection, request, lambda: _render(collection, parent, request))


def _parent(collection: NestedCollection, request: ApiRequest) -> int | None:
    """Find the parent by its id; the other values of the path must be the parent's too."""
    placeholder = next(name for name, field in collection.endpoint.path_params.items() if field == "id")
    parent = collection.parents.find(request.path_values[placeholder])
    if parent is None:
        return None
    path_values = {name: str(value) for name, value in collection.path_values(parent).items()}
    return parent if path_values == request.path_values else None


def _render(collection: NestedCollection, parent: int, request: ApiRequest) -> bytes:
    takes = operation(collection.endpoint)
    parameters = QueryParameters(takes, request.query)
    with collection.history.lock:
        _, log = collection.now()
        if collection.distribution.single:
            return msgspec.json.encode(collection.make(parent))
        indices = select(collection, collection.children(parent), parameters, log)
        if "includeChildren" in takes.query and not parameters.flag("includeChildren"):
            indices = [index for index in indices if collection.make(index)["parentId"] is None]
        if takes.records == "[]":
            return msgspec.json.encode([collection.make(index) for index in indices])
        return render_page(collection, parameters, indices, collection.make)

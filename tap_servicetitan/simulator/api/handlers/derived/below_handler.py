"""Records below another one: those of a stream whose fields have the values of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan.simulator.api.derived.derived_kinds import Below, ItemsOf
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.list_handler import render_page
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, not_found, problem
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.api.selection import active_filter, select

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the records: 404 if there is no such owner, 409 if it is inactive and so refused."""
    endpoint = collection.endpoint
    if not isinstance(endpoint, Below):
        raise TypeError(endpoint)
    if endpoint.owner and (refusal := _owner_refusal(context, collection.tenant_id, endpoint, request)):
        return refusal
    values = {name: value for name, value in request.path_values.items() if name not in endpoint.owner_only}
    with collection.history.lock:
        indices = context.index.find(collection, {**values, **endpoint.of})
        if endpoint.single:
            return json_response(collection.make(indices[0])) if indices else not_found()
        if endpoint.gathered_in:
            name = endpoint.gathered_in
            return json_response({name: [item for index in indices for item in collection.make(index)[name]]})
    return context.cached(collection, request, lambda: _render(context, collection, indices, request))


def handle_items(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the items of a list in the record with the id of the path, or 404."""
    endpoint = collection.endpoint
    if not isinstance(endpoint, ItemsOf):
        raise TypeError(endpoint)
    with collection.history.lock:
        index = collection.find(request.path_values["id"])
        if index is None:
            return not_found()

        def render() -> bytes:
            active = active_filter(collection, QueryParameters(operation(endpoint), request.query))
            items = collection.make(index)[endpoint.field_name] or []
            shown = [item for item in items if active is None or item is None or item.get("active", active) is active]
            return msgspec.json.encode(shown)

        return context.cached(collection, request, render)


def _owner_refusal(context: HandlerContext, tenant_id: int, endpoint: Below, request: ApiRequest) -> ApiResponse | None:
    owners = context.world.collection(tenant_id, endpoint.owner or "")
    wanted = endpoint.owner_fields or {endpoint.placeholders[0]: "id"}
    with owners.history.lock:
        index = next((owners.find(request.path_values[name]) for name, of in wanted.items() if of == "id"), None)
        if index is None:
            return not_found()
        fields = owners.with_path_values(index)
        if any(str(fields.get(of)) != request.path_values[name] for name, of in wanted.items()):
            return not_found()
        if endpoint.open_owners_only and not owners.active(index):
            noun = owners.endpoint.name.removesuffix("s").capitalize()
            return problem(409, f"{noun} ID = {fields['id']} is not active")
    return None


def _render(context: HandlerContext, collection: Collection, indices: list[int], request: ApiRequest) -> bytes:
    takes = operation(collection.endpoint)
    parameters = QueryParameters(takes, request.query)
    with collection.history.lock:
        _, log = collection.now()
        if parameters.flag("includeChildren"):
            indices = _with_all_below(context, collection, indices)
        selected = select(collection, indices, parameters, log)
        if takes.records == "[]":
            return msgspec.json.encode([collection.make(index) for index in selected])
        return render_page(collection, parameters, selected, collection.make)


def _with_all_below(context: HandlerContext, collection: Collection, indices: list[int]) -> list[int]:
    """Return records with all that are below them, at any depth."""
    found = list(indices)
    for index in found:  # It grows while it is read.
        found += context.index.find(collection, {"parentId": str(collection.id_of(index))})
    return found

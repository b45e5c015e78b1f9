"""Collections of which there is one for each record of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan.simulator.answers import Answer, Call, problem
from tap_servicetitan.simulator.collection import Children
from tap_servicetitan.simulator.listings import cached, page
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters
from tap_servicetitan.simulator.selection import select

if TYPE_CHECKING:
    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.service import Service


def answer(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with the records of the parent that the path names: 404 if there is none, 409 if it is inactive.

    Inactive parents are refused where the OpenAPI document declares 409; the wording is that of
    ``customers/{id}/contacts`` (MeltanoLabs/tap-service-titan).
    """
    del fault
    if not isinstance(collection, Children):
        raise TypeError(collection)
    with collection.history.lock:
        parent = _parent(collection, call)
        if parent is None:
            return problem(404, "The resource was not found.")
        if collection.closed(parent):
            noun = collection.endpoint.parent.removesuffix("s").replace("_", " ").capitalize()
            return problem(409, f"{noun} ID = {collection.parents.identify(parent)} is not active")
    return cached(service, collection, call, lambda: _render(collection, parent, call))


def _parent(collection: Children, call: Call) -> int | None:
    """Find the parent by its id; what else the path says must be true of it."""
    identity = next(place for place, name in collection.endpoint.path_params.items() if name == "id")
    parent = collection.parents.find(call.places[identity])
    if parent is None:
        return None
    places = {place: str(value) for place, value in collection.places(parent).items()}
    return parent if places == call.places else None


def _render(collection: Children, parent: int, call: Call) -> bytes:
    takes = operation(collection.endpoint)
    parameters = Parameters(takes, call.query)
    with collection.history.lock:
        _, log = collection.now()
        if collection.share.one:
            return msgspec.json.encode(collection.make(parent))
        indices = select(collection, collection.of(parent), parameters, log)
        if takes.records == "[]":
            return msgspec.json.encode([collection.make(index) for index in indices])
        return page(collection, parameters, indices, collection.make)

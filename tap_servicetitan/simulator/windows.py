"""What happened between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.endpoints.kinds import Window
from tap_servicetitan.simulator.figures import Figures
from tap_servicetitan.simulator.listings import cached, page
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters

if TYPE_CHECKING:
    from tap_servicetitan.simulator.answers import Answer, Call
    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.service import Service


def answer(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with what the window holds: records dated in it, or figures summed up over it."""
    del fault
    return cached(service, collection, call, lambda: _render(collection, call))


def _render(collection: Collection, call: Call) -> bytes:
    endpoint = collection.endpoint
    if not isinstance(endpoint, Window):
        raise TypeError(endpoint)
    parameters = Parameters(operation(endpoint), call.query)
    start, end = (parameters.instant(name) or 0 for name in (endpoint.start, endpoint.end))
    with collection.history.lock:
        records = _within(collection, start, end)
        if parameters.operation.has("page"):
            return page(collection, parameters, records, lambda record: record)
    if endpoint.records_path:
        return msgspec.json.encode({endpoint.records_path: records})
    return msgspec.json.encode(records[0] if records else {"totalCost": 0.0})


def _within(collection: Collection, start: int, end: int) -> list[dict[str, Any]]:
    if isinstance(collection, Figures):
        return collection.within(start, end)
    _, log = collection.now()
    return [collection.make(index) for index in collection.indices() if start <= log.created[index] < end]

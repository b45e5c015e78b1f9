"""Export feeds: ``data``, ``hasMore`` and ``continueFrom``, as developer.servicetitan.io describes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.answers import Answer, Call, problem
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters, RefusalError
from tap_servicetitan.simulator.selection import visible
from tap_servicetitan.simulator.tokens import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.log import ChangeLog
    from tap_servicetitan.simulator.service import Service


def sends_token(call: Call) -> bool:
    """Tell whether a request goes on from an earlier answer, rather than from the start or a date."""
    return bool(call.query.get("from")) and instants.parse(call.query["from"]) is None


def answer(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with the page that ``from`` asks for.

    ``fault`` is the kind of misbehaviour that changes the page, if any.
    """
    try:
        active = visible(collection, Parameters(operation(collection.endpoint), call.query))
    except RefusalError as refusal:
        return refusal.answer()
    with collection.history.lock:
        now, log = collection.now()
        place = _start(service, collection, call, log)
        if place is None or (fault == "refuse_token" and sends_token(call)):
            return problem(400, "The value of the parameter 'from' is neither a date nor a token of this feed.")
        settled = log.settled(now)
        end = len(log) if call.query.get("includeRecentChanges", "").lower() == "true" else settled
        window = _Window(service, collection, place, settled, end, active)
        if fault == "empty_page":
            return Answer(200, _page([], more=True, token=service.tokens.write(place.later())))
        if fault == "repeat_token":
            sent = call.query["from"] if sends_token(call) else service.tokens.write(place)
            return Answer(200, window.render(log, repeated=sent))
        key = (collection.tenant_id, collection.endpoint.name, place.position, end, active)
        return Answer(200, service.pages.get(key, lambda: window.render(log)))


def _start(service: Service, collection: Collection, call: Call, log: ChangeLog) -> Place | None:
    """Where the page begins; None when ``from`` cannot be understood or belongs to another feed."""
    here = Place(collection.tenant_id, collection.endpoint.name, 0)
    since = call.query.get("from")
    if not since:
        return here
    instant = instants.parse(since)
    if instant is not None:
        return Place(here.tenant_id, here.stream, log.since(instant))
    place = service.tokens.read(since)
    if place is None or (place.tenant_id, place.stream) != (here.tenant_id, here.stream):
        return None
    return place


@dataclass(frozen=True)
class _Window:
    """The part of a feed that a request may see."""

    service: Service
    collection: Collection
    place: Place
    settled: int
    end: int
    active: bool | None
    """Whether only active or only inactive records are asked for."""

    def render(self, log: ChangeLog, repeated: str | None = None) -> bytes:
        """Render its first page; the last one's token never passes what is settled: recent changes come again."""
        size = self.service.page_size
        positions = list(islice(self._positions(log), size + 1))
        data = [self.collection.record(position) for position in positions[:size]]
        if repeated is not None:
            return _page(data, more=True, token=repeated)
        more = len(positions) > size
        then = Place(self.place.tenant_id, self.place.stream, positions[size - 1] + 1 if more else self.settled)
        return _page(data, more=more, token=self.service.tokens.write(then))

    def _positions(self, log: ChangeLog) -> Iterator[int]:
        positions = log.current(self.place.position, self.end)
        if self.active is None:
            return positions
        return (place for place in positions if self.collection.active(log.indices[place]) is self.active)


def _page(data: list[dict[str, object]], *, more: bool, token: str) -> bytes:
    return msgspec.json.encode({"hasMore": more, "continueFrom": token, "data": data})

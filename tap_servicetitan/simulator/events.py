"""Collections whose records are events: what happened to a job, and the leads that marketing brought in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENTS: Final = 64
"""Ids of events that each row has in store."""

_LEAD_TYPES: Final = ("call", "booking", "leadForm", "job")
"""What a lead is, by type: the OpenAPI document's Call, WebBooking, WebLeadForm and ManualJob, numbered from 1."""


class Events(Collection):
    """A feed whose rows hold lists, such as ``{jobId, history: [...]}``; a change adds an event to a row."""

    def make(self, index: int) -> dict[str, Any]:
        """Make a row with all its events."""
        _, log = self.now()
        dates = [log.created[index]] * (1 + index % 3) + log.changes.get(index, [])
        events = [
            self.maker.make(index * _EVENTS + number, 0, created=date, modified=date, deleted=False)
            for number, date in enumerate(dates[-_EVENTS:])
        ]
        row = {name: events[0][name] for name in self._of_row(events[0])}
        own = [{name: value for name, value in event.items() if name not in row} for event in events]
        return {**row, self._each: own}

    def records(self) -> Iterator[dict[str, Any]]:
        """All events, each with the fields of its row."""
        with self.history.lock:
            for index in self.indices():
                row = self.make(index)
                events = row.pop(self._each)
                yield from [{**row, **event} for event in events]

    @property
    def _each(self) -> str:
        return (isinstance(self.endpoint, Export) and self.endpoint.explode) or ""

    def _of_row(self, event: dict[str, Any]) -> list[str]:
        """Name the fields of the row, which stand before the event's key in the schema."""
        names = list(event)
        return names[: names.index(self.endpoint.keys[0])]


class Leads(Collection):
    """What happened at a moment, and bears the id of a call, a booking, a form or a job, whichever it was."""

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        _, log = self.now()
        record = super().make(index)
        kind = index % len(_LEAD_TYPES)
        record["dateTime"] = instants.render(log.created[index])
        record["leadType"] = kind + 1
        for number, name in enumerate(_LEAD_TYPES):
            if number != kind:
                record[name] = None
        if record[_LEAD_TYPES[kind]] is None:
            whole = self.maker.make(0, 0, created=log.created[index], modified=log.created[index], deleted=False)
            record[_LEAD_TYPES[kind]] = whole[_LEAD_TYPES[kind]]
        return record

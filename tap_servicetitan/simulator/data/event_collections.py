"""Collections of events: what happened to a job, and the leads of marketing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.simulator.data.collection import Collection
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_EVENTS: Final = 64
"""Events of a row; each row has so many ids of events of its own."""

_LEAD_TYPES: Final = ("call", "booking", "leadForm", "job")
"""What a lead is, by type: the OpenAPI document's Call, WebBooking, WebLeadForm and ManualJob, numbered from 1."""


class RowsOfEvents(Collection):
    """A feed whose rows hold lists, such as ``{jobId, history: [...]}``; a change adds an event to a row."""

    def make(self, index: int) -> dict[str, Any]:
        """Make a row with all its events."""
        _, log = self.now()
        dates = [log.created[index]] * (1 + index % 3) + log.changes.get(index, [])
        events = [
            self.maker.make(index * _MAX_EVENTS + number, 0, created=date, modified=date, deleted=False)
            for number, date in enumerate(dates[-_MAX_EVENTS:])
        ]
        row = {name: events[0][name] for name in self._row_fields(events[0])}
        own = [{name: value for name, value in event.items() if name not in row} for event in events]
        return {**row, self._list_field: own}

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all events, each with the fields of its row."""
        with self.history.lock:
            for index in self.indices():
                row = self.make(index)
                events = row.pop(self._list_field)
                yield from [{**row, **event} for event in events]

    @property
    def _list_field(self) -> str:
        return (isinstance(self.endpoint, Export) and self.endpoint.explode) or ""

    def _row_fields(self, event: dict[str, Any]) -> list[str]:
        """Return the fields of the row, which stand before the event's key in the schema."""
        names = list(event)
        return names[: names.index(self.endpoint.keys[0])]


class AttributedLeads(Collection):
    """Leads, each with the id of the call, booking, form or job that it came from."""

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        _, log = self.now()
        record = super().make(index)
        lead_type = index % len(_LEAD_TYPES)
        record["dateTime"] = timestamps.format_utc(log.created[index])
        record["leadType"] = lead_type + 1
        for number, name in enumerate(_LEAD_TYPES):
            if number != lead_type:
                record[name] = None
        if record[_LEAD_TYPES[lead_type]] is None:
            complete = self.maker.make(0, 0, created=log.created[index], modified=log.created[index], deleted=False)
            record[_LEAD_TYPES[lead_type]] = complete[_LEAD_TYPES[lead_type]]
        return record

"""The records of one stream of one tenant, as they are now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoints.kinds import Singleton, Window
from tap_servicetitan.simulator.data import change_log
from tap_servicetitan.simulator.data.clock import present
from tap_servicetitan.simulator.fake.references import changes_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.data.change_log import ChangeLog
    from tap_servicetitan.simulator.data.clock import Clock
    from tap_servicetitan.simulator.data.stories import StoryEvent
    from tap_servicetitan.simulator.fake.identities import Identities
    from tap_servicetitan.simulator.fake.record_context import RecordContext
    from tap_servicetitan.simulator.fake.record_maker import RecordMaker


class History:
    """What has happened to the records of a collection."""

    def __init__(  # noqa: PLR0913  what a history consists of
        self,
        clock: Clock,
        endpoint: Endpoint,
        identities: Identities,
        tenant_id: int,
        customer_name: Callable[[int], str],
        *,
        loses: bool,
    ) -> None:
        """Begin with what happened before the clock's start.

        Args:
            clock: What decides when records change.
            endpoint: Where they are read.
            identities: Their number.
            tenant_id: Whose they are.
            customer_name: Returns the name of the customer with an id, for the records of stories.
            loses: Whether records can disappear.
        """
        self.lock = RLock()
        self._clock = clock
        self._stream = endpoint.name
        self._grows = not isinstance(endpoint, Singleton)
        self._loses = loses
        self._customer_name = customer_name
        self._steps_applied = 0
        rng = Random(f"{identities.seed}:{tenant_id}:{endpoint.name}")
        size = identities.size(endpoint.name)
        if isinstance(endpoint, Window):
            self._log = change_log.of_each_year(size, clock.start, present(), rng)
        else:
            self._log = change_log.with_history(size, clock.start, rng)

    def now(self) -> tuple[int, ChangeLog]:
        """Return the time and the changes until then. Hold the lock while using them."""
        now, steps = self._clock.since(self._steps_applied)
        self._steps_applied += len(steps)
        for step in steps:
            since = len(self._log)
            if step.stream is None or changes_with(step.stream) == self._stream:
                self._log.apply(step, grows=self._grows, loses=self._loses)
            if events := step.stories.get(self._stream):
                self._log.apply_stories([self._with_name(event) for event in events], since)
        return now, self._log

    def _with_name(self, event: StoryEvent) -> StoryEvent:
        """Return a change with the name of its customer, which another tenant's customer does not have."""
        if "customer" not in event.fields:
            return event
        number = event.fields["customer"]["id"]
        customer = {"id": number, "name": self._customer_name(number)}
        return replace(event, fields={**event.fields, "customer": customer})


@dataclass(frozen=True)
class Collection:
    """The records of one stream of one tenant. The index of a record is its number in the order of creation."""

    endpoint: Endpoint
    """Where a client reads the records: the stream's endpoint, or the list beside a feed."""

    tenant_id: int
    maker: RecordMaker
    history: History

    def now(self) -> tuple[int, ChangeLog]:
        """Return the time and the changes until then. Hold the history's lock while using them."""
        return self.history.now()

    def indices(self) -> list[int]:
        """Return all records that exist, in the order of their last change."""
        _, log = self.now()
        return [log.indices[position] for position in log.current(0, len(log))]

    def extent(self) -> tuple[int, int | None]:
        """Return the number of records that exist, and when the last change was, in ticks; None if there is no record."""
        with self.history.lock:
            _, log = self.now()
            return self._number(log), log.times[-1] if log.times else None

    def _number(self, log: ChangeLog) -> int:
        return len(log.created) - len(log.removed)

    def exists(self, index: int) -> bool:
        """Return whether there is such a record, and it was not removed."""
        _, log = self.now()
        return 0 <= index < len(log.created) and index not in log.removed

    def id_of(self, index: int) -> int | str:
        """Return a record's id."""
        return self.maker.id_of(index)

    def find(self, record_id: str) -> int | None:
        """Return the index of the record with this id; None if there is none."""
        _, log = self.now()
        index = self.maker.find(record_id, len(log.created))
        return index if index is not None and self.exists(index) else None

    def active(self, index: int) -> bool:
        """Return whether a record is active, also where the record has no such field."""
        _, log = self.now()
        return index not in log.deleted and (index in log.stories or self.maker.active(index))

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        _, log = self.now()
        record = self.maker.make(
            index,
            len(log.changes.get(index, ())),
            created=log.created[index],
            modified=log.modified(index),
            deleted=index in log.deleted,
        )
        if index in log.stories:
            record |= {"active": index not in log.deleted, **log.stories[index]}
        return record

    def context(self, index: int) -> RecordContext:
        """Return what a view of a record needs to make fields that the stream does not have."""
        _, log = self.now()
        return self.maker.context(index, created=log.created[index], modified=log.modified(index))

    def record(self, position: int) -> dict[str, Any]:
        """Make the record of a position of the change log, as the record is now."""
        _, log = self.now()
        return self.make(log.indices[position])

    def with_path_values(self, index: int) -> dict[str, Any]:
        """Make a record with the values of its path, which a nested record does not always have itself."""
        return self.make(index)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all records that a client is to have, in the order of their last change."""
        with self.history.lock:
            yield from [self.with_path_values(index) for index in self.indices()]

"""The change log of one collection: which record was created or changed when. It is the order of an export feed."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.data.clock import FEED_DELAY
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from tap_servicetitan.simulator.data.clock import TimeStep
    from tap_servicetitan.simulator.data.stories import StoryEvent

HISTORY: Final = 2 * timestamps.YEAR
"""How far back the records of a new simulator go."""

_CHANGED_SHARE: Final = 0.3
_DELETED_SHARE: Final = 0.1
_SAME_TIME_SHARE: Final = 0.02


class ChangeLog:
    """All changes in the order of their dates; a record's earlier changes are void after it changes again.

    Entries are only appended, so a position in the log always means the same change.
    """

    def __init__(self, created: array[int], rng: Random, *, changed_until: int | None = None) -> None:
        """Begin with records that exist at the start.

        Args:
            created: When each record was created, in ascending order: an array, because a feed may have a million
                records.
            rng: What decides by chance.
            changed_until: Some records changed between their creation and this time; None if none has changed yet.
        """
        self._rng = rng
        self.created = created
        self.times = array("q", created)
        self.indices = array("q", range(len(created)))
        if changed_until is not None:
            changed = array("q", (self._changed(index, changed_until) for index in self.indices))
            self.indices = array("q", sorted(self.indices, key=changed.__getitem__))
            self.times = array("q", map(changed.__getitem__, self.indices))
            self._repeat_some_times()
        self._positions = array("q", bytes(8 * len(created)))
        for position, index in enumerate(self.indices):
            self._positions[index] = position
        self.changes: dict[int, list[int]] = {}
        """When each record changed, for those that changed since the start."""
        self.deleted: set[int] = set()
        """Records that are inactive, but still there."""
        self.removed: set[int] = set()
        """Records that are no longer there."""
        self.stories: dict[int, Mapping[str, Any]] = {}
        """The fields of the records that stories created, as far as the stories write them."""

    def _changed(self, index: int, until: int) -> int:
        created = self.created[index]
        changed = index and self._rng.random() < _CHANGED_SHARE
        return created + int(self._rng.random() ** 3 * (until - created)) if changed else created

    def _repeat_some_times(self) -> None:
        """Let bulk edits give many records the same date: a client that continues after the newest date loses some."""
        for position in range(1, len(self.times)):
            if self._rng.random() < _SAME_TIME_SHARE:
                self.times[position] = self.times[position - 1]
                index = self.indices[position]
                self.created[index] = min(self.created[index], self.times[position])

    def __len__(self) -> int:
        return len(self.indices)

    def settled(self, now: int) -> int:
        """Return the position after the last change that is older than :data:`FEED_DELAY`."""
        return bisect_right(self.times, now - FEED_DELAY)

    def since(self, time: int) -> int:
        """Return the position of the first change at this time or later."""
        return bisect_left(self.times, time)

    def current(self, start: int, end: int) -> Iterator[int]:
        """Yield the positions from start to before end whose record has not changed again."""
        for position in range(start, end):
            index = self.indices[position]
            if self._positions[index] == position and index not in self.removed:
                yield position

    def position(self, index: int) -> int:
        """Return the position of a record's last change."""
        return self._positions[index]

    def modified(self, index: int) -> int:
        """Return the time of a record's last change."""
        return self.times[self._positions[index]]

    def apply(self, step: TimeStep, *, grows: bool, loses: bool) -> None:
        """Append the new and changed records of a time step, the recent ones last, without those of stories.

        Args:
            step: What happens.
            grows: Whether there can be new records.
            loses: Whether records can disappear.
        """
        settled = self._choose(step.new if grows else 0, step.changed)
        self._append(settled, step.settled_after, step.settled_until)
        recent = self._choose(step.recent - step.recent // 2 if grows else 0, step.recent // 2)
        self._append(recent, step.recent_after, step.now)
        if loses and step.removed:
            left = self._left()
            self.removed.update(self._rng.sample(left, min(step.removed, len(left))))

    def create(self, time: int) -> int:
        """Create a record, and return its index; :meth:`change` has to follow."""
        self.created.append(time)
        self._positions.append(0)
        return len(self.created) - 1

    def change(self, index: int, time: int) -> None:
        """Append a change of a record."""
        self._positions[index] = len(self.indices)
        self.indices.append(index)
        self.times.append(time)

    def apply_stories(self, events: Sequence[StoryEvent], since: int) -> None:
        """Insert what happened in stories between the entries of the same time step, which begin at a position."""
        for event in events:
            if event.new:
                self.create(event.time)
            self.stories[event.index] = event.fields
        entries = [*zip(self.times[since:], self.indices[since:], strict=True)]
        entries = sorted([*entries, *((event.time, event.index) for event in events)], key=lambda entry: entry[0])
        self.times[since:] = array("q", [time for time, _ in entries])
        self.indices[since:] = array("q", [index for _, index in entries])
        for position, (_, index) in enumerate(entries, since):
            self._positions[index] = position

    def _left(self) -> Sequence[int]:
        everything = range(len(self.created))
        return [index for index in everything if index not in self.removed] if self.removed else everything

    def _choose(self, new: int, changed: int) -> list[int | None]:
        """Choose which records change, in which order; None is a new one."""
        left = self._left()
        chosen: list[int | None] = [*self._rng.sample(left, min(changed, len(left))), *([None] * new)]
        self._rng.shuffle(chosen)
        return chosen

    def _append(self, chosen: list[int | None], after: int, until: int) -> None:
        spread = (after + 1 + int(self._rng.random() * (until - after)) for _ in chosen)
        dates = sorted(max(after + 1, _round_some(time, self._rng)) for time in spread)
        for record, time in zip(chosen, dates, strict=True):
            if record is None:
                index = self.create(time)
            else:
                index = record
                self.changes.setdefault(index, []).append(time)
                if self._rng.random() < _DELETED_SHARE:
                    self.deleted.add(index)
            self.change(index, time)


def with_history(size: int, start: int, rng: Random) -> ChangeLog:
    """Return the log of a collection that has so many records of the last two years."""
    until = start - FEED_DELAY
    begin = start - HISTORY
    step = (until - begin) // (size + 1)
    return ChangeLog(_dates(begin, step, size, rng), rng, changed_until=until)


def of_each_year(size: int, start: int, present: int, rng: Random) -> ChangeLog:
    """Return the log of a collection that has so many records in each year, from a year before the start to the present.

    A client asks for windows by its own date, so there have to be records until then, whatever the simulator's clock
    shows. A later present adds records and changes none.
    """
    begin = start - FEED_DELAY - timestamps.YEAR
    step = timestamps.YEAR // max(1, size)
    number = (present - FEED_DELAY - begin) // step if size else 0
    return ChangeLog(_dates(begin, step, number, rng), rng)


def _dates(begin: int, step: int, number: int, rng: Random) -> array[int]:
    """Return so many dates, one in each step."""
    return array("q", (_round_some(begin + n * step + int(rng.random() * step), rng) for n in range(number)))


def _round_some(time: int, rng: Random) -> int:
    """Cut some times to milliseconds or seconds: not every program that writes to ServiceTitan is more exact."""
    draw = rng.random()
    if draw < 0.1:  # noqa: PLR2004  a share that means nothing elsewhere
        return time - time % timestamps.SECOND
    if draw < 0.3:  # noqa: PLR2004  likewise
        return time - time % (timestamps.SECOND // 1_000)
    return time

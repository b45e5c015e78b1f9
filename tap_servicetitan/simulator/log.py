"""The change log of one collection: which record was created or changed when."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_servicetitan.simulator import instants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

LAG: Final = 15 * instants.MINUTE
"""How long a change stays out of a feed, unless asked for: developer.servicetitan.io, transactional-and-export-apis."""

HISTORY: Final = 2 * instants.YEAR
"""How far back the records of a new simulator go."""

_CHANGED_SHARE: Final = 0.3
_DELETED_SHARE: Final = 0.1
_SAME_INSTANT_SHARE: Final = 0.02


@dataclass(frozen=True)
class Happening:
    """What the records of a collection go through while the simulator's clock moves."""

    new: int
    changed: int
    recent: int
    settled_after: int
    """Instant after which the new and changed records are dated."""

    settled_until: int
    """Instant until which they are dated: :data:`LAG` before the clock."""

    recent_after: int
    now: int
    removed: int = 0
    """Records that vanish without a trace."""


class ChangeLog:
    """Changes in order; a record's earlier entries are void once it changes again.

    Only appended to, so a position in it means the same for ever.
    """

    def __init__(self, size: int, start: int, rng: Random) -> None:
        self._rng = rng
        until = start - LAG
        begin = start - HISTORY
        step = (until - begin) // (size + 1)
        self.created = [round_like_life(begin + n * step + int(rng.random() * step), rng) for n in range(size)]
        dated = []
        for index, created in enumerate(self.created):
            moved = index and rng.random() < _CHANGED_SHARE
            dated.append((created + int(rng.random() ** 3 * (until - created)) if moved else created, index))
        dated.sort()
        self.instants = [instant for instant, _ in dated]
        self.indices = [index for _, index in dated]
        for position in range(1, size):
            # Bulk edits date many records alike: a client that goes on after the newest date would lose some.
            if rng.random() < _SAME_INSTANT_SHARE:
                self.instants[position] = self.instants[position - 1]
                index = self.indices[position]
                self.created[index] = min(self.created[index], self.instants[position])
        self._positions = [0] * size
        for position, index in enumerate(self.indices):
            self._positions[index] = position
        self.changes: dict[int, list[int]] = {}
        """When each record changed, for those that did since the start."""
        self.deleted: set[int] = set()
        """Records that are still there, inactive."""
        self.removed: set[int] = set()
        """Records that are no longer there."""

    def __len__(self) -> int:
        return len(self.indices)

    def settled(self, now: int) -> int:
        """Position after the last change that is older than the lag."""
        return bisect_right(self.instants, now - LAG)

    def since(self, instant: int) -> int:
        """Position of the first change that is not older than the instant."""
        return bisect_left(self.instants, instant)

    def current(self, start: int, end: int) -> Iterator[int]:
        """Positions from start to before end whose record has not changed since."""
        for position in range(start, end):
            index = self.indices[position]
            if self._positions[index] == position and index not in self.removed:
                yield position

    def position(self, index: int) -> int:
        """Position of a record's last change."""
        return self._positions[index]

    def modified(self, index: int) -> int:
        """Instant of a record's last change."""
        return self.instants[self._positions[index]]

    def happen(self, happening: Happening, *, grows: bool, loses: bool) -> None:
        """Append new and changed records, the recent ones last.

        Args:
            happening: What happens.
            grows: Whether there can be new records.
            loses: Whether records can vanish.
        """
        settled = self._mix(happening.new if grows else 0, happening.changed)
        self._append(settled, happening.settled_after, happening.settled_until)
        recent = self._mix(happening.recent - happening.recent // 2 if grows else 0, happening.recent // 2)
        self._append(recent, happening.recent_after, happening.now)
        if loses and happening.removed:
            left = [index for index in range(len(self.created)) if index not in self.removed]
            self.removed.update(self._rng.sample(left, min(happening.removed, len(left))))

    def _mix(self, new: int, changed: int) -> list[int | None]:
        """Which records change, in which order; None is a new one."""
        known = [index for index in range(len(self.created)) if index not in self.removed]
        chosen: list[int | None] = [*self._rng.sample(known, min(changed, len(known))), *([None] * new)]
        self._rng.shuffle(chosen)
        return chosen

    def _append(self, chosen: list[int | None], after: int, until: int) -> None:
        spread = (after + 1 + int(self._rng.random() * (until - after)) for _ in chosen)
        dates = sorted(max(after + 1, round_like_life(instant, self._rng)) for instant in spread)
        for record, instant in zip(chosen, dates, strict=True):
            if record is None:
                index = len(self.created)
                self.created.append(instant)
                self._positions.append(0)
            else:
                index = record
                self.changes.setdefault(index, []).append(instant)
                if self._rng.random() < _DELETED_SHARE:
                    self.deleted.add(index)
            self._positions[index] = len(self.indices)
            self.indices.append(index)
            self.instants.append(instant)


def round_like_life(instant: int, rng: Random) -> int:
    """Cut some instants to milliseconds or seconds: not all that writes to ServiceTitan is as exact as its database."""
    draw = rng.random()
    if draw < 0.1:  # noqa: PLR2004  a share that means nothing elsewhere
        return instant - instant % instants.SECOND
    if draw < 0.3:  # noqa: PLR2004  likewise
        return instant - instant % (instants.SECOND // 1_000)
    return instant

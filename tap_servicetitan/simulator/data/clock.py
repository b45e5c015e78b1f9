"""The simulator's clock, and what happens to the records each time it moves."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from threading import RLock
from time import time
from typing import TYPE_CHECKING, Final

from tap_servicetitan.simulator.data.stories import STREAMS
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.references import changes_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_servicetitan.simulator.data.stories import Stories, StoryEvent

FEED_DELAY: Final = 15 * timestamps.MINUTE
"""How long a feed holds back a change, unless asked for: developer.servicetitan.io, transactional-and-export-apis."""

START: Final = timestamps.parse("2026-01-01T00:00:00Z") or 0
"""Time of the clock when a simulator starts: always the same, so that a seed always gives the same records."""


def present() -> int:
    """Return the machine's time in ticks, or :data:`START` where the machine's clock is behind it."""
    return max(START, int(time()) * timestamps.SECOND)


@dataclass(frozen=True)
class TimeStep:
    """What happens to the records of a collection in one step of the clock; all times are in ticks."""

    stream: str | None
    """The stream whose records change; None for all streams."""

    new: int
    changed: int
    recent: int
    """Additional records, half of them new and half changed, within :data:`FEED_DELAY` of the clock."""

    removed: int
    """Records that disappear without a trace."""

    settled_after: int
    """The new and changed records are dated after this time."""

    settled_until: int
    """They are dated until this time: :data:`FEED_DELAY` before the clock."""

    recent_after: int
    """The recent records are dated after this time."""

    now: int
    """Time of the clock after the step."""

    stories: Mapping[str, Sequence[StoryEvent]]
    """What happens besides, by stream: all of it after the step before, and until now."""


class Clock:
    """The time, and all steps so far. It moves only by :meth:`advance`."""

    def __init__(self, stories: Stories | None = None) -> None:
        """Begin at :data:`START`; what stories bring within :data:`FEED_DELAY` before it has happened by then."""
        self.start: Final = START
        self._now = START - FEED_DELAY
        self._steps: list[TimeStep] = []
        self._moves = 0
        self._last_change = START - FEED_DELAY  # No change is dated later.
        self._stories = stories
        self._created: Counter[str] = Counter()
        """Records created since the start, of each stream that has stories."""

        self._lock = RLock()
        self.advance(minutes=FEED_DELAY / timestamps.MINUTE, new=0, changed=0, recent=0, removed=0, stream=None)

    @property
    def now(self) -> int:
        """The time in ticks."""
        return self._now

    @property
    def steps(self) -> int:
        """How often the clock has moved so far, also where no record changed."""
        return self._moves

    def since(self, step: int) -> tuple[int, list[TimeStep]]:
        """Return the time, and the steps after the first ``step`` ones."""
        with self._lock:
            return self._now, self._steps[step:]

    def advance(  # noqa: PLR0913  as in Simulator.advance
        self, *, minutes: float, new: int, changed: int, recent: int, removed: int, stream: str | None
    ) -> None:
        """Move the clock.

        Raises:
            ValueError: A number is negative, or the time is too short to date the changes in.
        """
        if min(minutes, new, changed, recent, removed) < 0 or not math.isfinite(minutes):
            message = "Nothing to advance by: minutes, new, changed, recent and removed must not be negative."
            raise ValueError(message)
        with self._lock:
            now = self._now + int(minutes * timestamps.MINUTE)
            settled_after = self._last_change
            settled_until = now - FEED_DELAY
            last_settled = settled_until if new or changed else settled_after
            recent_after = max(last_settled, settled_until)
            if last_settled <= settled_after and (new or changed):
                missing = (settled_after - settled_until) / timestamps.MINUTE
                message = (
                    f"Too short a time: new and changed records are dated at least 15 minutes before the clock and after "
                    f"all earlier changes. Advance by more than {minutes + missing:g} minutes, or use `recent`."
                )
                raise ValueError(message)
            if recent and recent_after >= now:
                message = "Too short a time for recent changes: advance by more than 0 minutes."
                raise ValueError(message)
            self._last_change = now if recent else last_settled
            self._created.update(
                dict.fromkeys((changes_with(stream),) if stream else STREAMS, new + recent - recent // 2)
            )
            stories = self._stories.between(self._now, now, self._created) if self._stories else []
            self._last_change = max([self._last_change, *(event.time for event in stories[-1:])])
            if stories or any((new, changed, recent, removed)):
                by_stream = {name: [event for event in stories if event.stream == name] for name in STREAMS}
                self._steps.append(
                    TimeStep(
                        stream,
                        new,
                        changed,
                        recent,
                        removed,
                        settled_after,
                        settled_until,
                        recent_after,
                        now,
                        by_stream,
                    )
                )
            self._moves += 1
            self._now = now

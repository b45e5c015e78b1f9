"""A cache of rendered pages, which makes the simulator fast enough to measure a client with."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tap_servicetitan.simulator.data.clock import Clock

PAGE_LIMIT: Final = 128 << 20
"""Bytes of all pages that are kept; above it the oldest pages are dropped."""

SELECTION_LIMIT: Final = 8_000_000
"""Records in all selections that are kept, at 8 bytes a record."""

T = TypeVar("T", bytes, Sequence[int])


class PageCache(Generic[T]):
    """Remembers the pages that were rendered since the clock last moved, or the records that lists selected."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._steps = clock.steps
        self._lock = Lock()
        self._pages: dict[Hashable, T] = {}
        self._size = 0

    def get(self, key: Hashable, render: Callable[[], T]) -> T:
        """Return the page of a key; it is rendered if it is not in the cache."""
        steps = self._clock.steps
        with self._lock:
            if steps != self._steps:
                self._steps = steps
                self._pages.clear()
                self._size = 0
            page = self._pages.get(key)
        if page is None:
            page = render()
            with self._lock:
                # The clock may have moved while the page was rendered.
                if key not in self._pages and steps == self._steps:
                    self._size += len(page)
                    self._pages[key] = page
                while self._size > self._limit:
                    self._size -= len(self._pages.pop(next(iter(self._pages))))
        return page

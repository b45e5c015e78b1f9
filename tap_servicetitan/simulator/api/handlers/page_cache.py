"""A cache of rendered pages, which makes the simulator fast enough to measure a client with."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tap_servicetitan.simulator.data.clock import Clock

LIMIT: Final = 1 << 30
"""Bytes of all pages that are kept; above it the oldest pages are dropped."""


class PageCache:
    """Remembers the pages that were rendered since the clock last moved."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps = clock.steps
        self._lock = Lock()
        self._pages: dict[Hashable, bytes] = {}
        self._size = 0

    def get(self, key: Hashable, render: Callable[[], bytes]) -> bytes:
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
                while self._size > LIMIT:
                    self._size -= len(self._pages.pop(next(iter(self._pages))))
        return page

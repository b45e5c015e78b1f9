"""Pages rendered once: what makes the simulator fast enough to measure a client with."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

LIMIT: Final = 1 << 30
"""Bytes of all pages kept; beyond it the oldest go."""


class PageCache:
    """Remembers rendered pages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: dict[Hashable, bytes] = {}
        self._size = 0

    def get(self, key: Hashable, render: Callable[[], bytes]) -> bytes:
        """Return the page, rendered unless it was before."""
        page = self._pages.get(key)
        if page is None:
            page = render()
            with self._lock:
                if key not in self._pages:
                    self._size += len(page)
                    self._pages[key] = page
                while self._size > LIMIT:
                    self._size -= len(self._pages.pop(next(iter(self._pages))))
        return page

    def clear(self) -> None:
        """Forget all pages: the records changed."""
        with self._lock:
            self._pages.clear()
            self._size = 0

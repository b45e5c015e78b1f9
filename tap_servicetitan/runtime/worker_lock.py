"""The lock that a worker holds while it runs SDK or tap code.

singer-sdk is written for one thread. A worker thread reads every stream of a tenant, but it holds the worker lock
whenever it moves bookmarks or writes messages, and releases it while it waits for the API and decodes the answer. So
state, messages and the SDK's metrics need no locks of their own, and a bookmark always agrees with what was written.
What requests and decoding share has locks of its own: tokens, rate limits, progress, schema violations.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class RunAborted(BaseException):
    """The run has ended; a worker that waits for the lock gets this instead."""


class WorkerLock:
    """The right to move bookmarks and to write messages; the thread that makes it holds it first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._closed = False

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let other threads hold the lock while this one does what needs none, such as a request."""
        self._lock.release()
        try:
            yield
        finally:
            self.acquire()

    def acquire(self, seconds: float = -1) -> bool:
        """Wait for the lock, without limit unless seconds are given; return whether it was acquired.

        Raises:
            RunAborted: The run has ended.
        """
        if not self._lock.acquire(timeout=seconds):
            return False
        if self._closed:
            self._lock.release()
            raise RunAborted
        return True

    def release(self) -> None:
        """Let another thread hold the lock."""
        self._lock.release()

    def close(self) -> None:
        """End the run for all threads except the one that holds the lock."""
        self._closed = True

"""Requests that are known in advance, several at the same time, their results in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tap_servicetitan.runtime.worker_lock import WorkerLock

T = TypeVar("T")
R = TypeVar("R")


class Prefetcher:
    """Runs several requests at the same time and yields their results in order.

    All users share one bound on what is under way beyond the next result of each, so that memory stays bounded.
    """

    def __init__(self, worker_lock: WorkerLock, width: int) -> None:
        """Make the prefetcher of a run.

        Args:
            worker_lock: Released while a result is waited for.
            width: Results under way beyond the next one at most, over all users.
        """
        self._worker_lock = worker_lock
        self._ahead = threading.Semaphore(width)
        self._pool = ThreadPoolExecutor(2 * width, thread_name_prefix="prefetch")

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the function's result for each item, in order.

        Args:
            function: Runs in another thread without the worker lock: it may request and decode, nothing else.
            items: Drawn with the worker lock held, only as far ahead as results may be.
        """
        source = iter(items)
        under_way: deque[tuple[Future[R], bool]] = deque()
        try:
            while True:
                while not under_way or self._ahead.acquire(blocking=False):
                    ahead = bool(under_way)
                    try:
                        under_way.append((self._pool.submit(function, next(source)), ahead))
                    except BaseException as end:
                        if ahead:
                            self._ahead.release()
                        if isinstance(end, StopIteration):
                            break
                        raise
                if not under_way:
                    return
                yield self._result(under_way)
        finally:
            for future, ahead in under_way:
                future.cancel()
                if ahead:
                    self._ahead.release()

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._pool.shutdown()

    def _result(self, under_way: deque[tuple[Future[R], bool]]) -> R:
        future, ahead = under_way[0]
        with self._worker_lock.released():
            wait((future,))
        under_way.popleft()
        if ahead:
            self._ahead.release()
        return future.result()

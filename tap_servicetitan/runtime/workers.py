"""Overlapping requests, one thread's work at a time.

singer-sdk is written for one thread. Every stream of a tenant is read by a worker thread, but a worker holds *the
worker lock* whenever it moves bookmarks or writes messages, and releases it while it asks the API for an answer and decodes
that. So state, messages and the SDK's metrics need no locks of their own, and a bookmark always agrees with what was
written. What asking and decoding share has its own: tokens, budgets, figures of progress, notes of violations.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

SHUTDOWN_GRACE = 1.0
"""Seconds that a run which is told to stop waits for the worker lock, so as to write a last STATE."""

SIGNAL_POLL_SECONDS = 0.2
"""Seconds after which the main thread, while it waits, looks for signals: where others run, one may come without waking it
(seen with Python 3.11 on Linux under load: the run went on as if it had not been told to stop)."""


class RunAborted(BaseException):
    """The run has ended; a worker that comes back for the worker lock gets this instead, past every ``except Exception``."""


class WorkerLock:
    """The right to move bookmarks and to write, held by one thread at a time; at first by the thread that made it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._closed = False

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let other threads have the worker lock while this one does what needs none, such as to ask the API."""
        self._lock.release()
        try:
            yield
        finally:
            self.acquire()

    def acquire(self, seconds: float = -1) -> bool:
        """Wait for the worker lock, for ever unless a number of seconds is given; tell whether it was got.

        Raises:
            RunAborted: The run has ended meanwhile.
        """
        if not self._lock.acquire(timeout=seconds):
            return False
        if self._closed:
            self._lock.release()
            raise RunAborted
        return True

    def release(self) -> None:
        """Let another thread have the worker_lock."""
        self._lock.release()

    def close(self) -> None:
        """End the run for all threads but the one that holds the worker_lock."""
        self._closed = True


class Prefetcher:
    """Asks for several things side by side and hands their results out in order.

    All who use it share what may be under way beyond the next thing of each, so that memory stays bounded.
    """

    def __init__(self, worker_lock: WorkerLock, width: int) -> None:
        """Make it.

        Args:
            worker_lock: Released while a result is waited for.
            width: Things under way ahead of the next one at most, over all users.
        """
        self._worker_lock = worker_lock
        self._ahead = threading.Semaphore(width)
        self._pool = ThreadPoolExecutor(2 * width, thread_name_prefix="prefetcher")

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the function's result for each item, in order.

        Args:
            function: Run in another thread, without the worker lock: it may ask the API and decode, nothing else.
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


def run(
    jobs: Sequence[Callable[[], None]], *, worker_lock: WorkerLock, workers: int, on_abort: Callable[[], None]
) -> None:
    """Run every job, in order of the list, up to so many at once.

    Args:
        jobs: What to run. A job deals with its own failures: whatever it raises ends all of them.
        worker_lock: Held by the caller, and again when this returns.
        workers: Jobs under way at most.
        on_abort: Run with the worker lock held when the jobs end early, by an exception or a signal.
    """
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_work, args=(waiting, ends, worker_lock), name=f"worker-{n}", daemon=True)
        for n in range(min(workers, len(jobs)))
    ]
    worker_lock.release()
    try:
        for thread in threads:
            thread.start()
        _raise_first(_next(ends) for _ in threads)
    except BaseException:
        if worker_lock.acquire(SHUTDOWN_GRACE):
            worker_lock.close()
            on_abort()
            worker_lock.release()
        raise
    worker_lock.acquire()


def _work(
    jobs: queue.SimpleQueue[Callable[[], None]],
    ends: queue.SimpleQueue[BaseException | None],
    worker_lock: WorkerLock,
) -> None:
    """Run jobs until none is left, then tell how it ended."""
    try:
        worker_lock.acquire()
        with contextlib.suppress(queue.Empty):
            while True:
                jobs.get_nowait()()
    except RunAborted:
        return
    except BaseException as error:  # noqa: BLE001 -- carried to the main thread, which raises it
        end: BaseException | None = error
    else:
        end = None
    worker_lock.release()
    ends.put(end)


def _next(ends: queue.SimpleQueue[BaseException | None]) -> BaseException | None:
    """Wait for the next thread to end."""
    while True:
        with contextlib.suppress(queue.Empty):
            return ends.get(timeout=SIGNAL_POLL_SECONDS)


def _raise_first(ends: Iterable[BaseException | None]) -> None:
    for end in ends:
        if end:
            raise end

"""The threads that read the streams of a run."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Sequence

from tap_servicetitan.runtime.worker_lock import RunAborted, WorkerLock

SHUTDOWN_GRACE = 1.0
"""Seconds that a run which has to stop waits for the worker lock, to write a last STATE."""

SIGNAL_POLL_SECONDS = 0.2
"""How often the main thread looks for signals while it waits. Where other threads run, a signal may come without
waking it (seen with Python 3.11 on Linux under load: the run went on after SIGTERM)."""


def run_jobs(
    jobs: Sequence[Callable[[], None]], *, worker_lock: WorkerLock, workers: int, on_abort: Callable[[], None]
) -> None:
    """Run every job, in the order of the list.

    Args:
        jobs: What to run. A job handles its own failures: an exception that leaves it ends all of them.
        worker_lock: Held by the caller, and again when this returns.
        workers: Jobs under way at most.
        on_abort: Runs with the worker lock held when an exception or a signal ends the jobs early.
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
    """Run jobs until none is left, then report how it ended."""
    try:
        worker_lock.acquire()
        with contextlib.suppress(queue.Empty):
            while True:
                jobs.get_nowait()()
    except RunAborted:
        return
    except BaseException as error:  # noqa: BLE001 -- the main thread raises it
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

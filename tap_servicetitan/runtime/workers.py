"""The threads that read the streams of a run."""

from __future__ import annotations

import queue
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tap_servicetitan.client.slots import Slots
from tap_servicetitan.runtime.worker_lock import RunAborted, WorkerLock

SHUTDOWN_GRACE = 1.0
"""Seconds that a run which has to stop waits for the worker lock, to write a last STATE."""

SIGNAL_POLL_SECONDS = 0.2
"""How often the main thread looks for signals while it waits. Where other threads run, a signal may come without
waking it (seen with Python 3.11 on Linux under load: the run went on after SIGTERM)."""


@dataclass(frozen=True)
class Job:
    """What one worker runs."""

    tenant_id: str
    run: Callable[[], None]
    """Handles its own failures: an exception that leaves it ends all jobs."""
    throttled_separately: bool = False
    """It waits mostly for a rate limit of its own, so it runs beside as many others as there may be."""


def run_jobs(jobs: Sequence[Job], *, worker_lock: WorkerLock, slots: Slots, on_abort: Callable[[], None]) -> None:
    """Run every job; those of a tenant in the order of the list.

    A job holds a slot, except while it waits: then another job runs in its place. Each tenant has workers of its own, as
    many as there are slots, which start when they get one: a tenant whose jobs all wait does not stop the others.

    Args:
        jobs: What to run.
        worker_lock: Held by the caller, and again when this returns.
        slots: Limit the jobs that run, but not those that wait.
        on_abort: Runs with the worker lock held when an exception or a signal ends the jobs early.
    """
    ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    queued: defaultdict[str, deque[Job]] = defaultdict(deque)
    more = Counter(job.tenant_id for job in jobs if job.throttled_separately)
    workers: list[tuple[str, threading.Thread]] = []
    for job in jobs:
        of_tenant = queued[job.tenant_id]
        of_tenant.append(job)
        if len(of_tenant) <= slots.count + more[job.tenant_id]:
            workers.append((job.tenant_id, _thread(job.tenant_id, of_tenant, ends, worker_lock, slots)))
    worker_lock.release()
    try:
        for tenant_id, thread in workers:
            slots.call_with_slot(tenant_id, thread.start)
        for _ in workers:
            _raise_end(ends, slots)
    except BaseException:
        if worker_lock.acquire(SHUTDOWN_GRACE):
            worker_lock.close()
            on_abort()
            worker_lock.release()
        raise
    worker_lock.acquire()


def _thread(tenant_id: str, *args: Any) -> threading.Thread:
    return threading.Thread(target=_work, args=(tenant_id, *args), name=f"worker {tenant_id}", daemon=True)


def _work(
    tenant_id: str,
    jobs: deque[Job],
    ends: queue.SimpleQueue[BaseException | None],
    worker_lock: WorkerLock,
    slots: Slots,
) -> None:
    """Run jobs of a tenant until none is left, then report how it ended; starts with a slot."""
    slots.adopt(tenant_id)
    end: BaseException | None = None
    try:
        while _run_next(jobs, worker_lock):
            with slots.released():  # another tenant may be next
                pass
    except RunAborted:
        return
    except BaseException as error:  # noqa: BLE001 -- the main thread raises it
        end = error
    slots.give_back()
    ends.put(end)


def _run_next(jobs: deque[Job], worker_lock: WorkerLock) -> bool:
    """Run the next job, if there is one; return whether more are left."""
    worker_lock.acquire()
    try:
        if jobs:
            jobs.popleft().run()
    except RunAborted:  # raised in place of the lock
        raise
    except BaseException:
        worker_lock.release()
        raise
    worker_lock.release()
    return bool(jobs)


def _raise_end(ends: queue.SimpleQueue[BaseException | None], slots: Slots) -> None:
    """Wait for the next worker to end; raise what it raised."""
    while True:
        try:
            end = ends.get(timeout=SIGNAL_POLL_SECONDS)
        except queue.Empty:
            slots.poll()
            continue
        if end:
            raise end
        return

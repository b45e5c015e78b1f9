"""Requests that are known in advance, several at the same time, their results in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tap_servicetitan.client.slots import Slots
from tap_servicetitan.runtime.worker_lock import WorkerLock

T = TypeVar("T")
R = TypeVar("R")


class Prefetcher:
    """Runs several requests at the same time and yields their results in order.

    What is under way beyond the next result of each user is bounded by the tenant's share of the slots, so that memory
    stays bounded, and a tenant whose requests wait does not stop the prefetching of others.
    """

    def __init__(self, worker_lock: WorkerLock, slots: Slots) -> None:
        """Make the prefetcher of a run.

        Args:
            worker_lock: Released while a result is waited for.
            slots: Give the calling thread's tenant and its share.
        """
        self._worker_lock = worker_lock
        self._slots = slots
        self._ahead: Counter[str | None] = Counter()
        """Results under way beyond the next ones, by tenant (None for users of all tenants); accessed with the worker lock only."""
        self._pools: dict[str | None, ThreadPoolExecutor] = {}

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the function's result for each item, in order.

        Args:
            function: Runs without the worker lock, and in other threads: it may request and decode, nothing else.
            items: Drawn with the worker lock held, only as far ahead as results may be.
        """
        tenant_id = self._slots.tenant
        source = iter(items)
        ahead: deque[Future[R]] = deque()
        try:
            while True:
                if ahead:
                    future = ahead.popleft()
                    self._ahead[tenant_id] -= 1
                    self._fill(ahead, function, source, tenant_id)
                    yield self._result(future)
                    continue
                try:
                    item = next(source)
                except StopIteration:
                    return
                self._fill(ahead, function, source, tenant_id)
                with self._worker_lock.released():
                    result = function(item)
                yield result
        finally:
            for future in ahead:
                future.cancel()
            self._ahead[tenant_id] -= len(ahead)

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        for pool in self._pools.values():
            pool.shutdown()

    def _fill(
        self, ahead: deque[Future[R]], function: Callable[[T], R], source: Iterator[T], tenant_id: str | None
    ) -> None:
        """Start what may be under way beyond the next result; with the worker lock."""
        while self._ahead[tenant_id] < (self._slots.share if tenant_id else self._slots.count):
            try:
                item = next(source)
            except StopIteration:
                return
            ahead.append(self._pool(tenant_id).submit(function, item))
            self._ahead[tenant_id] += 1

    def _pool(self, tenant_id: str | None) -> ThreadPoolExecutor:
        if tenant_id not in self._pools:
            self._pools[tenant_id] = ThreadPoolExecutor(2 * self._slots.count, f"prefetch {tenant_id}")
        return self._pools[tenant_id]

    def _result(self, future: Future[R]) -> R:
        with self._worker_lock.released():
            if not future.done():
                with self._slots.released():  # the thread that requests has one
                    wait((future,))
        return future.result()

"""Slots: how many threads request, decode and write at the same time, and which tenants they work for."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG_SECONDS = 5.0
"""Seconds without any answer after which a tenant counts as unserved."""

MAX_SLOTS_FACTOR = 4
"""Unserved tenants get no slot once so many times the number of slots are held, so that connections stay bounded."""

_POLL_SECONDS = 0.2
"""How often a waiting thread looks for tenants that have become unserved."""


@dataclass
class _Tenant:
    """A tenant's slots and requests."""

    slots: int = 0
    requests: int = 0
    """In flight."""
    quiet_since: float = 0.0
    """Since when requests are in flight and none was answered, by the monotonic clock."""
    refused: bool = False
    """Whether its last request failed."""
    last_turn: int = 0
    """Number of the last slot that it got, over all tenants."""
    waiting: deque[Callable[[], None]] = field(default_factory=deque)
    """Called when one of its threads gets a slot."""


class Slots:
    """A thread holds a slot while it requests, decodes and writes, and gives it back while it waits.

    So a fixed number of pages is in memory, and of requests in flight, whatever the number of tenants. A free slot goes
    to the tenant that has the fewest; among several, to the one that has waited for longest.

    A tenant is *unserved* if its last request failed (no answer, 429, 5xx), or if it has got no answer for some seconds.
    Until it gets one, its requests in flight do not count, so that they take no slot from other tenants; it gets one
    more slot at a time.
    """

    def __init__(self, count: int, hang_seconds: float = HANG_SECONDS) -> None:
        """Make the slots of a run.

        Args:
            count: Slots for all tenants together.
            hang_seconds: Seconds without any answer after which a tenant is unserved.
        """
        self.count = count
        self._hang_seconds = hang_seconds
        self._lock = threading.Lock()
        self._tenants: dict[str, _Tenant] = {}
        self._turns = itertools.count(1)
        self._thread = threading.local()

    @property
    def tenant(self) -> str | None:
        """The tenant whose slot the calling thread holds; None if it holds none."""
        return getattr(self._thread, "tenant", None)

    @property
    def share(self) -> int:
        """Slots for each tenant if those that use or want some divide them; 0 if there are more tenants."""
        with self._lock:
            busy = sum(1 for tenant in self._tenants.values() if tenant.slots or tenant.waiting)
        return self.count // max(busy, 1)

    def call_with_slot(self, tenant_id: str, start: Callable[[], None]) -> None:
        """Call a function when the tenant gets a slot: it starts a thread, which calls :meth:`adopt`."""
        with self._lock:
            self._tenants.setdefault(tenant_id, _Tenant()).waiting.append(start)
            self._grant()

    def adopt(self, tenant_id: str) -> None:
        """Make the calling thread the holder of the slot that it was started with."""
        self._thread.tenant = tenant_id

    def take(self, tenant_id: str) -> None:
        """Wait for a slot, unless the calling thread holds one."""
        if self.tenant is not None:
            return
        granted = threading.Event()
        self.call_with_slot(tenant_id, granted.set)
        while not granted.wait(_POLL_SECONDS):
            self.poll()
        self._thread.tenant = tenant_id

    def give_back(self) -> None:
        """Give back the calling thread's slot, if it holds one."""
        if self.tenant is None:
            return
        with self._lock:
            self._tenants[self.tenant].slots -= 1
            self._thread.tenant = None
            self._grant()

    @contextmanager
    def held(self, tenant_id: str) -> Iterator[None]:
        """Hold a slot in this block; it is given back at the end unless the thread held it before."""
        before = self.tenant
        self.take(tenant_id)
        try:
            yield
        finally:
            if before is None:
                self.give_back()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give back the thread's slot for this block, which waits; take one again at its end."""
        before = self.tenant
        self.give_back()
        try:
            yield
        finally:
            if before is not None:
                self.take(before)

    def request_started(self, tenant_id: str) -> None:
        """Record that a request has been sent."""
        with self._lock:
            tenant = self._tenants.setdefault(tenant_id, _Tenant())
            if not tenant.requests:
                tenant.quiet_since = time.monotonic()
            tenant.requests += 1

    def request_ended(self, tenant_id: str, *, served: bool) -> None:
        """Record the end of a request.

        Args:
            tenant_id: Whose.
            served: Whether there was an answer, other than 429 and 5xx.
        """
        with self._lock:
            tenant = self._tenants[tenant_id]
            tenant.requests -= 1
            tenant.refused = not served
            if served:
                tenant.quiet_since = time.monotonic()

    def poll(self) -> None:
        """Give out slots that are free because a tenant has become unserved as time passed."""
        with self._lock:
            self._grant()

    def _grant(self) -> None:
        """Give out the free slots; with the lock."""
        while waiting := [tenant for tenant in self._tenants.values() if tenant.waiting]:
            now = time.monotonic()
            total = counted = 0
            for tenant in self._tenants.values():
                total += tenant.slots
                counted += tenant.slots - (tenant.requests if self._is_unserved(tenant, now) else 0)
            free = counted < self.count
            extra = total < MAX_SLOTS_FACTOR * self.count
            entitled = [
                each for each in waiting if (extra and not each.slots if self._is_unserved(each, now) else free)
            ]
            if not entitled:
                return
            tenant = min(entitled, key=lambda each: (each.slots, each.last_turn))
            tenant.slots += 1
            tenant.last_turn = next(self._turns)
            tenant.waiting.popleft()()

    def _is_unserved(self, tenant: _Tenant, now: float) -> bool:
        return tenant.refused or (tenant.requests > 0 and now - tenant.quiet_since >= self._hang_seconds)

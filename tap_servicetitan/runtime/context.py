"""What the streams of one run share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime

from tap_servicetitan.client.client import Client
from tap_servicetitan.client.session import ConnectionPool
from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.runtime.checkpoints import Checkpoints
from tap_servicetitan.runtime.prefetch import Prefetcher
from tap_servicetitan.runtime.progress import Progress
from tap_servicetitan.runtime.worker_lock import WorkerLock
from tap_servicetitan.settings import Settings


class RunContext:
    """Settings, clients, locks, output and progress of one run.

    What needs a valid config is made when it is first used, because discovery needs no config.
    """

    def __init__(
        self,
        load_settings: Callable[[], Settings],
        messages: MessageWriter,
        write_state: Callable[[], None],
        started: datetime,
        *,
        wait_factor: float = 1.0,
    ) -> None:
        """Make the context of a run.

        Args:
            load_settings: Returns the config in typed form.
            messages: Where Singer messages go.
            write_state: Writes a STATE message.
            started: When the run began.
            wait_factor: Factor on the waits between attempts of a request.
        """
        self._load_settings = load_settings
        self.wait_factor = wait_factor
        self.messages = messages
        self.started = started
        self.worker_lock = WorkerLock()
        self.checkpoints = Checkpoints(messages, write_state)
        self.progress = Progress()

    @functools.cached_property
    def settings(self) -> Settings:
        """The config in typed form."""
        return self._load_settings()

    @functools.cached_property
    def pool(self) -> ConnectionPool:
        """What the clients of all tenants share."""
        return ConnectionPool(self.settings.concurrency, self.settings.request_timeout)

    @functools.cached_property
    def clients(self) -> Mapping[str, Client]:
        """The client of each tenant, by tenant id."""
        return {
            tenant.tenant_id: Client(tenant, self.settings, self.pool, wait_factor=self.wait_factor)
            for tenant in self.settings.tenants
        }

    @functools.cached_property
    def prefetcher(self) -> Prefetcher:
        """Requests pages and parents that are known of, several at the same time."""
        return Prefetcher(self.worker_lock, self.pool.slots)

    def prepare(self) -> None:
        """Make what is made on first use, before several workers could do so at the same time."""
        _ = self.clients, self.prefetcher

"""What the simulator has and does at this moment: the JSON that the page for people shows."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.endpoints.kinds import Capacity
from tap_servicetitan.simulator.api.faults import FAULT_MEANINGS
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.api.faults import Faults
    from tap_servicetitan.simulator.data.world import World
    from tap_servicetitan.simulator.http.request_log import RequestLog

MAX_REQUESTS: Final = 50
"""Number of requests in the overview: the last ones."""

MAX_MADE_TO_LOOK: Final = 20_000
"""A stream that starts with more records is not made only to be looked at: its newest change is known once it is read."""


class Overview:
    """Describes collections, requests and faults. It is cheap: what clients have to wait for is done once a step."""

    def __init__(self, world: World, faults: Faults, log: RequestLog, live: float) -> None:
        self._world = world
        self._faults = faults
        self._log = log
        self._live = live
        self._collections: tuple[tuple[int, int, int], list[dict[str, Any]]] = ((0, 0, 0), [])

    def describe(self, tenant_id: int | None = None) -> dict[str, Any]:
        """Return everything about a tenant, the first one if not given.

        Raises:
            ValueError: There is no such tenant.
        """
        tenant = self._world.tenants[0] if tenant_id is None else tenant_id
        now = monotonic()
        return {
            "now": timestamps.format_utc(self._world.clock.now),
            "live": self._live,
            "tenants": self._world.tenants,
            "tenant": tenant,
            "collections": self._of_tenant(tenant),
            "in_flight": self._log.in_flight,
            "requests": [
                {
                    "seconds_ago": round(now - one.at, 3),
                    "seconds": round(one.seconds, 4),
                    "method": one.method,
                    "path": one.path,
                    "query": one.query,
                    "status": one.status,
                    "stream": one.stream,
                    "fault": one.fault,
                }
                for one in self._log.last(MAX_REQUESTS)
            ],
            "faults": msgspec.to_builtins(self._faults.active()),
            "fault_kinds": FAULT_MEANINGS,
        }

    def _of_tenant(self, tenant: int) -> list[dict[str, Any]]:
        """Describe the collections of a tenant; nothing changes between two steps of the clock."""
        key = (tenant, self._world.clock.steps, len(self._world.endpoints))
        if key != self._collections[0]:
            self._collections = key, [self._collection(tenant, one) for one in [*self._world.endpoints.values()]]
        return self._collections[1]

    def _collection(self, tenant: int, endpoint: Endpoint) -> dict[str, Any]:
        description: Mapping[str, Any] = {
            "stream": endpoint.name,
            "kind": type(endpoint).__name__.lower(),
            "path": endpoint.url_path.replace("{tenant_id}", str(tenant)),
        }
        if isinstance(endpoint, Capacity):  # Its time frames have no end, and no change.
            return {**description, "records": None, "newest": None}
        size = self._world.identities.size(endpoint.name)
        if size > MAX_MADE_TO_LOOK and endpoint.name not in self._world.made:
            return {**description, "records": size, "newest": None}
        records, newest = self._world.collection(tenant, endpoint.name).extent()
        return {**description, "records": records, "newest": None if newest is None else timestamps.format_utc(newest)}

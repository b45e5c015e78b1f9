"""The business behind the API: a clock, and every collection of every tenant."""

from __future__ import annotations

import math
from threading import RLock
from typing import TYPE_CHECKING, Final

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Export, Nested, Window
from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.capacities import Capacities
from tap_servicetitan.simulator.collection import Children, Collection, History
from tap_servicetitan.simulator.events import Events, Leads
from tap_servicetitan.simulator.figures import Figures
from tap_servicetitan.simulator.log import LAG, Happening
from tap_servicetitan.simulator.records import RecordMaker
from tap_servicetitan.simulator.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.identities import Identities

START: Final = instants.parse("2026-01-01T00:00:00Z") or 0
"""Where the clock stands when a simulator starts, so that the same seed always gives the same answers."""


class World:
    """All that the simulated ServiceTitan knows. It changes only when :meth:`advance` is called."""

    def __init__(self, tenants: Sequence[int], identities: Identities) -> None:
        self.lock = RLock()
        self.start = START
        self.now = START
        self.tenants = tuple(tenants)
        self.identities = identities
        self.endpoints: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in table.endpoints()}
        for name in identities.sizes:
            self.endpoint(name)
        self.happenings: list[tuple[str | None, Happening]] = []
        self._edge = START - LAG  # No change is dated later.
        self._collections: dict[tuple[int, str], Collection] = {}

    def endpoint(self, stream: str) -> Endpoint:
        """Return a stream's entry of the table.

        Raises:
            ValueError: There is no such stream.
        """
        try:
            return self.endpoints[stream]
        except KeyError:
            message = f"No stream {stream!r}: there are {', '.join(sorted(self.endpoints))}."
            raise ValueError(message) from None

    def collection(self, tenant_id: int, stream: str) -> Collection:
        """Return a tenant's records of a stream; they are made up when first asked for.

        Raises:
            ValueError: There is no such stream or tenant.
        """
        with self.lock:
            key = tenant_id, stream
            if key not in self._collections:
                endpoint = self.endpoint(stream)
                if tenant_id not in self.tenants:
                    message = f"No tenant {tenant_id}: there are {', '.join(map(str, self.tenants))}."
                    raise ValueError(message)
                self._collections[key] = self._make(endpoint, tenant_id)
            return self._collections[key]

    def _make(self, endpoint: Endpoint, tenant_id: int) -> Collection:
        maker = RecordMaker(endpoint, schemas.load(endpoint), self.identities, tenant_id)
        if not isinstance(endpoint, Nested):
            history = History(self, endpoint, self.identities, tenant_id)
            return _kind(endpoint)(endpoint, tenant_id, maker, history)
        parents = self.collection(tenant_id, endpoint.parent)
        share = self.identities.share(endpoint)
        history = parents.history if share.one else History(self, endpoint, self.identities, tenant_id)
        kind = Reports if endpoint.name == "reports" else Children
        return kind(endpoint, tenant_id, maker, history, parents, share)

    @property
    def made(self) -> set[str]:
        """Names of the streams that someone asked for so far."""
        return {stream for _, stream in self._collections}

    def since(self, seen: int) -> tuple[int, list[tuple[str | None, Happening]]]:
        """Return the clock and what happened after the first so many happenings."""
        with self.lock:
            return self.now, self.happenings[seen:]

    def advance(  # noqa: PLR0913  as in Simulator.advance
        self, *, minutes: float, new: int, changed: int, recent: int, removed: int, stream: str | None
    ) -> None:
        """Move the clock and let records change.

        Raises:
            ValueError: A number is negative, the stream is unknown, or the time is too short to date the changes in.
        """
        if min(minutes, new, changed, recent, removed) < 0 or not math.isfinite(minutes):
            message = "Nothing to advance by: minutes, new, changed, recent and removed must not be negative."
            raise ValueError(message)
        if stream is not None:
            self.endpoint(stream)
        with self.lock:
            now = self.now + int(minutes * instants.MINUTE)
            settled_after = self._edge
            settled_until = now - LAG
            edge = settled_until if new or changed else settled_after
            recent_after = max(edge, settled_until)
            if edge <= settled_after and (new or changed):
                short = (settled_after - settled_until) / instants.MINUTE
                message = (
                    f"Too short a time: new and changed records are dated at least 15 minutes before the clock and after "
                    f"all earlier changes. Advance by more than {minutes + short:g} minutes, or use `recent`."
                )
                raise ValueError(message)
            if recent and recent_after >= now:
                message = "Too short a time for recent changes: advance by more than 0 minutes."
                raise ValueError(message)
            self._edge = now if recent else edge
            happening = Happening(new, changed, recent, settled_after, settled_until, recent_after, now, removed)
            self.happenings.append((stream, happening))
            self.now = now


def _kind(endpoint: Endpoint) -> type[Collection]:
    if isinstance(endpoint, Export) and endpoint.explode is not None:
        return Events
    if isinstance(endpoint, Window):
        return Figures if endpoint.replication_key == endpoint.start else Leads
    return Capacities if isinstance(endpoint, Capacity) else Collection

"""The business behind the API: a clock, and every collection of every tenant."""

from __future__ import annotations

import math
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan import catalog, schemas
from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.log import LAG, ChangeLog, Happening
from tap_servicetitan.simulator.records import RecordMaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_servicetitan.endpoint import Endpoint
    from tap_servicetitan.simulator.identities import Identities

START: Final = instants.parse("2026-01-01T00:00:00Z") or 0
"""Where the clock stands when a simulator starts, so that the same seed always gives the same answers."""


class World:
    """All that the simulated ServiceTitan knows. It changes only when :meth:`advance` is called."""

    def __init__(self, tenants: Sequence[int], identities: Identities) -> None:
        self.lock = RLock()
        self.now = START
        self.tenants = tuple(tenants)
        self.identities = identities
        self.endpoints: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in catalog.endpoints()}
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
                self._collections[key] = Collection(self, endpoint, tenant_id)
            return self._collections[key]

    def advance(self, *, minutes: float, new: int, changed: int, recent: int, stream: str | None) -> None:
        """Move the clock and let records change.

        Raises:
            ValueError: A number is negative, the stream is unknown, or the time is too short to date the changes in.
        """
        if min(minutes, new, changed, recent) < 0 or not math.isfinite(minutes):
            message = "Nothing to advance by: minutes, new, changed and recent must not be negative."
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
            happening = Happening(new, changed, recent, settled_after, settled_until, recent_after, now)
            self.happenings.append((stream, happening))
            self.now = now


class Collection:
    """The records of one stream of one tenant."""

    def __init__(self, world: World, endpoint: Endpoint, tenant_id: int) -> None:
        identities = world.identities
        self.endpoint = endpoint
        self.tenant_id = tenant_id
        self.lock = RLock()
        self._world = world
        self._seen = 0
        self._maker = RecordMaker(endpoint, schemas.load(endpoint), identities, tenant_id)
        rng = Random(f"{identities.seed}:{tenant_id}:{endpoint.name}")
        self._log = ChangeLog(identities.size(endpoint.name), START, rng)

    def now(self) -> tuple[int, ChangeLog]:
        """Return the clock and the changes until then. Hold the lock while using them."""
        with self._world.lock:
            now = self._world.now
            pending = self._world.happenings[self._seen :]
            self._seen += len(pending)
        for stream, happening in pending:
            if stream in {None, self.endpoint.name}:
                self._log.happen(happening)
        return now, self._log

    def record(self, position: int) -> dict[str, Any]:
        """Make the record that a position of the change log is about, as it is now."""
        log = self._log
        index = log.indices[position]
        return self._maker.make(
            index,
            log.versions.get(index, 0),
            created=log.created[index],
            modified=log.instants[position],
            deleted=index in log.deleted,
        )

    def records(self) -> Iterator[dict[str, Any]]:
        """All records as they are now, those changed last at the end."""
        with self.lock:
            _, log = self.now()
            yield from [self.record(position) for position in log.current(0, len(log))]

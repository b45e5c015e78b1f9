"""The rows of six streams, one of each kind, and the changes that a generator of random numbers makes to them."""

from __future__ import annotations

import random
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from helpers.moving.server import MovingServer, Request, Script
from helpers.moving.target_model import Key, Record
from helpers.moving.world import Table, World

FEED, LISTING, FULL_TABLE, NESTED, NESTED_FULL_TABLE = "leads", "zones", "costs", "customer_notes", "booking_contacts"
NESTED_CHANGED = "location_finding_attachments"
"""Read for changed parents only: its rows do not change without their parent."""
STREAMS = (FEED, LISTING, FULL_TABLE, NESTED, NESTED_FULL_TABLE, NESTED_CHANGED)
SETTINGS = {"nested_parents": {NESTED_CHANGED: "changed"}}
PATHS = {FEED: "crm/v2/export/leads", LISTING: "dispatch/v2/zones", FULL_TABLE: "marketing/v2/costs"}
NESTED_PATHS = {
    NESTED: "crm/v2/customers/{}/notes",
    NESTED_FULL_TABLE: "crm/v2/bookings/{}/contacts",
    NESTED_CHANGED: "findings/v2/location-findings/{}/attachments",
}
STREAM_OF = {
    **{path.split("/")[-1]: stream for stream, path in PATHS.items()},
    **{word: stream for stream, path in NESTED_PATHS.items() for word in path.split("/")[2::2]},
}
"""By the last word of a path, which is that of the rows or of their parents."""
VERSION = {
    FEED: "summary",
    LISTING: "name",
    FULL_TABLE: "year",
    NESTED: "text",
    NESTED_FULL_TABLE: "memo",
    NESTED_CHANGED: "fileName",
}
"""The field of a stream's records that shows which version of the row they are."""
HOLD_SECONDS = 0.01
"""A slow answer waits so long at most for others to overtake it."""

Held = dict[str, dict[Key, Record]]


@dataclass
class Moves(Script):
    """Changes rows, and delays and refuses requests, as a generator of random numbers says."""

    world: World
    rng: random.Random
    tenants: tuple[str, ...]
    chance: float = 0.0
    """That something happens before a request, and after its answer is made."""
    failed: set[tuple[str, str]] = field(default_factory=set)
    """Requests that were refused once, by path and page."""
    tokens_refused: bool = False
    server: MovingServer = field(init=False)
    process: subprocess.Popen[bytes] | None = None
    requests_left: int = 0
    """Requests until the process is killed."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, request: Request) -> int | None:
        self._hold(request)
        with self._lock:
            self.world.tick(seconds=self.rng.randrange(90))
            self.requests_left -= 1
            if self.process and self.requests_left <= 0:
                self.process.kill()
                self.process = None
            self._change(request)
            failing = (request.path, request.query.get("page", ""))
            if failing not in self.failed and self.rng.random() < self.chance / 10:
                self.failed.add(failing)
                return self.rng.choice([429, 500, 503])
        return None

    def after(self, request: Request) -> None:
        with self._lock:
            self._change(request)
        self._hold(request)

    def kill_at(self, requests: int, process: subprocess.Popen[bytes]) -> None:
        """Kill a process when it makes its so many-th request."""
        with self._lock:
            self.process, self.requests_left = process, requests

    def between_runs(self) -> None:
        self.world.tick(hours=self.rng.uniform(1, 12))
        self.failed.clear()
        self.tokens_refused = False
        for _ in range(self.rng.randrange(6)):
            change(self.world, self.rng, self.rng.choice(self.tenants), self.rng.choice(STREAMS))

    def _change(self, request: Request) -> None:
        if self.rng.random() < self.chance:
            for _ in range(self.rng.randint(1, 3)):
                if self.rng.random() < 0.5:  # what is just being read
                    change(self.world, self.rng, request.tenant, STREAM_OF[request.path.split("/")[-1]])
                else:
                    change(self.world, self.rng, self.rng.choice(self.tenants), self.rng.choice(STREAMS))
        if not self.tokens_refused and self.rng.random() < self.chance / 10:
            self.tokens_refused = True
            self.world.refuse_tokens()

    def _hold(self, request: Request) -> None:
        with self._lock:
            slow, others = self.rng.random() < self.chance / 3, self.rng.randint(1, 4)
        if slow:
            overtaking = lambda answered: sum(one.number > request.number for one in answered) >= others  # noqa: E731 -- one expression, used once
            self.server.wait_until(overtaking, HOLD_SECONDS)


def change(world: World, rng: random.Random, tenant: str, stream: str) -> None:
    """Change a row of a stream of a tenant, or a parent of its rows."""
    with world.lock:
        if stream in PATHS:
            change_row(world.tables[tenant, PATHS[stream]], rng, deletes=stream != FEED)
            return
        path = NESTED_PATHS[stream]
        nested = world.below(tenant, path)
        parents = world.tables[tenant, path.split("/{}")[0]]
        kind = rng.choice(["row", "row", "enter", "delete"])
        if kind == "enter":
            number = parents.insert_low(rng) if rng.random() < 0.7 else parents.insert()
            table = world.add(
                tenant, path.format(number), VERSION[stream], has_active=False, dated=stream != NESTED_CHANGED
            )
            table.insert(10 * number)
        elif kind == "delete" and len(nested) > 1:
            number = rng.choice(list(nested))
            parents.delete(number)
            world.drop(tenant, path.format(number))
        elif nested:
            number = rng.choice(list(nested))
            change_row(nested[number], rng)
            if stream == NESTED_CHANGED:
                parents.update(number, active=rng.random() < 0.7)


def change_row(table: Table, rng: random.Random, *, deletes: bool = True) -> None:
    kinds = ["update", "enter", "low", *(["deactivate"] if table.has_active else []), *(["delete"] * 2 * deletes)]
    kind = rng.choice(kinds) if table.rows else "enter"
    number = rng.choice(list(table.rows)) if table.rows else 0
    match kind:
        case "enter":
            table.insert()
        case "low":
            table.insert_low(rng)
        case "deactivate":
            table.deactivate(number)
        case "delete":
            table.delete(number)
        case _:
            table.update(number, modified=late(table, rng) if not deletes else None)


def late(table: Table, rng: random.Random) -> datetime:
    """Return a date that a feed shows later than others: up to 15 minutes."""
    return table.world.now - timedelta(minutes=rng.choice([0, 0, 5, 15]))


def make_world(rng: random.Random, tenants: tuple[str, ...]) -> World:
    """Make rows that are months old, in tables of a few pages; the API's clock is days behind this machine's."""
    world = World(datetime.now(UTC) - timedelta(days=30), max_page_size=rng.choice([8, 10, 13]), feed_page_size=10)

    def old() -> datetime:
        return world.now - timedelta(days=rng.uniform(30, 300))

    for tenant in tenants:
        for stream, path in PATHS.items():
            plain = {"as_text": False, "dated": False, "has_active": False} if stream == FULL_TABLE else {}
            table = world.add(tenant, path, VERSION[stream], **plain)
            for number in rng.sample(range(1, 400), rng.randint(30, 70)):
                table.insert(number, modified=old())
        for stream, path in NESTED_PATHS.items():
            parents = world.add(tenant, path.split("/{}")[0], "name")
            for number in rng.sample(range(1, 400), rng.randint(10, 24)):
                parents.insert(number, modified=old())
                nested = world.add(
                    tenant, path.format(number), VERSION[stream], has_active=False, dated=stream != NESTED_CHANGED
                )
                for place in range(rng.randrange(4)):
                    nested.insert(10 * number + place, modified=old())
    return world


def server_holds(world: World, tenants: tuple[str, ...]) -> Held:
    """Return all rows as records, by stream and key."""
    with world.lock:
        held: Held = {
            stream: {
                (tenant, row["id"]): {"tenant_id": tenant, **row}
                for tenant in tenants
                for row in world.tables[tenant, path].rows.values()
            }
            for stream, path in PATHS.items()
        }
        for stream, path in NESTED_PATHS.items():
            parent_id = path.split("/")[2].rstrip("s").replace("-", "_") + "_id"
            held[stream] = {
                (tenant, parent, row["id"]): {"tenant_id": tenant, parent_id: parent, **row}
                for tenant in tenants
                for parent, table in world.below(tenant, path).items()
                for row in table.rows.values()
            }
    return held

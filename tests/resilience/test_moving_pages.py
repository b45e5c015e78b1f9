"""Rows that change their page while pages are read: the cases of a lost row, each one step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers.moving.server import WHOLE_PAGE, MovingServer, Request, Script
from helpers.moving.target_model import TargetModel
from helpers.moving.world import World
from helpers.support import Output, run_here

ZONES, COSTS, CUSTOMERS, BOOKINGS = "dispatch/v2/zones", "marketing/v2/costs", "crm/v2/customers", "crm/v2/bookings"
LEADS = "crm/v2/export/leads"
LISTS = {"zones": ZONES, "costs": COSTS}
PARENTS = {"customer_notes": CUSTOMERS, "booking_contacts": BOOKINGS}
CHILDREN = {"customer_notes": ("notes", "text"), "booking_contacts": ("contacts", "memo")}
ROWS, PAGE = 40, 10
OLD = timedelta(days=90)

Trigger = tuple[str, int]
"""Path and number of a page."""


@dataclass
class Steps(Script):
    """Does one thing around the first request for a page."""

    befores: dict[Trigger, Callable[[], int | None]] = field(default_factory=dict)
    afters: dict[Trigger, Callable[[], None]] = field(default_factory=dict)
    before_few: Callable[[], None] | None = None
    """Called before the first request for a few rows around a border of two pages."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, request: Request) -> int | None:
        if self.before_few and int(request.query.get("pageSize", WHOLE_PAGE)) < WHOLE_PAGE:
            step, self.before_few = self.before_few, None
            step()
        step = self._pop(self.befores, request)
        return step() if step else None

    def after(self, request: Request) -> None:
        if step := self._pop(self.afters, request):
            step()

    def _pop(self, steps: dict[Trigger, Any], request: Request) -> Any:
        with self._lock:
            return next((steps.pop(trigger) for trigger in list(steps) if request.is_page(*trigger)), None)


class Scene:
    """A world of one tenant, whose rows have the ids 1 to 40, ten a page; all are old, and each a day newer than the last."""

    def __init__(self, now: datetime | None = None) -> None:
        self.world = World(now or datetime.now(UTC), max_page_size=PAGE, feed_page_size=PAGE)
        self.steps = Steps()
        self.server = MovingServer(self.world, script=self.steps)
        self.target = TargetModel()
        tables = [
            self.world.add("1001", ZONES, "name"),
            self.world.add("1001", COSTS, "year", as_text=False, dated=False, has_active=False),
            *(self.world.add("1001", path, "name") for path in PARENTS.values()),
        ]
        for number in range(1, ROWS + 1):
            old = self.world.now - OLD + timedelta(days=number)
            for table in tables:
                table.insert(number, modified=old)
            for stream in PARENTS:
                self.add_child(stream, number, modified=old)

    def table(self, path: str) -> Any:
        return self.world.tables["1001", path]

    def add_child(self, stream: str, parent: int, **options: Any) -> None:
        name, version_field = CHILDREN[stream]
        path = f"{PARENTS[stream]}/{parent}/{name}"
        self.world.add("1001", path, version_field, has_active=False).insert(parent, **options)

    def answered(self, path: str, *pages: int) -> bool:
        """Wait until these pages were answered; return whether they were."""

        def done(requests: list[Request]) -> bool:
            return all(any(request.is_page(path, page) for request in requests) for page in pages)

        return self.server.wait_until(done)

    def run(self, stream: str, *, end_before: int | None = None, **settings: Any) -> Output:
        """Run the tap and load what it wrote, if need be only what precedes the record with an id."""
        with self.server.listening() as config:
            config |= {"requests_per_second": 10_000, "emit_activate_version_messages": True, **settings}
            run = run_here(config, stream, state=self.target.state)
        ids = [message.get("record", {}).get("id") for message in run.messages]
        self.target.load(run.messages[: ids.index(end_before) if end_before else None])
        return run

    def ids(self, stream: str) -> set[int]:
        """Return the ids that the target holds."""
        return {record["id"] for record in self.target.rows[stream].values()}


def delete_and_insert(scene: Scene, path: str) -> Callable[[], None]:
    def step() -> None:
        scene.table(path).delete(5)
        scene.table(path).insert()

    return step


@pytest.mark.parametrize("stream", LISTS)
def test_pages_that_overtake_a_slow_one_skip_no_row(stream: str) -> None:
    scene, path = Scene(), LISTS[stream]

    def enter() -> None:
        scene.answered(path, 3, 4)
        scene.table(path).insert(0)

    scene.steps.befores[path, 2] = enter
    scene.run(stream, concurrency=8)
    if stream == "zones":  # rows that an incremental listing lacks may come with the next run
        scene.world.tick(hours=12)
        scene.run(stream)

    assert scene.ids(stream) >= set(range(1, ROWS + 1))


def test_pages_that_overtake_a_failed_one_skip_no_row() -> None:
    scene = Scene()

    def enter() -> None:
        scene.answered(ZONES, 3)
        scene.table(ZONES).insert(0)

    def fail() -> int:
        scene.steps.befores[ZONES, 2] = enter
        return 500

    scene.steps.befores[ZONES, 2] = fail
    scene.run("zones", concurrency=1)
    scene.world.tick(hours=12)
    scene.run("zones")

    assert scene.ids("zones") >= set(range(1, ROWS + 1))


@pytest.mark.parametrize("stream", LISTS)
def test_delete_hidden_by_an_insert_skips_no_row(stream: str) -> None:
    scene, path = Scene(), LISTS[stream]
    scene.steps.afters[path, 1] = delete_and_insert(scene, path)
    scene.run(stream, concurrency=1)
    if stream == "zones":
        scene.world.tick(hours=12)
        scene.run(stream)

    assert scene.ids(stream) >= set(range(1, ROWS + 1)) - {5}


@pytest.mark.parametrize("concurrency", [1, 8])
def test_row_between_two_pages_that_moved_to_another_border_is_not_skipped(concurrency: int) -> None:
    scene = Scene()

    def delete(*numbers: int) -> None:
        for number in numbers:
            scene.table(COSTS).delete(number)

    def delete_after_page_2() -> None:
        scene.answered(COSTS, 2)
        delete(6)

    scene.steps.afters[COSTS, 1] = lambda: delete(5)  # 11 moves onto page 1
    scene.steps.befores[COSTS, 3] = delete_after_page_2  # 22 moves onto page 2
    # The rows around the first border are now those that were around the second one.
    scene.steps.before_few = lambda: delete(*range(1, 5), *range(7, 11), 12, 13, 14)
    run = scene.run("costs", concurrency=concurrency)

    assert run.of_type("ACTIVATE_VERSION")
    assert scene.ids("costs") >= {11, *range(15, ROWS + 1)}


@pytest.mark.parametrize("stream", PARENTS)
def test_delete_among_parents_hidden_by_an_insert_skips_no_parent(stream: str) -> None:
    scene = Scene()
    scene.steps.afters[PARENTS[stream], 1] = delete_and_insert(scene, PARENTS[stream])
    scene.run(stream)
    if stream == "customer_notes":
        scene.world.tick(hours=12)
        scene.run(stream)

    assert scene.ids(stream) >= set(range(1, ROWS + 1)) - {5}


@pytest.mark.parametrize("stream", PARENTS)
def test_delete_among_parents_while_the_tap_does_not_run_skips_no_parent(stream: str) -> None:
    scene = Scene()
    scene.run(stream, end_before=PAGE + 1)
    delete_and_insert(scene, PARENTS[stream])()
    scene.run(stream)

    assert scene.ids(stream) >= set(range(1, ROWS + 1)) - {5}


@pytest.mark.parametrize(("stream", "path"), [("zones", ZONES), ("costs", COSTS)], ids=["dated", "without_dates"])
def test_last_version_of_a_row_in_a_run_is_its_newest(stream: str, path: str) -> None:
    scene = Scene()
    moved = 2 * PAGE + 1

    def move_to_page_2() -> None:
        scene.answered(path, 3)
        scene.table(path).delete(1)
        scene.table(path).update(moved)

    scene.steps.befores[path, 2] = move_to_page_2
    run = scene.run(stream, concurrency=8)
    written = [record for record in run.records(stream) if record["id"] == moved]

    assert written[-1] == {"tenant_id": "1001", **scene.table(path).rows[moved]}


@pytest.mark.parametrize("in_the_run", [False, True], ids=["next_run", "same_run"])
def test_token_refused_within_a_pass_restarts_from_where_the_pass_began(*, in_the_run: bool) -> None:
    scene = Scene()
    leads = scene.world.add("1001", LEADS, "summary")
    ages = [*range(50, 50 - 2 * PAGE, -1), *range(80, 80 - PAGE, -1)]  # pages 1 and 2 in order, page 3 is older
    for number, days in enumerate(ages, start=1):
        leads.insert(number, modified=scene.world.now - timedelta(days=days))

    if in_the_run:
        answers = iter(range(1, 100))
        scene.server.script = EachAnswer(lambda: scene.world.refuse_tokens() if next(answers) == 2 else None)
        scene.run("leads")
    else:
        scene.run("leads", end_before=2 * PAGE + 1)
        scene.world.refuse_tokens()
        scene.run("leads")

    assert scene.ids("leads") == set(range(1, len(ages) + 1))


@dataclass
class EachAnswer(Script):
    step: Callable[[], None]

    def after(self, request: Request) -> None:  # noqa: ARG002 -- alike for all
        self.step()


@pytest.mark.parametrize("hours", [pytest.param(2, id="api_two_hours_behind"), 0])
@pytest.mark.parametrize("stream", ["zones", "customer_notes"])
def test_update_during_a_long_reading_comes_with_the_next_run(stream: str, hours: int) -> None:
    scene = Scene(datetime.now(UTC) - timedelta(hours=hours))
    listed = LISTS.get(stream) or PARENTS[stream]

    def update(number: int) -> None:
        path = listed if stream in LISTS else f"{listed}/{number}/notes"
        scene.table(path).update(number)

    def long_after() -> None:
        scene.world.tick(minutes=10)
        update(1)  # on page 1, which was read
        scene.world.tick(minutes=50)
        update(ROWS)  # on page 4, which is not yet

    scene.steps.befores[listed, 4] = long_after
    scene.run(stream, concurrency=1)
    scene.run(stream)

    rows = scene.target.rows[stream]
    row = scene.table(listed if stream in LISTS else f"{listed}/1/notes").rows[1]
    assert next(record for record in rows.values() if record["id"] == 1)["modifiedOn"] == row["modifiedOn"]

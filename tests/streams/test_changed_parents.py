"""The setting nested_parents: which parents a run asks, and what that leaves out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers.moving.server import MovingServer, Request, Script
from helpers.moving.world import Table, World
from helpers.support import TABLE, Output, bookmark, config_of, queries, run_here

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.reading.parents import estimate

TENANT = "1001"
CHANGED, ALL, NOTES = "bank_deposit_transactions", "booking_contacts", "customer_notes"
PARENTS = {
    CHANGED: "accounting/v2/bank-deposits",
    ALL: "crm/v2/bookings",
    NOTES: "crm/v2/customers",
}
CHILDREN = {CHANGED: "transactions", ALL: "contacts", NOTES: "notes"}


LAST = 10_000
"""The parent that changed last, and so is asked again by each run: its date is within the overlap."""


class Parents:
    """A server of parents with one record each, and runs of the tap against it."""

    def __init__(self, stream: str, number: int = 6) -> None:
        self.stream = stream
        self.world = World(datetime.now(UTC) - timedelta(days=30))
        self.parents = self.world.add(TENANT, PARENTS[stream], "name", has_active=False)
        for each in range(1, number + 1):
            self.add(each)
        self.add(LAST)
        self.settle()
        self.server = MovingServer(self.world, (TENANT,))
        self.state: dict[str, Any] = {}

    def path(self, parent: int) -> str:
        return f"{PARENTS[self.stream]}/{parent}/{CHILDREN[self.stream]}"

    def children(self, parent: int) -> Table:
        return self.world.tables[TENANT, self.path(parent)]

    def add(self, parent: int) -> None:
        self.parents.insert(parent)
        self.world.add(TENANT, self.path(parent), "memo", has_active=False).insert(10 * parent)

    def settle(self) -> None:
        """Let the last parent change, so that what changed before lies before the overlap."""
        self.world.tick(hours=1)
        self.parents.update(LAST)

    def drop(self, parent: int) -> None:
        """Remove the records of a parent, so that the API refuses it."""
        self.world.drop(TENANT, self.path(parent))

    def run(self, **settings: Any) -> Output:
        """Run the tap some hours later."""
        self.world.tick(hours=3)
        with self.server.listening() as config:
            run = run_here({**config, "requests_per_second": 10_000, **settings}, self.stream, state=self.state)
        self.state = run.state
        return run

    def asked(self, **settings: Any) -> list[int]:
        """Run the tap, and return the parents whose records it requested, without the last one."""
        before = len(self.server.requests)
        assert self.run(**settings).code == 0
        paths = [request.path.split("/") for request in self.server.requests[before:]]
        return sorted({int(path[3]) for path in paths if len(path) > 3} - {LAST})


@pytest.fixture
def deposits() -> Parents:
    return Parents(CHANGED)


def test_changed_parents_alone_are_asked_after_the_first_run(deposits: Parents) -> None:
    first, nothing = deposits.asked(), deposits.asked()
    deposits.parents.update(2)
    deposits.add(9)
    deposits.settle()
    later = deposits.asked()

    assert (first, nothing, later) == ([1, 2, 3, 4, 5, 6], [], [2, 9])
    assert deposits.asked() == []


def test_run_with_nothing_new_requests_the_list_of_changed_parents_and_those_within_the_overlap(
    deposits: Parents,
) -> None:
    deposits.run()
    before = len(deposits.server.requests)

    deposits.run()

    listed, newest = deposits.server.requests[before:]
    assert "modifiedOnOrAfter" in listed.query
    assert newest.path == deposits.path(LAST)


def test_parent_that_changed_while_the_last_run_read_is_asked(deposits: Parents) -> None:
    class Change(Script):
        def after(self, request: Request) -> None:
            if request.path == deposits.path(5) and not done:
                deposits.parents.update(1)
                done.append(request)

    done: list[Request] = []
    deposits.server.script = Change()
    deposits.run()

    assert done
    assert deposits.asked() == [1]


@pytest.mark.parametrize(
    ("stream", "word", "asked"),
    [
        (CHANGED, None, []),
        (CHANGED, "all", [1, 2, 3, 4, 5, 6]),
        (CHANGED, {"*": "all"}, [1, 2, 3, 4, 5, 6]),
        (CHANGED, {"*": "all", CHANGED: "changed"}, []),
        (CHANGED, {NOTES: "all"}, []),
        (ALL, None, [1, 2, 3, 4, 5, 6]),
        (ALL, "changed", []),
        (ALL, {ALL: "changed"}, []),
        (NOTES, None, [1, 2, 3, 4, 5, 6]),
        (NOTES, {"*": "changed"}, []),
    ],
)
def test_word_of_the_stream_comes_before_that_for_all_and_that_before_the_default(
    stream: str, word: str | dict[str, str] | None, asked: list[int]
) -> None:
    parents = Parents(stream)
    parents.run(nested_parents=word)

    assert parents.asked(nested_parents=word) == asked


def test_streams_of_a_default_of_changed_have_parents_that_the_api_can_list_by_date() -> None:
    changed = [each for each in TABLE.values() if isinstance(each, Nested) and each.nested_parents == "changed"]

    assert changed
    assert all(map(table.lists_changed_parents, changed))


def test_word_changes_nothing_where_the_api_cannot_list_changed_parents(simulator: Simulator) -> None:
    config = config_of(simulator, nested_parents="changed")
    state = run_here(config, "wbs_segment_items").state
    before = len(simulator.requests)

    run_here(config, "wbs_segment_items", state=state)

    assert queries(simulator, "wbs_segment_items", before)
    assert "parents_newest" not in bookmark(state, "wbs_segment_items", TENANT)


def test_child_that_changed_without_its_parent_is_read_by_the_next_full_read(deposits: Parents) -> None:
    weekly = {"full_reads": {CHANGED: 7}}
    deposits.run(**weekly)
    deposits.children(3).update(30)
    between = deposits.run(**weekly)
    full_read = deposits.state["bookmarks"][CHANGED]["partitions"][0]["full_read"]
    full_read["version"] -= 8 * 86_400_000

    due = deposits.run(**weekly)

    assert {record["id"] for record in between.records(CHANGED)} == {10 * LAST}
    assert between.of_type("ACTIVATE_VERSION") == []
    assert len(due.records(CHANGED)) == 7
    assert len(due.of_type("ACTIVATE_VERSION")) == 1
    assert deposits.asked(**weekly) == []


def test_rows_are_not_dropped_by_a_run_that_asks_changed_parents_only(deposits: Parents) -> None:
    deposits.run(emit_activate_version_messages=True)

    run = deposits.run(emit_activate_version_messages=True)

    assert run.of_type("ACTIVATE_VERSION") == []
    assert run.lines_with("stay in the target, since only changed parents are asked; name the stream in full_reads.")


def test_note_of_a_parent_that_was_not_asked_is_read_once_all_parents_are_asked() -> None:
    customers = Parents(NOTES)
    changed = {"nested_parents": "changed"}
    customers.run(**changed)
    customers.children(3).update(30)  # without its parent
    customers.world.tick(hours=2)
    customers.children(4).update(40)
    customers.parents.update(4)
    customers.settle()
    with_changed = customers.run(**changed)

    run = customers.run(nested_parents="all")

    assert {record["id"] for record in with_changed.records(NOTES)} - {10 * LAST} == {40}
    assert {30, 40} <= {record["id"] for record in run.records(NOTES)}


@pytest.mark.parametrize("words", [("changed", "all"), ("all", "changed")])
def test_run_that_is_interrupted_goes_on_only_in_the_list_that_it_was_reading(words: tuple[str, str]) -> None:
    first, second = words
    bookings = Parents(ALL, 1_200)
    bookings.run(nested_parents="changed" if first == "changed" else "all")
    if first == "changed":
        for each in range(601, 1_201):
            bookings.parents.update(each)
    reading = bookings.run(nested_parents=first)
    under_way = [state for state in reading.states if "parent_page" in bookmark(state, ALL, TENANT)]
    bookings.state = under_way[0]

    asked = bookings.asked(nested_parents=second)

    if first == "changed":
        assert "parents_seen" in bookmark(under_way[0], ALL, TENANT)
        assert "parents_since" in bookmark(under_way[0], ALL, TENANT)
        assert asked == list(range(1, 1_201))
    else:  # all before it were read
        assert asked == list(range(501, 1_201))
        assert bookings.asked(nested_parents=second) == []


def test_changed_parents_that_are_all_refused_are_asked_again_until_one_answers(deposits: Parents) -> None:
    deposits.run()
    deposits.drop(LAST)
    for each in range(20, 32):
        deposits.add(each)
        deposits.drop(each)

    refused, again = deposits.asked(), deposits.asked()
    deposits.add(40)
    deposits.settle()
    answered = deposits.asked()

    assert refused == again == list(range(20, 32))
    assert answered == [*range(20, 32), 40]
    assert deposits.asked() == []


def test_state_of_an_earlier_version_asks_all_parents_once(deposits: Parents) -> None:
    deposits.state = {"bookmarks": {CHANGED: {"partitions": [{"context": {"tenant_id": TENANT}}]}}}

    assert (deposits.asked(), deposits.asked()) == ([1, 2, 3, 4, 5, 6], [])


@pytest.mark.parametrize(
    ("parents", "per_second", "words"),
    [
        (226_512, 40, "226,512 parents, about 94 minutes at 40 requests/s"),
        (2_400, 40, "2,400 parents, about 1 minute at 40 requests/s"),
        (90, 40, "90 parents, about 3 s at 40 requests/s"),
        (300, 2.5, "300 parents, about 2 minutes at 2.5 requests/s"),
    ],
)
def test_estimate_says_how_long_the_requests_for_parents_take(parents: int, per_second: float, words: str) -> None:
    assert estimate(parents, per_second) == words


@pytest.mark.parametrize(("number", "lines"), [(2_398, 0), (2_400, 1)])
def test_reading_that_takes_a_minute_or_more_is_announced(
    caplog: pytest.LogCaptureFixture, number: int, lines: int
) -> None:
    class Forbidden(Script):
        def before(self, request: Request) -> int | None:
            return None if request.path == PARENTS[CHANGED] else 403

    caplog.set_level(logging.INFO)
    deposits = Parents(CHANGED, number - 1)
    deposits.server.script = Forbidden()

    run = deposits.run(requests_per_second=40)

    announced = run.lines_with(f"stream {CHANGED}: {number:,} parents, about 1 minute at 40 requests/s.")
    assert len(announced) == lines

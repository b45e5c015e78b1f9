"""The setting full_reads: when a stream is read in full, and when that is activated."""

from __future__ import annotations

import copy
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.moving.server import MovingServer, Request, Script
from helpers.moving.world import World
from helpers.support import Output, Tap, bookmark, config_of, run_here, selecting, started_tap, wait_for

from tap_servicetitan.simulator import Simulator

MILLISECONDS_PER_DAY = 86_400_000
CONTACTS = "customer_contacts"
WEEKLY = {"full_reads": {CONTACTS: 7, "customer_notes": 7, "zones": 7}}
KEPT = "rows that vanished from ServiceTitan stay in the target, since "


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def days_later(state: dict[str, Any], days: float) -> dict[str, Any]:
    """Return a state as it would be that many days later: its full reads are older."""
    older = copy.deepcopy(state)
    for stream in older["bookmarks"].values():
        for partition in stream["partitions"]:
            if "full_read" in partition:
                partition["full_read"]["version"] -= int(days * MILLISECONDS_PER_DAY)
    return older


def full_read(run: Output, stream: str = CONTACTS, tenant_id: str = "1001") -> dict[str, Any]:
    found: dict[str, Any] = run.bookmark(stream, tenant_id)["full_read"]
    return found


def versions(run: Output) -> set[int | None]:
    return {message.get("version") for message in run.of_type("RECORD")}


def activated(run: Output) -> list[int]:
    return [message["version"] for message in run.of_type("ACTIVATE_VERSION")]


def froms(simulator: Simulator, since: int = 0) -> list[str | None]:
    queries = (dict(request.query) for request in simulator.requests[since:] if request.stream == CONTACTS)
    return [query.get("from") for query in queries]


@pytest.mark.parametrize("stream", [CONTACTS, "zones", "customer_notes"])
def test_full_read_ignores_start_date_and_later_records_bear_its_version_until_the_next(
    simulator: Simulator, stream: str
) -> None:
    config = config_of(simulator, start_date="2025-11-01", **WEEKLY)
    everything = len(simulator.records(stream))

    first = run_here(config, stream)
    simulator.advance(new=3, changed=2)
    second = run_here(config, stream, state=days_later(first.state, 6.9))
    due = run_here(config, stream, state=days_later(second.state, 0.2))

    assert len(first.records(stream)) == everything
    assert versions(first) == set(activated(first)) == {full_read(first, stream)["version"]}
    assert 0 < len(second.records(stream)) < everything
    assert versions(second) == {full_read(second, stream)["version"]}
    assert activated(second) == []
    assert len(due.records(stream)) == len(simulator.records(stream))
    assert versions(due) == set(activated(due)) == {full_read(due, stream)["version"]}
    assert full_read(due, stream)["version"] > full_read(second, stream)["version"]


def test_feed_goes_on_from_its_newest_token_after_a_full_read(simulator: Simulator) -> None:
    first = run_here(config_of(simulator, **WEEKLY), CONTACTS)
    requests = len(simulator.requests)

    second = run_here(config_of(simulator, **WEEKLY), CONTACTS, state=first.state)

    assert froms(simulator)[0] is None
    assert froms(simulator, requests) == [first.bookmark(CONTACTS)["continue_from"]]
    assert second.records(CONTACTS) == []
    assert second.state == first.state


def test_full_read_that_is_killed_continues_with_the_same_version(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=60, page_size=5)
    simulator.misbehave("hang", stream=CONTACTS, after=6, seconds=30)
    config, catalog = config_of(simulator, **WEEKLY), selecting(CONTACTS)
    process, ended = started_tap(tap.command(config, catalog=catalog), tmp_path)
    wait_for(lambda: len(froms(simulator)) == 7)
    wait_for(lambda: (tmp_path / "stdout").read_text().count('"STATE"') >= 6)

    process.send_signal(signal.SIGKILL)
    killed = ended()
    simulator.behave()
    resumed = tap(config, catalog=catalog, state=killed.state)

    ids = [record["id"] for run in (killed, resumed) for record in run.records(CONTACTS)]
    assert (killed.code, resumed.code) == (-signal.SIGKILL, 0)
    assert len(ids) == len(set(ids)) == 60
    assert activated(killed) == []
    assert versions(killed) == versions(resumed) == set(activated(resumed))
    assert full_read(killed)["status"] == "reading"
    assert full_read(resumed)["status"] == "activated"


def test_full_read_that_takes_longer_than_its_days_goes_on(simulator: Simulator) -> None:
    config = config_of(simulator, **WEEKLY)
    begun = run_here(config, CONTACTS).states[0]

    resumed = run_here(config, CONTACTS, state=days_later(begun, 8))

    assert len(resumed.records(CONTACTS)) == 40
    assert activated(resumed) == [bookmark(begun, CONTACTS)["full_read"]["version"] - 8 * MILLISECONDS_PER_DAY]


def test_full_read_of_several_tenants_is_activated_when_all_were_read(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    config = config_of(simulator, **WEEKLY)
    simulator.misbehave("unlicensed", stream=CONTACTS, tenant_id=1002, times=None)

    failed = run_here(config, CONTACTS)
    simulator.behave()
    requests = len(simulator.requests)
    completed = run_here(config, CONTACTS, state=failed.state)

    assert activated(failed) == []
    assert len(failed.lines_with(f"Of stream {CONTACTS}, {KEPT}tenant 1002 could not be read.")) == 1
    assert full_read(failed)["status"] == "read"
    assert {record["tenant_id"] for record in completed.records(CONTACTS)} == {"1002"}
    assert sum(request.stream == CONTACTS for request in simulator.requests[requests:]) == 1 + 3
    assert activated(completed) == [*versions(failed)] == [*versions(completed)]


def test_tenant_that_joins_is_read_in_full_and_the_others_are_not(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    both = config_of(simulator, **WEEKLY)
    first = run_here({**both, "tenants": both["tenants"][:1]}, CONTACTS)

    joined = run_here(both, CONTACTS, state=days_later(first.state, 3))

    assert {record["tenant_id"] for record in joined.records(CONTACTS)} == {"1002"}
    assert activated(joined) == [full_read(first)["version"] - 3 * MILLISECONDS_PER_DAY]


def test_rows_of_a_tenant_that_left_are_not_marked(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    both = config_of(simulator, **WEEKLY)
    first = run_here(both, CONTACTS)

    left = run_here({**both, "tenants": both["tenants"][:1]}, CONTACTS, state=days_later(first.state, 8))

    assert activated(left) == []
    assert len(left.lines_with("tenant 1002 is in STATE, but not in the settings")) == 1


# Rows without the version


def test_full_read_that_a_run_without_the_setting_continued_is_never_activated(simulator: Simulator) -> None:
    begun = run_here(config_of(simulator, **WEEKLY), CONTACTS)
    middle = next(state for state in begun.states if bookmark(state, CONTACTS)["full_read"]["status"] == "reading")

    without = run_here(config_of(simulator), CONTACTS, state=middle)
    again = run_here(config_of(simulator, **WEEKLY), CONTACTS, state=without.state)

    assert versions(without) == {None}
    assert "full_read" not in without.bookmark(CONTACTS)
    assert len(again.records(CONTACTS)) == 60
    assert versions(again) == set(activated(again)) != versions(begun)


def test_run_without_the_setting_keeps_the_date_of_the_next_full_read_but_not_the_version(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(tenants=2)
    both = config_of(simulator)
    one = {**both, "tenants": both["tenants"][:1]}
    begun = run_here({**one, **WEEKLY}, CONTACTS)
    simulator.advance(new=3)

    without = run_here(one, CONTACTS, state=begun.state)
    joined = run_here({**both, **WEEKLY}, CONTACTS, state=without.state)
    due = run_here({**both, **WEEKLY}, CONTACTS, state=days_later(joined.state, 8))

    assert without.records(CONTACTS)
    assert full_read(without)["version"] == full_read(begun)["version"]
    assert {record["tenant_id"] for record in joined.records(CONTACTS)} == {"1002"}
    assert activated(joined) == []
    assert len(joined.lines_with("not read in full: a run without full_reads wrote rows since then")) == 1
    assert len(activated(due)) == 1


# Rows that were left out


class Inactive(Script):
    """The fifth of 40 customers is inactive, as long as it is."""

    inactive = True

    def before(self, request: Request) -> int | None:
        return 409 if self.inactive and request.path == "crm/v2/customers/5/notes" else None


@pytest.fixture
def customers() -> MovingServer:
    """Forty customers with a note each, ten a page."""
    world = World(max_page_size=10)
    table = world.add("1001", "crm/v2/customers", "name")
    for number in range(1, 41):
        table.insert(number)
        world.add("1001", f"crm/v2/customers/{number}/notes", "text", has_active=False).insert(number)
    return MovingServer(world, script=Inactive())


def test_parent_that_was_passed_by_is_remembered_until_the_next_full_read(customers: MovingServer) -> None:
    with customers.listening() as config:
        config.update(WEEKLY)
        whole = run_here(config, "customer_notes")
        middle = [state for state in whole.states if "parent_id" in bookmark(state, "customer_notes")]
        customers.script.inactive = False  # type: ignore[attr-defined]

        resumed = run_here(config, "customer_notes", state=middle[0])
        later = run_here(config, "customer_notes", state=whole.state)
        due = run_here(config, "customer_notes", state=days_later(later.state, 8))

    assert bookmark(middle[0], "customer_notes")["parent_id"] < 40
    for run in (whole, resumed):
        assert run.code == 0
        assert activated(run) == []
        assert len(run.lines_with(f"{KEPT}tenant 1001 was not read in full: 1 parents are inactive.")) == 1
    assert activated(later) == []
    assert later.lines_with(KEPT) == []
    assert len(due.records("customer_notes")) == 40
    assert len(activated(due)) == 1


def test_list_whose_rows_moved_is_read_in_full_again_by_the_next_run(customers: MovingServer) -> None:
    state = {
        "context": {"tenant_id": "1001"},
        "full_read": {"version": 10**12, "status": "read", "incomplete": "rows moved between its pages at 1 places"},
    }
    customers.script.inactive = False  # type: ignore[attr-defined]
    with customers.listening() as config:
        config.update(full_reads={"customer_notes": 10**6}, start_date="2026-01-01")
        run = run_here(config, "customer_notes", state={"bookmarks": {"customer_notes": {"partitions": [state]}}})

    assert len(run.records("customer_notes")) == 40
    assert activated(run) == [10**12]


# Where it has no effect


@pytest.mark.parametrize(
    ("stream", "settings", "reason"),
    [
        ("campaign_cost_summaries", {"start_date": "2026-11-20"}, "a run reads windows of time, never all of it"),
        ("capacities", {}, "every run reads it in full; set emit_activate_version_messages"),
        ("contact_preferences", {}, "every run reads it in full; set emit_activate_version_messages"),
        ("costs", {"emit_activate_version_messages": True}, "every run reads it in full"),
        (CONTACTS, {"batch": True}, "records in BATCH files carry no version"),
    ],
)
def test_stream_that_cannot_be_scheduled_is_read_as_ever_with_a_warning(
    simulate: Callable[..., Simulator], tmp_path: Path, *, stream: str, settings: dict[str, Any], reason: str
) -> None:
    encoding = {"format": "jsonl", "compression": "gzip"}
    batch = {"batch_config": {"encoding": encoding, "storage": {"root": tmp_path.as_uri()}}}
    settings = batch if settings.get("batch") else settings
    config = config_of(simulate(records=3), full_reads={stream: 7}, **settings)

    run = run_here(config, stream)
    other = run_here({**config, "full_reads": {"zones": 7}}, stream)

    assert run.code == 0
    assert run.lines_with("full_reads") == [f"Stream {stream}: full_reads has no effect, since {reason}."]
    assert "full_read" not in str(run.states)
    assert other.lines_with("full_reads") == []


def test_full_read_that_is_not_one_is_refused_in_a_line(simulator: Simulator) -> None:
    partition = {"context": {"tenant_id": "1001"}, "full_read": {"version": "new", "status": "reading"}}

    run = run_here(config_of(simulator), CONTACTS, state={"bookmarks": {CONTACTS: {"partitions": [partition]}}})

    assert run.code == 1
    assert f"The STATE of stream '{CONTACTS}' is not usable" in run.log

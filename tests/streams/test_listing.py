"""Listings: requests, bookmarks, and rows that vanished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.support import (
    Tap,
    bookmark,
    config_of,
    plain,
    queries,
    run_here,
    selecting,
    started_tap,
    unordered,
    wait_for,
)

from tap_servicetitan.simulator import Simulator


def test_listing_asks_for_inactive_records_and_large_pages_from_the_apis_first_page(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "zones", "intacct_business_unit_mappings", "teams")

    assert run.code == 0
    (zones,) = queries(simulator, "zones")
    assert zones == {"active": "Any", "sort": "+Id", "page": "1", "pageSize": "5000", "includeTotal": "true"}
    assert queries(simulator, "intacct_business_unit_mappings")[0]["page"] == "0"
    assert queries(simulator, "intacct_business_unit_mappings")[0]["pageSize"] == "500"
    assert queries(simulator, "teams")[0]["includeInactive"] == "true"
    assert any(record["active"] is False for record in run.records("zones"))


def test_known_pages_are_requested_at_the_same_time_and_written_in_order(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(records=0, sizes={"journal_entries": 4_200}, latency=0.05)

    one = run_here(config_of(simulator, concurrency=1), "journal_entries")
    assert simulator.max_in_flight == 1
    many = run_here(config_of(simulator, concurrency=4), "journal_entries")

    assert simulator.max_in_flight == 4
    assert [record["id"] for record in many.records("journal_entries")] == sorted(
        record["id"] for record in simulator.records("journal_entries")
    )
    assert many.records("journal_entries") == one.records("journal_entries")
    pages = [request for request in queries(simulator, "journal_entries") if request["pageSize"] == "500"]
    assert len(pages) == 2 * 9
    assert len(queries(simulator, "journal_entries")) <= 2 * (9 + 8), "at most one more at each border"


def test_listings_bookmark_moves_only_after_its_last_page(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=0, sizes={"journal_entries": 2_000})
    simulator.misbehave("hang", stream="journal_entries", after=3, times=None, seconds=30)
    command = tap.command(config_of(simulator), catalog=selecting("journal_entries"))
    process, stop = started_tap(command, tmp_path)
    wait_for(lambda: len(queries(simulator, "journal_entries")) >= 3)
    process.terminate()

    stopped = stop()

    assert stopped.code == 143
    assert all("replication_key_value" not in bookmarks_of(state, "journal_entries") for state in stopped.states)


def bookmarks_of(state: dict[str, Any], stream: str) -> dict[str, Any]:
    return bookmark(state, stream) if stream in state.get("bookmarks", {}) else {}


def test_listing_is_read_again_from_its_bookmark_less_an_overlap(simulator: Simulator) -> None:
    first = run_here(config_of(simulator), "zones")
    simulator.advance(new=3, changed=2)
    before = len(simulator.requests)

    second = run_here(config_of(simulator), "zones", state=first.state)

    (query,) = queries(simulator, "zones", before)
    assert query["modifiedOnOrAfter"] < first.bookmark("zones")["replication_key_value"]
    newest = {record["id"]: plain(record) for record in first.records("zones") + second.records("zones")}
    assert unordered(list(newest.values())) == unordered(simulator.records("zones"))
    assert len(second.records("zones")) < 20


def test_full_tables_activate_their_version_with_the_setting(simulator: Simulator) -> None:
    wanted = config_of(simulator, emit_activate_version_messages=True)

    run = run_here(wanted, "project_types", "zones")
    plain_run = run_here(config_of(simulator), "project_types")

    (activation,) = run.of_type("ACTIVATE_VERSION")
    assert activation["stream"] == "project_types"
    versions = {message.get("version") for message in run.of_type("RECORD") if message["stream"] == "project_types"}
    assert versions == {activation["version"]}
    kinds = [message["type"] for message in run.messages if message.get("stream") == "project_types"]
    assert kinds[-1] == "ACTIVATE_VERSION"
    assert not plain_run.of_type("ACTIVATE_VERSION")


def test_full_table_that_failed_for_a_tenant_activates_no_version(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    config = config_of(simulator, emit_activate_version_messages=True)
    config["tenants"][1]["client_secret"] = "cs2.wrong"

    run = run_here(config, "project_types")

    assert run.code == 1
    assert len(run.records("project_types")) == 60
    assert not run.of_type("ACTIVATE_VERSION")

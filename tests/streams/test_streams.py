"""Every kind of stream, end to end: listings, nested collections, windows, and all in one run."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from helpers.support import (
    TABLE,
    Output,
    Tap,
    bookmark,
    bring_up_to_date,
    config_of,
    days_ago,
    plain,
    run_here,
    selecting,
    started_tap,
    wait_for,
)

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints.kinds import Export, Listing, Nested, Window
from tap_servicetitan.simulator import Simulator


def asked(simulator: Simulator, stream: str, since: int = 0) -> list[dict[str, str]]:
    return [dict(request.query) for request in simulator.requests[since:] if request.stream == stream]


def as_set(records: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(record, sort_keys=True) for record in records)


def test_every_stream_brings_all_its_records_valid_against_its_schema_and_then_only_what_is_new(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=12, page_size=5)
    recent = simulate(records=12, page_size=5)
    bring_up_to_date(recent, new=300)
    everything = config_of(simulator)
    windows = {name for name, endpoint in TABLE.items() if isinstance(endpoint, Window)}
    others = tuple(name for name in TABLE if name not in windows)

    first = tap(everything, catalog=selecting(*others))
    windowed = tap(config_of(recent, start_date=str(days_ago(30))), catalog=selecting(*windows))

    assert first.code == windowed.code == 0
    assert set(first.counts()) == set(others) - {name for name in others if not simulator.records(name)}
    assert len(first.counts()) > 155
    assert set(windowed.counts()) == windows
    for run in (first, windowed):
        schemas = {
            message["stream"]: jsonschema.Draft202012Validator(message["schema"]) for message in run.of_type("SCHEMA")
        }
        for message in run.of_type("RECORD"):
            schemas[message["stream"]].validate(message["record"])
    for name in others:
        if isinstance(TABLE[name], Export | Listing):
            assert as_set(sent_by_the_api(first, name)) == as_set(rows_of(simulator, name, schemas_of(first))), name
    keyed = [name for name in first.counts() if TABLE[name].keys]
    for name in keyed:
        keys = [tuple(record[key] for key in TABLE[name].primary_keys) for record in first.records(name)]
        assert len(keys) == len(set(keys)), name

    before = len(simulator.requests)
    second = tap(everything, catalog=selecting(*others), state=first.state)

    assert second.code == 0
    for name in others:
        endpoint = TABLE[name]
        if isinstance(endpoint, Listing) and endpoint.replication_key and first.records(name):
            assert any(endpoint.since_param in query for query in asked(simulator, name, before)), name
            assert len(second.records(name)) < 12, name
        if isinstance(endpoint, Export):
            assert not second.records(name)
            assert len([query for query in asked(simulator, name, before) if "from" in query]) == 1


def sent_by_the_api(run: Output, stream: str) -> list[dict[str, Any]]:
    added = set(TABLE[stream].added_fields) - TABLE[stream].sent_fields
    return [{key: value for key, value in record.items() if key not in added} for record in run.records(stream)]


def schemas_of(run: Output) -> dict[str, Any]:
    return {message["stream"]: message["schema"] for message in run.of_type("SCHEMA")}


def as_announced(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value as the tap writes it: the API sends numbers in some fields of text."""
    kinds = schema.get("type", ())
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {key: as_announced(item, properties.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [as_announced(item, schema.get("items", {})) for item in value]
    is_text = "string" in kinds and value is not None and not isinstance(value, str)
    return json.dumps(value) if is_text else value


def rows_of(simulator: Simulator, stream: str, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the simulator holds, rows that hold lists taken apart."""
    endpoint = TABLE[stream]
    schema = schemas.get(stream, {})
    records = [as_announced(record, schema) for record in simulator.records(stream)]
    each = endpoint.explode if isinstance(endpoint, Export) else None
    if not each or not any(each in record for record in records):
        return records
    return [
        {**{key: value for key, value in row.items() if key != each}, **item} for row in records for item in row[each]
    ]


def test_a_listing_asks_for_inactive_records_and_large_pages_from_the_apis_first_page(
    tap: Tap, simulator: Simulator
) -> None:
    run = tap(config_of(simulator), catalog=selecting("zones", "intacct_business_unit_mappings", "teams"))

    assert run.code == 0
    (zones,) = asked(simulator, "zones")
    assert zones == {"active": "Any", "sort": "+Id", "page": "1", "pageSize": "5000", "includeTotal": "true"}
    assert asked(simulator, "intacct_business_unit_mappings")[0]["page"] == "0"
    assert asked(simulator, "intacct_business_unit_mappings")[0]["pageSize"] == "500"
    assert asked(simulator, "teams")[0]["includeInactive"] == "true"
    assert any(record["active"] is False for record in run.records("zones"))


def test_pages_that_are_known_of_are_asked_for_side_by_side_and_come_in_order(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=0, sizes={"journal_entries": 4_200}, latency=0.05)

    one = tap(config_of(simulator, concurrency=1), catalog=selecting("journal_entries"))
    assert simulator.max_in_flight == 1
    many = tap(config_of(simulator, concurrency=4), catalog=selecting("journal_entries"))

    assert simulator.max_in_flight == 4
    assert [record["id"] for record in many.records("journal_entries")] == sorted(
        record["id"] for record in simulator.records("journal_entries")
    )
    assert many.records("journal_entries") == one.records("journal_entries")
    pages = [request for request in asked(simulator, "journal_entries") if request["pageSize"] == "500"]
    assert len(pages) == 2 * 9
    assert len(asked(simulator, "journal_entries")) <= 2 * (9 + 8), "at most one more at each border"


def test_a_listings_bookmark_moves_only_when_its_last_page_is_out(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=0, sizes={"journal_entries": 2_000})
    simulator.misbehave("hang", stream="journal_entries", after=3, times=None, seconds=30)
    command = tap.command(config_of(simulator), catalog=selecting("journal_entries"))
    process, stop = started_tap(command, tmp_path)
    wait_for(lambda: len(asked(simulator, "journal_entries")) >= 3)
    process.terminate()

    stopped = stop()

    assert stopped.code == 143
    assert all("replication_key_value" not in bookmarks_of(state, "journal_entries") for state in stopped.states)


def bookmarks_of(state: dict[str, Any], stream: str) -> dict[str, Any]:
    return bookmark(state, stream) if stream in state.get("bookmarks", {}) else {}


def test_a_listing_is_read_again_from_its_bookmark_less_an_overlap(tap: Tap, simulator: Simulator) -> None:
    first = tap(config_of(simulator), catalog=selecting("zones"))
    simulator.advance(new=3, changed=2)
    before = len(simulator.requests)

    second = tap(config_of(simulator), catalog=selecting("zones"), state=first.state)

    (query,) = asked(simulator, "zones", before)
    assert query["modifiedOnOrAfter"] < first.bookmark("zones")["replication_key_value"]
    newest = {record["id"]: plain(record) for record in first.records("zones") + second.records("zones")}
    assert as_set(list(newest.values())) == as_set(simulator.records("zones"))
    assert len(second.records("zones")) < 20


def test_full_tables_let_the_target_drop_what_vanished_if_wanted(tap: Tap, simulator: Simulator) -> None:
    wanted = config_of(simulator, emit_activate_version_messages=True)

    run = tap(wanted, catalog=selecting("project_types", "zones"))
    plain_run = tap(config_of(simulator), catalog=selecting("project_types"))

    (activation,) = run.of_type("ACTIVATE_VERSION")
    assert activation["stream"] == "project_types"
    versions = {message.get("version") for message in run.of_type("RECORD") if message["stream"] == "project_types"}
    assert versions == {activation["version"]}
    kinds = [message["type"] for message in run.messages if message.get("stream") == "project_types"]
    assert kinds[-1] == "ACTIVATE_VERSION"
    assert not plain_run.of_type("ACTIVATE_VERSION")


def test_a_full_table_that_failed_for_a_tenant_drops_nothing(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    config = config_of(simulator, emit_activate_version_messages=True)
    config["tenants"][1]["client_secret"] = "cs2.wrong"

    run = tap(config, catalog=selecting("project_types"))

    assert run.code == 1
    assert len(run.records("project_types")) == 60
    assert not run.of_type("ACTIVATE_VERSION")


def test_nested_records_bear_their_parents_id_in_record_and_key(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator), catalog=selecting("customer_notes", "contact_method_preferences"))

    assert run.code == 0
    (schema,) = [message for message in run.of_type("SCHEMA") if message["stream"] == "customer_notes"]
    assert schema["key_properties"] == list(TABLE["customer_notes"].primary_keys)
    assert "customer_id" in schema["key_properties"]
    customers = {record["id"] for record in simulator.records("customers")}
    assert {record["customer_id"] for record in run.records("customer_notes")} <= customers
    assert all(
        record["contact_id"] and record["contact_method_id"] for record in run.records("contact_method_preferences")
    )


def test_parents_are_asked_for_side_by_side_with_little_state_and_one_schema(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=600, latency=0.005)

    run = tap(config_of(simulator), catalog=selecting("customer_notes"))

    assert run.code == 0
    assert simulator.max_in_flight == 8
    assert len(run.of_type("SCHEMA")) == 1
    state = sum(len(line) for line in run.stdout.splitlines() if line.startswith('{"type":"STATE"'))
    assert state < len(run.stdout) / 10


def test_a_nested_stream_goes_on_at_the_page_of_parents_where_it_stopped(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=1_200)
    simulator.misbehave("hang", stream="job_booked_log", after=700, times=None, seconds=30)
    config = config_of(simulator)
    process, stop = started_tap(tap.command(config, catalog=selecting("job_booked_log")), tmp_path)
    wait_for(lambda: len(asked(simulator, "job_booked_log")) >= 700)
    process.terminate()
    first = stop()
    simulator.behave()
    before = len(simulator.requests)

    second = tap(config, catalog=selecting("job_booked_log"), state=first.state)

    assert first.bookmark("job_booked_log")["parent_page"] == 1
    assert second.code == 0
    assert "parent_page" not in second.bookmark("job_booked_log")
    assert len(asked(simulator, "job_booked_log", before)) == 700
    jobs = [record["jobId"] for record in first.records("job_booked_log") + second.records("job_booked_log")]
    uninterrupted = tap(config, catalog=selecting("job_booked_log"))
    assert set(jobs) == {record["jobId"] for record in uninterrupted.records("job_booked_log")}


def windows_of(simulator: Simulator, stream: str, since: int = 0) -> list[tuple[str, str]]:
    """The windows that were asked for, in order of time."""
    return sorted((query["from"], query["to"]) for query in asked(simulator, stream, since))


@pytest.mark.parametrize("hours", [0, 20, -4])
def test_windows_are_whole_days_in_utc_up_to_now_and_resume_with_a_look_back(simulator: Simulator, hours: int) -> None:
    zone = timezone(timedelta(hours=-7))
    start = (days_ago(12) + timedelta(hours=hours)).astimezone(zone).isoformat()
    config = config_of(simulator, start_date=start)

    first = run_here(config, "email_channel_costs")
    windows = windows_of(simulator, "email_channel_costs")
    before = len(simulator.requests)
    run_here(config, "email_channel_costs", state=first.state)

    assert first.code == 0
    days = [days_ago(days) for days in range(13 if hours < 0 else 12, -2, -1)]
    assert windows == list(pairwise(format_api_date(day) for day in days))
    assert windows_of(simulator, "email_channel_costs", before) == windows[-8:]


def test_windows_are_asked_for_side_by_side_and_come_in_order(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.02)
    bring_up_to_date(simulator, new=500)

    run = run_here(config_of(simulator, start_date=str(days_ago(30)), concurrency=4), "campaign_cost_summaries")

    assert run.code == 0
    assert simulator.max_in_flight == 4
    days = [record["from"] for record in run.records("campaign_cost_summaries")]
    assert len(set(days)) > 10
    assert days == sorted(days)
    moves = [bookmark(state, "campaign_cost_summaries")["replication_key_value"] for state in run.states]
    assert moves == sorted(moves)


def test_discovery_selects_what_is_cheap_to_read() -> None:
    entries = {entry["tap_stream_id"]: entry for entry in selecting()["streams"]}

    assert len(entries) >= 160
    for name, entry in entries.items():
        root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
        assert root["metadata"]["selected-by-default"] is not isinstance(TABLE[name], Nested) or name == "capacities"


def test_discovery_needs_no_config_and_prints_a_catalog(tap: Tap) -> None:
    run = subprocess.run([*tap.command({}, "--discover")], capture_output=True, text=True, check=True)

    assert len(json.loads(run.stdout)["streams"]) == len(TABLE)
    assert "ERROR" not in run.stderr
    assert "Traceback" not in run.stderr

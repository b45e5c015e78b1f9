"""Nested streams: their records and parents, and where an interrupted run continues."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.raw import RawServer, http
from helpers.support import (
    TABLE,
    Tap,
    config_of,
    queries,
    run_here,
    selecting,
    started_tap,
    wait_for,
)

from tap_servicetitan.simulator import Simulator


def test_nested_records_have_the_id_of_their_parent_in_record_and_key(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "customer_notes", "contact_method_preferences")

    assert run.code == 0
    (schema,) = [message for message in run.of_type("SCHEMA") if message["stream"] == "customer_notes"]
    assert schema["key_properties"] == list(TABLE["customer_notes"].primary_keys)
    assert "customer_id" in schema["key_properties"]
    customers = {record["id"] for record in simulator.records("customers")}
    assert {record["customer_id"] for record in run.records("customer_notes")} <= customers
    assert all(
        record["contact_id"] and record["contact_method_id"] for record in run.records("contact_method_preferences")
    )


def test_parents_are_requested_at_the_same_time_with_little_state_and_one_schema(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(records=600, latency=0.005)

    run = run_here(config_of(simulator), "customer_notes")

    assert run.code == 0
    assert simulator.max_in_flight == 8
    assert len(run.of_type("SCHEMA")) == 1
    state = sum(len(line) for line in run.stdout.splitlines() if line.startswith('{"type":"STATE"'))
    assert state < len(run.stdout) / 10


def test_nested_stream_continues_at_the_page_of_parents_where_it_stopped(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=1_200)
    simulator.misbehave("hang", stream="job_booked_log", after=700, times=None, seconds=30)
    config = config_of(simulator)
    process, stop = started_tap(tap.command(config, catalog=selecting("job_booked_log")), tmp_path)
    wait_for(lambda: len(queries(simulator, "job_booked_log")) >= 700)
    process.terminate()
    first = stop()
    simulator.behave()
    before = len(simulator.requests)

    second = run_here(config, "job_booked_log", state=first.state)

    assert first.bookmark("job_booked_log")["parent_page"] == 1
    assert second.code == 0
    assert "parent_page" not in second.bookmark("job_booked_log")
    assert len(queries(simulator, "job_booked_log", before)) == 700
    jobs = [record["jobId"] for record in first.records("job_booked_log") + second.records("job_booked_log")]
    uninterrupted = run_here(config, "job_booked_log")
    assert set(jobs) == {record["jobId"] for record in uninterrupted.records("job_booked_log")}


@pytest.mark.parametrize("sent", [{}, {"jobId": None}, {"jobId": 7}])
def test_record_has_the_parents_id_from_the_path_in_its_own_field(sent: dict[str, int | None]) -> None:
    jobs = http(json.dumps({"data": [{"id": 7}], "page": 1, "pageSize": 1, "totalCount": 1, "hasMore": False}).encode())
    log = http(json.dumps({"id": 1, **sent}).encode())

    with RawServer(lambda path: log if "booked-log" in path else jobs).listening() as config:
        run = run_here(config, "job_booked_log")

    assert run.code == 0, run.log
    assert run.records("job_booked_log") == [{"tenant_id": "1001", "jobId": 7, "id": 1}]
    (schema,) = run.of_type("SCHEMA")
    assert schema["key_properties"] == ["tenant_id", "jobId", "id"]
    assert not run.lines_with("does not fit")
    assert not run.lines_with("jobId")

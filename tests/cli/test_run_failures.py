"""What a run reports of streams and tenants that fail, and that it reads the others."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from helpers.support import (
    FEEDS,
    RAISES_IN_LEADS,
    Output,
    Tap,
    config_of,
    selecting,
)

from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.simulator import Simulator


def test_failures_have_cause_and_remedy_and_stop_no_other_stream(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=3, deny_scopes=["tn.crm.leads:r"])
    config = config_of(simulator)
    config["tenants"][2]["client_secret"] = "cs2.wrong"
    streams = ("bookings", "customers", "customer_contacts", "leads", "locations")
    catalog = selecting(*streams)

    run = tap(config, catalog=catalog)

    assert run.code == 1
    complete = {(record["tenant_id"], stream) for stream in streams for record in run.records(stream)}
    assert complete == {(tenant, stream) for tenant in ("1001", "1002") for stream in streams if stream != "leads"}
    assert all(len(run.records(stream)) == 120 for stream in streams if stream != "leads")
    block = run.log[run.log.index("7 of 15 streams could not be read to the end; the others are complete:") :]
    for tenant_id in ("1001", "1002"):
        assert f"tenant {tenant_id}, stream leads: The API answered 403: Scope validation failed" in block
    assert block.count("Grant the scope tn.crm.leads:r to the app in ServiceTitan's developer portal.") == 2
    (line,) = re.findall("tenant 1003, streams (.*): The token endpoint refused the credentials .400.", block)
    assert set(line.split(", ")) == set(streams)
    assert run.log.count("Check client_id and client_secret of this tenant") == 2
    assert "cs2.wrong" not in run.log
    assert "Traceback" not in run.log
    assert simulator.token_requests == 3


def test_failures_of_one_kind_are_reported_once(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator, client_secret="wrong"), catalog=selecting())

    assert run.code == 1
    errors = [line.split("| ")[-1].strip() for line in run.log.splitlines() if "ERROR" in line]
    assert len(errors) == 3
    assert errors[1] == f"{len(TABLE)} of {len(TABLE)} streams could not be read to the end:"
    more = len(TABLE) - 5
    assert re.match(rf"tenant 1001, streams (\w+, ){{4}}\w+ and {more} more: The token endpoint refused", errors[2])


def test_bug_in_one_stream_stops_no_other_and_is_reported_without_records(tap: Tap, simulator: Simulator) -> None:
    arguments = tap.command(config_of(simulator))[1:]

    done = subprocess.run(
        [sys.executable, "-c", RAISES_IN_LEADS, *arguments], capture_output=True, text=True, check=False
    )

    run = Output(done.returncode, done.stdout, done.stderr)
    assert run.code == 1
    assert run.counts() == {stream: 60 for stream in FEEDS if stream != "leads"}
    assert "tenant 1001, stream leads: Unexpected KeyError." in run.log
    assert ", in pages" in run.log
    assert "Jane Doe" not in run.log


def test_failed_streams_bookmark_stays_at_its_last_good_page(tap: Tap, simulator: Simulator) -> None:
    simulator.misbehave("repeat_token", stream="bookings", after=2, times=None)
    config = config_of(simulator)
    failed = tap(config)
    simulator.behave()

    resumed = tap(config, state=failed.state)

    assert failed.code == 1
    assert resumed.code == 0
    ids = [record["id"] for record in failed.records("bookings") + resumed.records("bookings")]
    assert set(ids) == {record["id"] for record in simulator.records("bookings")}
    assert len(ids) <= 60 + 20


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": {"bookings": "x"}},
        {"bookmarks": {"bookings": {"partitions": [{"context": 1}]}}},
        {"bookmarks": {"bookings": {"partitions": [{"context": {"tenant_id": "1001"}, "continue_from": 5}]}}},
        {"bookmarks": {"bookings": {"replication_key_value": "yesterday"}}},
    ],
)
def test_state_that_is_garbage_is_refused_in_a_line(tap: Tap, simulator: Simulator, state: dict[str, Any]) -> None:
    run = tap(config_of(simulator), state=state)

    assert run.code == 1
    assert run.stdout == ""
    assert "is not usable" in run.log
    assert "Traceback" not in run.log

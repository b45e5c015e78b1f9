"""A whole run: several requests at once, several tenants, failures, signals."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import (
    FEEDS,
    RAISES_IN_LEADS,
    Output,
    Tap,
    bookmark,
    config_of,
    plain,
    selecting,
    started_tap,
    unpacked,
    wait_for,
)

from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.simulator import Simulator


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_never_more_requests_are_in_flight_than_allowed(
    tap: Tap, simulate: Callable[..., Simulator], concurrency: int
) -> None:
    simulator = simulate(page_size=10, latency=0.01)

    run = tap(config_of(simulator, concurrency=concurrency))

    assert run.code == 0
    assert simulator.max_in_flight == min(concurrency, len(FEEDS))


def test_records_and_state_of_a_stream_come_in_feed_order_at_any_concurrency(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(page_size=7, latency=0.002)

    one, many = (tap(config_of(simulator, concurrency=concurrency)) for concurrency in (1, 16))

    for stream in FEEDS:
        assert list(map(plain, many.records(stream))) == simulator.records(stream)
        assert many.records(stream) == one.records(stream)
        assert many.bookmark(stream) == one.bookmark(stream)
    tokens = {stream: list(dict.fromkeys(tokens_of(many, stream))) for stream in FEEDS}
    assert tokens == {stream: list(dict.fromkeys(tokens_of(one, stream))) for stream in FEEDS}


def tokens_of(run: Output, stream: str) -> list[str]:
    return [bookmark(state, stream)["continue_from"] for state in run.states if stream in state["bookmarks"]]


def test_state_never_runs_ahead_of_the_records(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(page_size=10, latency=0.002)

    run = tap(config_of(simulator))

    written: Counter[str] = Counter()
    newest: dict[str, int] = {}
    pages: dict[str, list[str]] = {stream: tokens_of(run, stream) for stream in FEEDS}
    order = {stream: {token: index for index, token in enumerate(dict.fromkeys(pages[stream]))} for stream in FEEDS}
    for message in run.messages:
        if message["type"] == "RECORD":
            written[message["stream"]] += 1
        if message["type"] == "STATE":
            for stream in message["value"]["bookmarks"]:
                newest[stream] = order[stream][bookmark(message["value"], stream)["continue_from"]]
                assert written[stream] >= 10 * (newest[stream] + 1)


def test_tenants_share_a_run_and_keep_their_own_bookmarks(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=3)

    run = tap(config_of(simulator))

    assert run.code == 0
    assert simulator.token_requests == 3
    assert len(run.of_type("SCHEMA")) == len(FEEDS)
    for tenant_id in ("1001", "1002", "1003"):
        of_tenant = [record for record in run.records("bookings") if record["tenant_id"] == tenant_id]
        assert list(map(plain, of_tenant)) == simulator.records("bookings", tenant_id)
        assert run.bookmark("bookings", tenant_id)["continue_from"]


def test_a_tenant_that_is_added_starts_from_scratch_and_leaves_the_others_bookmarks_alone(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=2)
    config = config_of(simulator)
    first = tap({**config, "tenants": config["tenants"][:1]})

    second = tap(config, state=first.state)

    assert {record["tenant_id"] for record in second.records("bookings")} == {"1002"}
    assert second.counts() == dict.fromkeys(FEEDS, 60)
    assert second.bookmark("bookings", "1001") == first.bookmark("bookings", "1001")


def test_a_bookmark_without_a_tenant_is_left_aside_if_there_are_several(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=2)
    state = {"bookmarks": {"bookings": {"replication_key_value": "2025-09-01T00:00:00Z"}}}

    run = tap(config_of(simulator), state=state)

    assert run.counts()["bookings"] == 120
    assert "Stream bookings: STATE has a bookmark without a tenant, which is ignored." in run.log


def test_credentials_of_the_top_level_serve_tenants_that_have_none(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=2)
    first, second = simulator.config["tenants"]
    config = config_of(simulator, client_id=first["client_id"], client_secret=first["client_secret"])

    run = tap({**config, "tenants": [{"tenant_id": "1001"}, second]})

    assert run.code == 0
    assert run.counts()["bookings"] == 120


def test_what_fails_is_named_with_cause_and_remedy_and_stops_nothing_else(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
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


def test_failures_of_one_kind_are_told_once(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator, client_secret="wrong"), catalog=selecting())

    assert run.code == 1
    errors = [line.split("| ")[-1].strip() for line in run.log.splitlines() if "ERROR" in line]
    assert len(errors) == 3
    assert errors[1] == f"{len(TABLE)} of {len(TABLE)} streams could not be read to the end:"
    more = len(TABLE) - 5
    assert re.match(rf"tenant 1001, streams (\w+, ){{4}}\w+ and {more} more: The token endpoint refused", errors[2])


@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&-", 1)])
def test_a_run_without_stderr_is_a_run_and_one_without_stdout_is_none(
    tap: Tap, simulator: Simulator, closed: str, code: int
) -> None:
    command = shlex.join(tap.command(config_of(simulator))) + f" {closed}"

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert bool(done.stdout) == (code == 0)
    assert "Traceback" not in done.stderr
    assert not done.stderr or "There is no stdout to write to." in done.stderr


def test_a_defect_in_one_stream_costs_no_other_and_quotes_no_record(tap: Tap, simulator: Simulator) -> None:
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


def test_a_failed_streams_bookmark_stays_at_its_last_good_page(tap: Tap, simulator: Simulator) -> None:
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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_at_once_with_a_last_state_even_while_requests_hang(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    simulator = simulate(page_size=10)
    simulator.misbehave("hang", after=20, times=None, seconds=60)
    process, stop = started_tap(tap.command(config_of(simulator)), tmp_path)
    wait_for(lambda: hanging(simulator))
    started = time.monotonic()
    process.send_signal(number)

    run = stop()
    assert time.monotonic() - started < 2
    assert run.code == code
    assert run.messages[-1]["type"] == "STATE"
    assert f"Stopped by {number.name}" in run.log
    assert "Traceback" not in run.log
    for stream, count in run.counts().items():
        assert count == 10 * len(set(tokens_of(run, stream)))


def hanging(simulator: Simulator) -> bool:
    """Tell whether the answers that come have come."""
    return len(simulator.requests) >= 20


def test_a_signal_ends_the_run_at_once_even_while_the_target_takes_nothing(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=1000)
    process = subprocess.Popen(tap.command(config_of(simulator)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(simulator.requests) > 6)
    started = time.monotonic()
    process.terminate()

    assert process.wait(timeout=10) == 143
    assert time.monotonic() - started < 2
    process.communicate()


def test_a_target_that_goes_away_stops_everything_at_once(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=2000, page_size=50, latency=0.01)
    process = subprocess.Popen(tap.command(config_of(simulator)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(50_000)
    process.stdout.close()
    started = time.monotonic()
    assert process.stderr is not None
    log = process.stderr.read().decode()
    code = process.wait(timeout=10)
    process.stderr.close()

    assert time.monotonic() - started < 3
    assert code == 1
    assert "The target closed its input" in log
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def test_state_stays_under_a_tenth_of_the_output_with_many_tenants(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=30, records=40, page_size=10)

    run = tap(config_of(simulator, concurrency=16))

    assert run.code == 0
    lines = run.stdout.splitlines(keepends=True)
    state = sum(len(line) for line in lines if line.startswith('{"type":"STATE"'))
    assert state < len(run.stdout) / 10
    assert len(run.state["bookmarks"]["bookings"]["partitions"]) == 30
    assert simulator.token_requests == 30


BATCH = {"encoding": {"format": "jsonl", "compression": "gzip"}, "batch_size": 25}


def test_batches_hold_every_record_and_state_covers_only_what_is_out(
    tap: Tap, simulator: Simulator, tmp_path: Path
) -> None:
    storage = {"root": f"file://{tmp_path}/batches"}

    run = tap(config_of(simulator, batch_config={**BATCH, "storage": storage}))

    assert run.code == 0
    assert not run.of_type("RECORD")
    for stream in FEEDS:
        assert list(map(plain, run.batched(stream))) == simulator.records(stream)
    out: Counter[str] = Counter()
    for message in run.messages:
        if message["type"] == "BATCH":
            out[message["stream"]] += sum(1 for _ in unpacked(message["manifest"]))
        if message["type"] == "STATE":
            for stream in message["value"]["bookmarks"]:
                covered = list(dict.fromkeys(tokens_of(run, stream))).index(
                    bookmark(message["value"], stream)["continue_from"]
                )
                assert out[stream] >= (40, 60)[covered]


def test_a_stopped_run_with_batches_resumes_without_loss(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(page_size=10)
    simulator.misbehave("hang", after=20, times=None, seconds=30)
    storage = {"root": f"file://{tmp_path}/batches"}
    config = config_of(simulator, batch_config={**BATCH, "storage": storage})
    process, stop = started_tap(tap.command(config), tmp_path)
    wait_for(lambda: hanging(simulator))
    process.terminate()
    first = stop()
    simulator.behave()

    second = tap(config, state=first.states[-1] if first.states else {})

    assert first.code == 143
    assert second.code == 0
    for stream in FEEDS:
        got = [record["id"] for record in first.batched(stream) + second.batched(stream)]
        assert set(got) == {record["id"] for record in simulator.records(stream)}


def test_a_trial_run_writes_a_record_of_each_stream(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator), "--test")

    assert run.code == 0
    assert set(run.counts().values()) == {1}
    assert len(run.counts()) > 160


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


def test_bookmarks_of_unknown_streams_are_kept(tap: Tap, simulator: Simulator) -> None:
    state = {"bookmarks": {"gone": {"partitions": [{"context": {"tenant_id": "1001"}, "continue_from": "x"}]}}}

    run = tap(config_of(simulator), state=state)

    assert run.state["bookmarks"]["gone"] == state["bookmarks"]["gone"]

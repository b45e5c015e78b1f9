"""ACTIVATE_VERSION: written only after everything was read; otherwise the log says why vanished rows stay."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, http
from helpers.support import Output, Tap, config_of, days_ago, run_here, selecting, started_tap, wait_for

from tap_servicetitan.simulator import Simulator

START = {"start_date": str(days_ago(20).date())}
WHOLE, SILENT = "activated", "nothing said"
BOUNDED = "start_date leaves out older records"
WINDOWS = "a run reads windows of time, never all of it"
KEPT = "rows that vanished from ServiceTitan stay in the target, since "


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def in_files(folder: Path) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}}}


def forced(*streams: str) -> dict[str, Any]:
    """Return a catalog with these streams, read in full by every run."""
    entries = [entry for entry in selecting(*streams)["streams"] if entry["tap_stream_id"] in streams]
    return {"streams": [{**entry, "replication_method": "FULL_TABLE"} for entry in entries]}


def outcome(run: Output) -> str:
    """Return whether the target may drop rows; if not, the only reason in the log."""
    reasons = {line.partition(KEPT)[2].rstrip(".") for line in run.lines_with(KEPT)}
    activated = run.of_type("ACTIVATE_VERSION")
    assert len(run.lines_with(KEPT)) + len(activated) <= 1
    if activated:
        stream = activated[0]["stream"]
        versions = {message.get("version") for message in run.of_type("RECORD") if message["stream"] == stream}
        assert versions <= {activated[0]["version"]}
        return WHOLE
    return reasons.pop() if reasons else SILENT


@pytest.mark.parametrize(
    ("kind", "stream", "as_discovered", "in_full", "since_start_date"),
    [
        ("feed", "leads", SILENT, WHOLE, BOUNDED),
        ("feed of lists", "job_history", SILENT, WHOLE, BOUNDED),
        ("listing with a replication key", "zones", SILENT, WHOLE, BOUNDED),
        ("listing without", "costs", WHOLE, WHOLE, WHOLE),
        ("nested with a replication key", "customer_notes", SILENT, WHOLE, BOUNDED),
        ("nested without", "booking_contacts", WHOLE, WHOLE, WHOLE),
        ("nested below nested", "wbs_project_segment_items", WHOLE, WHOLE, WHOLE),
        ("nested by dates", "scheduler_performance", WHOLE, WHOLE, BOUNDED),
        ("unpaged", "contact_preferences", WHOLE, WHOLE, WHOLE),
        ("singleton", "business_hours", WHOLE, WHOLE, WHOLE),
        ("window", "campaign_cost_summaries", SILENT, WINDOWS, WINDOWS),
        ("rolling look", "capacities", *["a run reads the days ahead only"] * 3),
    ],
)
def test_stream_is_activated_only_if_a_run_can_read_all_of_it(  # noqa: PLR0913 -- a row of the table
    simulate: Callable[..., Simulator],
    tmp_path: Path,
    *,
    kind: str,
    stream: str,
    as_discovered: str,
    in_full: str,
    since_start_date: str,
) -> None:
    simulator = simulate(records=6, page_size=3)
    asked = config_of(simulator, emit_activate_version_messages=True)

    runs = {
        "as discovered": run_here(asked, stream),
        "in full": run_here(asked, stream, catalog=forced(stream)),
        "since start_date": run_here({**asked, **START}, stream, catalog=forced(stream)),
        "in files": run_here({**asked, **in_files(tmp_path)}, stream, catalog=forced(stream)),
        "not asked for": run_here(config_of(simulator), stream, catalog=forced(stream)),
    }

    assert {how: outcome(run) for how, run in runs.items()} == {
        "as discovered": as_discovered,
        "in full": in_full,
        "since start_date": since_start_date,
        "in files": "records in BATCH files carry no version",
        "not asked for": SILENT,
    }, kind
    assert not any(message.get("version") for message in runs["not asked for"].messages)


def test_reason_is_logged_once_with_all_streams_that_it_concerns(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    streams = ("zones", "costs", "capacities", "leads", "teams", "user_roles", "tag_types")
    config = config_of(simulator, emit_activate_version_messages=True, **START)

    run_here(config, *streams, catalog=forced(*streams))

    lines = {record.getMessage(): record.levelname for record in caplog.records if KEPT in record.getMessage()}
    assert lines == {
        f"Of streams leads, tag_types, teams, zones, {KEPT}{BOUNDED}.": "WARNING",
        f"Of stream capacities, {KEPT}a run reads the days ahead only.": "INFO",
    }


# Parents and pages

Answer = tuple[str, list[dict[str, Any]]]
"""Status and rows."""

Answers = Mapping[str, Answer]
"""By the end of the path."""

GONE: Answer
INACTIVE: Answer
GONE, INACTIVE = ("404 Not Found", [{}]), ("409 Conflict", [{}])


def ok(*ids: int | None, **fields: Any) -> Answer:
    return "200 OK", [{"id": number, **fields} for number in ids]


def read(answers: Answers, stream: str, *, total: int = 0, **options: Any) -> Output:
    """Read a stream of an API that gives these answers; ``total`` is what lists claim to hold more than they do."""

    def answer(url: str) -> bytes:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        status, rows = next(answers[end] for end in sorted(answers, key=len, reverse=True) if path.endswith(end))
        if status != "200 OK":
            return http(b'{"title":"It is not active"}', status)
        rows = rows if query.get("page", ["1"]) == ["1"] else []
        return http(json.dumps({"data": rows, "hasMore": False, "totalCount": len(rows) + total}).encode())

    with RawServer(answer).listening() as config:
        return run_here({**config, "emit_activate_version_messages": True}, stream, **options)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"bookings": ok(1, 2), "1/contacts": ok(5), "2/contacts": GONE}, WHOLE),
        ({"bookings": ok(1, 2), "1/contacts": GONE, "2/contacts": GONE}, "none of 2 parents has an answer"),
        ({"bookings": ok(1, 2), "1/contacts": INACTIVE, "2/contacts": ok(5)}, "1 parents are inactive"),
        ({"bookings": ok(1, 2), "1/contacts": INACTIVE, "2/contacts": GONE}, "1 parents are inactive"),
        ({"bookings": ok(None, 2), "2/contacts": ok(5)}, "1 parents have no id"),
        ({"bookings": ok()}, WHOLE),
    ],
)
def test_parents_that_are_gone_leave_a_stream_whole_and_parents_passed_by_do_not(
    answers: Answers, expected: str
) -> None:
    found = outcome(read(answers, "booking_contacts"))

    assert found in {expected, f"tenant 1001 was not read in full: {expected}"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (INACTIVE, GONE, "not active"),
        (GONE, INACTIVE, "not active"),
        (GONE, GONE, "none of 2 projects has an answer"),
        (GONE, ok(8), WHOLE),
        (INACTIVE, ok(8), "not active"),
    ],
)
def test_parents_of_parents_that_were_passed_by_are_not_forgotten(first: Any, second: Any, expected: str) -> None:
    answers = {"projects": ok(1, 2), "1/segments": first, "2/segments": second, "8/items": ok(9)}

    run = read(answers, "wbs_project_segment_items")

    assert expected in outcome(run), run.log


def test_rows_that_may_have_moved_between_pages_are_not_dropped() -> None:
    rates = {"locations/rates": ok(1, locationId=1, laborTypeCode="A")}

    assert outcome(read(rates, "location_rates")) == WHOLE
    assert outcome(read(rates, "location_rates", total=1)) == (
        "tenant 1001 was not read in full: received 1 of 2 records"
    )


def test_run_that_goes_on_where_another_was_interrupted_activates_nothing() -> None:
    state = {"bookmarks": {"booking_contacts": {"partitions": [{"context": {"tenant_id": "1001"}, "parent_id": 1}]}}}
    answers = {"bookings": ok(1, 2), "1/contacts": ok(4), "2/contacts": ok(5)}

    resumed = read(answers, "booking_contacts", state=state)
    again = read(answers, "booking_contacts", state=resumed.state)

    assert {record["id"] for record in resumed.records("booking_contacts")} == {5}
    assert outcome(resumed) == "tenant 1001 was not read in full: this run continued an interrupted one"
    assert outcome(again) == WHOLE


# Tenants


def test_tenant_that_fails_or_is_skipped_or_is_absent_keeps_all_rows_of_the_table(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(records=3, tenants=2)
    both = config_of(simulator, emit_activate_version_messages=True)
    one = {**both, "tenants": both["tenants"][:1]}
    whole = run_here(both, "costs", "leads")
    simulator.misbehave("unlicensed", stream="costs", tenant_id=1002, times=None)

    failed = run_here(both, "costs")
    skipped = run_here({**both, "skip_unentitled_streams": True}, "costs")
    absent = run_here(one, "costs", state=whole.state)

    assert (failed.code, skipped.code, absent.code) == (1, 0, 0)
    assert [outcome(run) for run in (whole, failed, skipped, absent)] == [
        WHOLE,
        "tenant 1002 could not be read",
        "tenant 1002 could not be read",
        "tenant 1002 is in STATE, but not in the settings",
    ]


def test_a_run_that_is_stopped_activates_nothing(tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path) -> None:
    simulator = simulate(records=3)
    simulator.misbehave("hang", stream="user_roles", seconds=30)
    config = config_of(simulator, emit_activate_version_messages=True)
    process, ended = started_tap(tap.command(config, catalog=selecting("costs", "user_roles")), tmp_path)
    wait_for(lambda: {request.stream for request in simulator.requests} >= {"costs", "user_roles"})
    wait_for(lambda: '"RECORD"' in (tmp_path / "stdout").read_text())

    process.send_signal(signal.SIGTERM)
    run = ended()

    assert run.code == 128 + signal.SIGTERM
    assert len(run.records("costs")) == 3
    assert run.of_type("ACTIVATE_VERSION") == []

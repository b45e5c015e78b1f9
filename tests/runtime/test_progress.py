"""What a run says about itself while it goes on, and at its end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.support import Output, Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator


def progress_lines(run: Output) -> list[str]:
    """The lines on progress, without time, level and logger."""
    return [line.split("| ", 3)[-1] for line in run.lines_with("tap-servicetitan.progress")]


def rows(run: Output) -> dict[str, dict[str, str]]:
    """The table at the end, by stream."""
    return {row["stream"]: row for row in table(run)}


def table(run: Output) -> list[dict[str, str]]:
    lines = progress_lines(run)
    start = next(number for number, line in enumerate(lines) if line.startswith("tenant "))
    head = lines[start].split()
    cells = (re.split(r"\s{2,}", line) for line in lines[start + 1 :] if not line.startswith(("Nothing", "Total")))
    return [dict(zip(head, row, strict=True)) for row in cells]


def test_line_now_and_then_says_how_far_each_stream_has_come(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.4)

    run = tap(config_of(simulator, log_interval=0.15), catalog=selecting("bookings"))

    lines = [line for line in progress_lines(run) if line.startswith("Tenant")]
    assert lines
    for line in lines:
        assert re.fullmatch(
            r"Tenant 1001, stream bookings: \d+ records in \d pages \(\d requests\), \d+/s(, up to [\d-]+ [\d:]+Z)?\.",
            line,
        )
    newest = max(record["modifiedOn"] for record in simulator.records("bookings")[:20])
    first = next(line for line in lines if " 20 records in 1 pages" in line)
    assert newest[:19].replace("T", " ") in first


def test_line_now_and_then_says_how_far_the_run_has_come(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.1)

    run = tap(config_of(simulator, log_interval=0.15, concurrency=1), catalog=selecting("bookings", "leads"))

    pattern = r"(\d) of 2 streams done, (\d) being read: (\d+) records in (\d) requests, \d+/s\."
    lines = [match for line in progress_lines(run) if (match := re.fullmatch(pattern, line))]
    assert {(match[1], match[2]) for match in lines} >= {("0", "1"), ("1", "1")}
    assert all(int(match[3]) <= 20 * int(match[4]) for match in lines)


def test_of_many_streams_those_that_take_longest_have_a_line(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.3, tenants=5)

    run = tap(config_of(simulator, log_interval=0.4, concurrency=20), catalog=selecting("bookings", "leads"))

    first = progress_lines(run)[
        : progress_lines(run).index(next(line for line in progress_lines(run)[1:] if "streams done" in line))
    ]
    assert first[0].startswith("0 of 10 streams done, 10 being read")
    assert len(first) == 1 + 8
    leads, bookings = ({line.split(",")[0] for line in first if name in line} for name in ("leads:", "bookings:"))
    assert bookings >= leads  # the first of each tenant


def test_nested_stream_logs_the_number_of_parent_requests(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.1)

    run = tap(config_of(simulator, log_interval=0.2), catalog=selecting("customer_notes"))

    lines = [line for line in progress_lines(run) if line.startswith("Tenant")]
    asked = [re.search(r": (\d+) records, about (\d+) parents asked, (\d+) requests/s", line) for line in lines]
    numbers = [tuple(map(int, match.groups())) for match in asked if match]
    assert len(numbers) == len(lines) > 0
    assert any(not records and parents and rate for records, parents, rate in numbers)


def test_stream_that_is_tried_again_says_so(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.1)
    simulator.misbehave("error", stream="bookings")

    run = tap(config_of(simulator, log_interval=0.15), catalog=selecting("bookings"))

    assert any(", retries so far: 1" in line for line in progress_lines(run))


def test_log_interval_0_leaves_only_the_table_at_the_end(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    run = tap(config_of(simulate(latency=0.1), log_interval=0), catalog=selecting("bookings"))

    assert not [line for line in progress_lines(run) if line.startswith("Tenant")]
    assert rows(run)["bookings"]["records"] == "60"


def test_end_has_a_table_of_what_was_read_and_how(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.locations:r"])
    simulator.misbehave("rate_limit", stream="leads", retry_after=1.2)
    simulator.misbehave("error", stream="bookings", after=1)
    run = tap(config_of(simulator), catalog=selecting("bookings", "leads", "locations"))

    table = rows(run)
    assert {stream: (row["outcome"], row["records"]) for stream, row in table.items()} == {
        "bookings": ("complete", "60"),
        "leads": ("complete", "60"),
        "locations": ("failed", "0"),
    }
    assert (table["bookings"]["requests"], table["bookings"]["retries"]) == ("4", "1")
    assert (table["leads"]["requests"], table["leads"]["waited"]) == ("4", "1s")
    assert table["leads"]["bookmark"].replace(" ", "T")[:19] == run.bookmark("leads")["replication_key_value"][:19]
    assert table["locations"]["bookmark"] == "-"


def test_table_is_by_tenant_what_failed_last_and_ends_with_the_total(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=2, deny_scopes=["tn.crm.bookings:r"])

    run = tap(config_of(simulator), catalog=selecting("bookings", "leads", "locations"))

    assert [(row["tenant"], row["stream"]) for row in table(run)] == [
        (tenant, stream) for tenant in ("1001", "1002") for stream in ("leads", "locations", "bookings")
    ]
    assert re.fullmatch(r"Total: 240 records, 14 requests, \d\.\ds\.", progress_lines(run)[-1])


def test_run_without_news_needs_a_handful_of_lines(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=3)
    first = tap(config_of(simulator))

    second = tap(config_of(simulator), state=first.state)

    nothing, total = progress_lines(second)
    assert nothing == "Nothing new in 18 streams."
    assert total.startswith("Total: 0 records, 18 requests")
    assert len(second.log.splitlines()) < 6


def test_run_without_news_of_one_stream_says_so_in_the_singular(tap: Tap, simulator: Simulator) -> None:
    first = tap(config_of(simulator), catalog=selecting("bookings"))

    second = tap(config_of(simulator), catalog=selecting("bookings"), state=first.state)

    assert progress_lines(second)[0] == "Nothing new in 1 stream."


def test_structured_log_has_the_same_as_fields(
    tap: Tap, simulator: Simulator, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    documented = (pytestconfig.rootpath / "docs" / "operations.md").read_text()
    (config,) = re.findall(r"```json\n(.*?)```", documented, re.DOTALL)
    (tmp_path / "logging.json").write_text(config)
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(tmp_path / "logging.json"))

    run = tap(config_of(simulator), catalog=selecting("bookings"))

    (row,) = [fields for line in run.lines_with('"kind"') if (fields := json.loads(line)["extra"])["kind"] == "summary"]
    assert not {"event", "level"} & row.keys()  # Meltano 4.4 ends with a TypeError over such fields
    assert (row["tenant_id"], row["outcome"]) == ("1001", "complete")
    assert (row["records"], row["pages"], row["requests"], row["retries"]) == (60, 3, 3, 0)
    assert row["bookmark"] == run.bookmark("bookings")["replication_key_value"]


def test_at_debug_the_metrics_of_the_sdk_are_there(
    tap: Tap, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_SERVICETITAN_LOGLEVEL", "DEBUG")

    run = tap(config_of(simulator), catalog=selecting("bookings"))

    metrics = [json.loads(line.split("METRIC: ")[1]) for line in run.lines_with("METRIC")]
    assert [metric["metric"] for metric in metrics] == [*["http_request_duration"] * 3, "record_count", "sync_duration"]
    assert {metric["tags"]["stream"] for metric in metrics} == {"bookings"}
    assert metrics[-2]["value"] == 60
    assert metrics[-1]["tags"]["status"] == "succeeded"
    assert run.lines_with("Beginning sync of 'bookings'")

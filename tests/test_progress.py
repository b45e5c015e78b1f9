"""What a run says about itself while it goes on, and at its end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Output, Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator


def told(run: Output) -> list[str]:
    """The lines on progress, without time, level and logger."""
    return [line.split("| ", 3)[-1] for line in run.lines_with("tap-servicetitan.progress")]


def rows(run: Output) -> dict[str, dict[str, str]]:
    """The table at the end, by stream."""
    lines = told(run)
    start = next(number for number, line in enumerate(lines) if line.startswith("tenant "))
    head = lines[start].split()
    table = (re.split(r"\s{2,}", line) for line in lines[start + 1 :] if not line.startswith("Nothing"))
    return {row[1]: dict(zip(head, row, strict=True)) for row in table}


def test_a_line_now_and_then_says_how_far_each_stream_has_come(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.1)

    run = tap(config_of(simulator, log_interval=0.15), catalog=selecting("bookings"))

    lines = [line for line in told(run) if line.startswith("Tenant")]
    assert lines
    for line in lines:
        assert re.fullmatch(
            r"Tenant 1001, stream bookings: \d+ records in \d pages \(\d requests\), \d+/s(, up to [\d-]+ [\d:]+Z)?\.",
            line,
        )
    newest = max(record["modifiedOn"] for record in simulator.records("bookings")[:20])
    first = next(line for line in lines if " 20 records in 1 pages" in line)
    assert newest[:19].replace("T", " ") in first


def test_without_an_interval_only_the_end_is_told(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    run = tap(config_of(simulate(latency=0.1), log_interval=0), catalog=selecting("bookings"))

    assert not [line for line in told(run) if line.startswith("Tenant")]
    assert rows(run)["bookings"]["records"] == "60"


def test_the_end_has_a_table_of_what_was_read_and_how(tap: Tap, simulate: Callable[..., Simulator]) -> None:
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


def test_streams_without_news_are_just_counted(tap: Tap, simulator: Simulator) -> None:
    first = tap(config_of(simulator))

    second = tap(config_of(simulator), state=first.state)

    assert told(second) == ["Nothing new in 6 streams."]


def test_the_structured_log_has_the_same_as_fields(
    tap: Tap, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
    }
    (tmp_path / "logging.json").write_text(json.dumps(config))
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(tmp_path / "logging.json"))

    run = tap(config_of(simulator), catalog=selecting("bookings"))

    (row,) = [fields for line in run.lines_with('"kind"') if (fields := json.loads(line)["extra"])["kind"] == "summary"]
    assert not {"event", "level"} & row.keys()  # Meltano 4.4 ends with a TypeError over such fields
    assert (row["tenant_id"], row["outcome"]) == ("1001", "complete")
    assert (row["records"], row["pages"], row["requests"], row["retries"]) == (60, 3, 3, 0)
    assert row["bookmark"] == run.bookmark("bookings")["replication_key_value"]


def test_each_page_has_a_request_metric_but_not_each_parent(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=5)

    run = tap(config_of(simulator), catalog=selecting("bookings", "customer_notes"))

    metrics = [json.loads(line.split("METRIC: ")[1]) for line in run.lines_with("http_request_duration")]
    assert [metric["tags"]["stream"] for metric in metrics] == ["bookings"]
    assert int(rows(run)["customer_notes"]["requests"]) == 6

"""Custom reports that are read by dates, and where the next run starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from helpers.reporting import OnlyReports
from helpers.reports.simulated_reports import UNLIMITED, every_report, just, runs
from helpers.support import Output, Tap, config_of, run_here

from tap_servicetitan.simulator import Simulator


def today() -> date:
    return datetime.now(UTC).date()


def test_date_parameter_is_stepped_through_by_day_and_kept_with_a_number_for_each_row(run: Output) -> None:
    records = run.records("custom_report_daily")
    days = [(today() - timedelta(days=ago)).isoformat() for ago in (3, 2, 1, 0)]

    assert list(dict.fromkeys(record["AsOfDate"] for record in records)) == days
    (schema,) = [one for one in run.of_type("SCHEMA") if one["stream"] == "custom_report_daily"]
    assert schema["key_properties"] == ["tenant_id", "AsOfDate", "_row"]
    keys = [(record["AsOfDate"], record["_row"]) for record in records]
    assert keys == [(day, row) for day in days for row in range(1, 61)]


def test_pair_of_dates_runs_in_calendar_months(simulator: Simulator, run: Output) -> None:
    asked = [one for one in runs(simulator) if "DateType" in one]
    bounds = [("2025-10-01", "2025-10-31"), ("2025-11-01", "2025-11-30"), ("2025-12-01", "2025-12-31")]
    records = run.records("custom_report_windows")

    assert [(one["From"], one["To"]) for one in asked[:3]] == bounds
    assert asked[0]["DateType"] == 1
    assert {(record["From"], record["To"]) for record in records} <= set(bounds)
    assert all(record["From"] <= record["CreatedDate"][:10] <= record["To"] for record in records)
    (schema,) = [one for one in run.of_type("SCHEMA") if one["stream"] == "custom_report_windows"]
    assert schema["key_properties"] == ["tenant_id", "From", "_row"]


def test_next_run_resumes_at_the_last_finished_date_less_the_look_back(
    simulator: Simulator, discovery: Output, run: Output
) -> None:
    yesterday = today() - timedelta(days=1)
    assert run.bookmark("custom_report_daily")["replication_key_value"] == f"{yesterday}T00:00:00.000000Z"
    assert run.bookmark("custom_report_windows")["replication_key_value"] == "2025-12-31T00:00:00.000000Z"
    reports = every_report(simulator)
    daily, windows = reports[5], reports[4]
    windows["lookback_window_days"] = 31
    run.bookmark("custom_report_windows")["replication_key_value"] = "2025-12-15T00:00:00.000000Z"
    before = len(simulator.requests)

    second = run_here(
        config_of(simulator, custom_reports=[daily, windows], **UNLIMITED),
        base=OnlyReports,
        catalog=just(discovery, "daily", "windows"),
        state=run.state,
    )

    asked = runs(simulator, before)
    assert second.code == 0
    assert [one["AsOfDate"] for one in asked if "AsOfDate" in one] == [str(yesterday), str(today())]
    assert [one["From"] for one in asked if "From" in one] == ["2025-11-01", "2025-12-01"]
    assert second.bookmark("custom_report_daily") == run.bookmark("custom_report_daily")
    assert second.bookmark("custom_report_windows")["replication_key_value"] == "2025-12-31T00:00:00.000000Z"


def test_finished_backfill_runs_no_report(simulator: Simulator, discovery: Output) -> None:
    config = config_of(simulator, custom_reports=[every_report(simulator)[4]], **UNLIMITED)
    catalog = just(discovery, "windows")
    first = run_here(config, base=OnlyReports, catalog=catalog)
    before = len(simulator.requests)

    second = run_here(config, base=OnlyReports, catalog=catalog, state=first.state)

    assert (second.code, runs(simulator, before)) == (0, [])
    assert second.state == first.state


def test_bookmark_of_another_tap_is_continued_from_even_before_a_relative_start(
    simulator: Simulator, discovery: Output
) -> None:
    date = f"{today() - timedelta(days=5)}T00:00:00-00:00"
    state = {"bookmarks": {"custom_report_daily": {"replication_key": "AsOfDate", "replication_key_value": date}}}
    before = len(simulator.requests)

    config = config_of(simulator, custom_reports=every_report(simulator)[5:6], **UNLIMITED)
    assert run_here(config, base=OnlyReports, catalog=just(discovery, "daily"), state=state).code == 0

    days = [today() - timedelta(days=ago) for ago in range(5, -1, -1)]
    assert [one["AsOfDate"] for one in runs(simulator, before)] == [str(day) for day in days]


def test_date_that_failed_is_where_the_next_run_begins(simulate: Callable[..., Simulator], discovery: Output) -> None:
    simulator = simulate()
    config = config_of(simulator, custom_reports=[every_report(simulator)[4]], **UNLIMITED)
    simulator.misbehave("redirect", stream="report_query", after=2, times=1)

    first = run_here(config, base=OnlyReports, catalog=just(discovery, "windows"))
    before = len(simulator.requests)
    second = run_here(config, base=OnlyReports, catalog=just(discovery, "windows"), state=first.state)

    assert first.code == 1
    assert first.bookmark("custom_report_windows")["replication_key_value"] == "2025-11-30T00:00:00.000000Z"
    assert [one["From"] for one in runs(simulator, before)] == ["2025-11-01", "2025-12-01"]
    assert second.code == 0


def test_trial_run_reads_one_date_only(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=6)
    reports = every_report(simulator)[4:6]

    tap(config_of(simulator, custom_reports=reports, **UNLIMITED), "--test")

    assert [one.get("To") or one["AsOfDate"] for one in runs(simulator)] == [str(today()), "2025-12-31"]

"""The days that custom reports are read for, by setting, bookmark and metadata."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.raw import http
from helpers.reporting import AS_OF, CATEGORY, DATES, Reporting, pipeline, records, stepping, today
from helpers.support import Tap


@pytest.mark.parametrize(("start", "first"), [("today-1", 4), (str(today(3)), 3)])
def test_look_back_goes_before_a_start_that_moves_but_not_before_one_that_is_fixed(start: str, first: int) -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=AS_OF)
    entry = {**stepping(start), "lookback_window_days": 3}
    with pipeline(reporting) as there:
        catalog = there.discover(**entry)
        state = there.run(catalog, **entry).state
        before = len(there.dates_asked())
        there.run(catalog, state=state, **entry)

        assert there.dates_asked()[before:] == [(str(today(ago)),) for ago in range(first, -1, -1)]


def test_bookmark_or_start_ahead_of_today_is_not_waited_for_in_silence() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=AS_OF)
    ahead = {"replication_key": "AsOf", "replication_key_value": f"{today(-400)}T00:00:00.000000Z"}
    state = {"bookmarks": {"custom_report_odd": {"partitions": [{"context": {"tenant_id": "1001"}, **ahead}]}}}
    with pipeline(reporting) as there:
        catalog = there.discover(**stepping("2020-01-01"))
        there.run(catalog, state=state, **stepping("2020-01-01"))
        assert there.dates_asked() == [(str(today(1)),), (str(today()),)]

        run = there.run(catalog, **stepping("today+5"))

    assert run.code == 0
    assert f"nothing to read, since its first day, {today(-5)}, is after its last day, {today()}." in run.log


def test_end_that_never_comes_is_a_year_ahead() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    parameters = [{"name": "From", "value": str(today())}, {"name": "To", "value": "9999-12-31"}]
    with pipeline(reporting) as there:
        entry: dict[str, Any] = {"backfill_date_parameter": "From", "parameters": parameters}
        run = there.run(there.discover(**entry), **entry)
        assert len(there.dates_asked()) in {13, 14}
        assert there.dates_asked()[-1][1] == str(today(-366))

    assert run.code == 0


@pytest.mark.parametrize(
    ("start", "end", "runs"),
    [(today(), "today", 1), (today(-3), "today", 0), (today(-3), str(today(-5)), 3)],
    ids=["today", "in the future", "in the future, with an end"],
)
def test_first_run_that_reads_no_finished_day_leaves_no_bookmark(start: date, end: str, runs: int) -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    parameters = [{"name": "From", "value": str(start)}, {"name": "To", "value": end}]
    entry: dict[str, Any] = {"backfill_date_parameter": "From", "parameters": parameters, "window": "day"}
    with pipeline(reporting) as there:
        run = there.run(there.discover(**entry), **entry)
        assert len(there.dates_asked()) == runs

    assert run.code == 0
    assert "custom_report_odd" not in run.state.get("bookmarks", {}) or not run.bookmark("custom_report_odd").get(
        "replication_key_value"
    )


def test_range_without_days_runs_no_report_and_deletes_no_rows() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    parameters = [{"name": "From", "value": str(today(-9))}, {"name": "To", "value": "today"}]
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        run = there.run(there.discover(parameters=parameters), parameters=parameters)
        assert there.dates_asked() == []

    assert run.code == 0
    assert "nothing to read" in run.log
    assert run.of_type("ACTIVATE_VERSION") == []


def test_tenant_without_metadata_does_not_change_the_windows_of_others() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    reporting.tenant_parameters["1002"] = DATES[:1]
    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    parameters = [{"name": "From", "value": str(today(2))}]
    entry: dict[str, Any] = {"backfill_date_parameter": "From", "parameters": parameters}
    with pipeline(reporting, **two) as there:
        catalog = there.discover(**entry)
        reporting.refused["1002"] = http(b"{}", "404 N")
        run = there.run(catalog, **entry)

        assert there.dates_asked() == [(str(today(ago)),) * 2 for ago in (2, 1, 0)]

    assert [set(one) for one in records(run)] == [{"From", "_row", "A"}] * 3


def test_refused_window_is_named_in_the_failure() -> None:
    reporting = Reporting([("A", "String")], [], parameters=DATES, data=lambda: http(b"{}", "400 B"))
    parameters = [{"name": "From", "value": "2026-01-01"}, {"name": "To", "value": "2026-02-10"}]
    with pipeline(reporting) as there:
        ranged: dict[str, Any] = {"backfill_date_parameter": "From", "parameters": parameters}
        run = there.run(there.discover(**ranged), **ranged)
    assert "stream custom_report_odd: For 2026-01-01 to 2026-01-31: The API answered 400" in run.log

    reporting.parameters = AS_OF
    with pipeline(reporting) as there:
        run = there.run(there.discover(**stepping("2026-01-05")), **stepping("2026-01-05"))
    assert run.log.count("stream custom_report_odd: For 2026-01-05: The API answered 400") == 2


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"parameters": [{"name": "From", "value": "today"}, {"name": "To", "value": "today-5"}]},
            f"From is {today()}, which is after To, {today(5)}.",
        ),
        ({"backfill_date_parameter": "Kind"}, "Parameter Kind is not a date: it cannot be stepped through."),
    ],
)
def test_setting_that_makes_no_sense_is_reported_at_discovery_and_fails_without_a_run(
    entry: dict[str, Any], line: str
) -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=[*DATES, {"name": "Kind", "dataType": "Number"}])
    with pipeline(reporting) as there:
        run = there.run(there.discover(**entry), **entry)
        assert there.dates_asked() == []

    assert run.code == 1
    assert f"Custom report 'odd' (report 7 of category {CATEGORY}) of tenant 1001 cannot be run: {line}" in run.log
    assert f"tenant 1001, stream custom_report_odd: {line}" in run.log


@pytest.mark.parametrize("per_tenant", [False, True])
def test_days_of_a_report_are_those_of_the_time_zone(*, per_tenant: bool) -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=AS_OF)
    # These two are 26 hours apart: at any time, their days differ.
    east, west = "Pacific/Kiritimati", "Etc/GMT+12"
    settings: dict[str, Any] = {"timezone": east}
    if per_tenant:
        settings = {"timezone": west, "tenants": [{"tenant_id": "1001", "timezone": east}], "tenant_id": ""}
    with pipeline(reporting, **settings) as there:
        run = there.run(there.discover(**stepping("today-1")), **stepping("today-1"))
        days = [datetime.now(ZoneInfo(east)).date() - timedelta(days=ago) for ago in (1, 0)]
        assert there.dates_asked() == [(str(day),) for day in days]

    assert run.bookmark("custom_report_odd")["replication_key_value"] == f"{days[0]}T00:00:00.000000Z"


def test_time_zones_are_known_where_the_system_has_no_database_of_them(
    tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "")
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    run = tap({**credentials, "timezone": "America/Denver", "concurrency": 0}, "--discover")

    assert "Setting 'concurrency'" in run.log
    assert "Setting 'timezone'" not in run.log


def test_unknown_time_zone_is_a_problem_of_the_config(tap: Tap) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    run = tap({**credentials, "timezone": "Denver"})

    assert "Setting 'timezone' must be the IANA name of a time zone, such as America/Denver." in run.log

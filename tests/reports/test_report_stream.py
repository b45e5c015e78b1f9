"""Custom reports: unusual names, columns that change, settings that changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.raw import RawServer, http
from helpers.reporting import CATEGORY, Reporting, pipeline
from helpers.support import Output, Tap

DATES = [{"name": name, "dataType": "Date"} for name in ("From", "To")]
AS_OF = [{"name": "AsOf", "dataType": "Date"}]


def today(ago: int = 0) -> date:
    return datetime.now(UTC).date() - timedelta(days=ago)


def records(run: Output) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in one.items() if key != "tenant_id"} for one in run.records("custom_report_odd")
    ]


def stepping(value: str) -> dict[str, Any]:
    return {"backfill_date_parameter": "AsOf", "parameters": [{"name": "AsOf", "value": value}]}


# Names


def test_a_category_may_hold_any_letter() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"A": "x"}]
    assert set(reporting.asked) == {
        f"/report-category/{CATEGORY}/reports/7{end}" for end in ("", "/data/query", "/data")
    }


@pytest.mark.parametrize("maps", [{}, {"custom_report_odd": {"__alias__": "custom_report_odd"}}])
def test_a_column_may_hold_any_letter(maps: dict[str, Any]) -> None:
    names = ['Size 12"', "back\\slash", "tab\there", "two\nlines", "$ & \u00fc", ""]
    reporting = Reporting([(name, "String") for name in names], [list("abcdef")])
    with pipeline(reporting, stream_maps=maps) as there:
        run = there.run(there.discover())

    assert run.code == 0, run.log
    assert records(run) == [dict(zip(names, "abcdef", strict=True))]


def test_columns_that_differ_by_case_keep_their_names_in_any_order() -> None:
    columns: list[tuple[str, str | None]] = [("Total", "String"), ("total", "String"), ("Total_2", "String")]
    reporting = Reporting(columns, [["small", "two", "large"]], ["total", "Total_2", "Total"])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"Total": "large", "total_3": "small", "Total_2": "two"}]
    assert "WARNING" not in run.log


# Changes


def test_records_are_of_the_catalogs_types_whatever_is_set_or_described_since() -> None:
    reporting = Reporting([("A", "Number")], [[1.5]])
    with pipeline(reporting) as there:
        text, typed = there.discover(), there.discover(typed=True)
        assert records(there.run(text, typed=True)) == [{"A": "1.5"}]

        reporting.columns, reporting.rows = [("A", "String")], [["1.5"]]
        run = there.run(typed, typed=True)

    assert run.code == 1
    assert (
        "Column A is a Number in the catalog, but the report declares it a String now; see row 1. Discover" in run.log
    )


def test_a_removed_column_is_reported_for_its_tenant() -> None:
    reporting = Reporting([("A", "String"), ("B", "String")], [["x", "y"]])
    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    with pipeline(reporting, **two) as there:
        catalog = there.discover()
        assert "no column" not in there.run(catalog).log
        reporting.answered, reporting.rows = ["A"], [["x"]]
        run = there.run(catalog)

    for tenant_id in ("1001", "1002"):
        assert f"Tenant {tenant_id}, stream custom_report_odd: the report has no column B any more." in run.log


def test_a_column_without_metadata_is_reported() -> None:
    reporting = Reporting([("A", "String")], [["x", "y"]], ["A", "New"])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert records(run) == [{"A": "x"}]
    assert "column New is newer than the metadata that this run requested, and is ignored. Discover again" in run.log


def test_a_type_that_is_null_is_text() -> None:
    reporting = Reporting([("A", None)], [["x"]], parameters=[{"name": "P", "dataType": None}])
    with pipeline(reporting) as there:
        run = there.run(there.discover(typed=True), typed=True, parameters=[{"name": "P", "value": "v"}])

    assert records(run) == [{"A": "x"}]


def test_a_catalog_from_before_or_after_a_backfill_is_refused() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    backfill: dict[str, Any] = {"backfill_date_parameter": "From"}
    with pipeline(reporting) as there:
        before, after = there.discover(), there.discover(**backfill)
        lacking = there.run(before, **backfill)
        superfluous = there.run(after)

    for run, names in ((lacking, "From, To, _row"), (superfluous, "From, _row")):
        assert run.code == 1
        assert f"The catalog does not fit the setting custom_reports: see the column {names}. Discover again" in run.log
        assert not run.records("custom_report_odd")


def test_a_replication_key_of_the_catalog_that_is_not_stepped_through_is_refused() -> None:
    with pipeline(Reporting([("A", "String")], [["x"]])) as there:
        catalog = there.discover()
        (entry,) = catalog["streams"]
        entry["replication_key"] = "A"
        run = there.run(catalog)

    assert run.code == 1
    assert "has the replication key 'A', but it is always read in full, without one." in run.log
    assert run.stdout == ""


def test_a_deleted_report_is_reported() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        catalog = there.discover()
        reporting.refused["1001"] = http(b"{}", "404 N")
        run = there.run(catalog)

    assert run.code == 1
    assert "tenant 1001, stream custom_report_odd: The API answered 404" in run.log
    assert "is not one of this tap's" not in run.log


def test_a_report_that_is_not_selected_is_not_requested() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        catalog = there.discover()
        root = next(item for item in catalog["streams"][0]["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = False
        before = len(there.server.seen)
        there.run(catalog)

        assert len(there.server.seen) == before


def test_no_tenants_rows_are_dropped_while_its_report_has_no_metadata() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    with pipeline(reporting, emit_activate_version_messages=True, **two) as there:
        catalog = there.discover()
        whole = there.run(catalog)
        reporting.refused["1002"] = http(b"{}", "404 N")
        part = there.run(catalog)

    assert len(whole.of_type("ACTIVATE_VERSION")) == 1
    assert part.code == 1
    assert len(part.records("custom_report_odd")) == 1
    assert part.of_type("ACTIVATE_VERSION") == []
    assert "Ids differ between tenants: set tenant_id in the entry." in part.log


# Dates


@pytest.mark.parametrize(("start", "first"), [("today-1", 4), (str(today(3)), 3)])
def test_the_look_back_goes_before_a_start_that_moves_but_not_before_one_that_is_fixed(start: str, first: int) -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=AS_OF)
    entry = {**stepping(start), "lookback_window_days": 3}
    with pipeline(reporting) as there:
        catalog = there.discover(**entry)
        state = there.run(catalog, **entry).state
        before = len(there.dates_asked())
        there.run(catalog, state=state, **entry)

        assert there.dates_asked()[before:] == [(str(today(ago)),) for ago in range(first, -1, -1)]


def test_a_bookmark_or_start_ahead_of_today_is_not_waited_for_in_silence() -> None:
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


def test_an_end_that_never_comes_is_a_year_ahead() -> None:
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
def test_a_first_run_that_reads_no_finished_day_leaves_no_bookmark(start: date, end: str, runs: int) -> None:
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


def test_a_range_without_days_costs_no_run_and_deletes_no_rows() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    parameters = [{"name": "From", "value": str(today(-9))}, {"name": "To", "value": "today"}]
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        run = there.run(there.discover(parameters=parameters), parameters=parameters)
        assert there.dates_asked() == []

    assert run.code == 0
    assert "nothing to read" in run.log
    assert run.of_type("ACTIVATE_VERSION") == []


def test_a_tenant_without_metadata_does_not_change_the_windows_of_others() -> None:
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


def test_a_refused_window_is_named_in_the_failure() -> None:
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
def test_a_setting_that_makes_no_sense_is_reported_at_discovery_and_fails_without_a_run(
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
def test_the_days_of_a_report_are_those_of_the_time_zone(*, per_tenant: bool) -> None:
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


def test_an_unknown_time_zone_is_a_problem_of_the_config(tap: Tap) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    run = tap({**credentials, "timezone": "Denver"})

    assert "Setting 'timezone' must be the IANA name of a time zone, such as America/Denver." in run.log


# Pages


@dataclass
class Paged:
    """Rows in pages of two, which may change before each request of the second page."""

    rows: list[list[str]]
    changes: Iterator[Callable[[list[list[str]]], Any]] = field(default_factory=lambda: iter([]))

    def __call__(self, number: int) -> list[Any]:
        start = 2 * (number - 1)
        if number == 2:
            next(self.changes, list)(self.rows)
        return [self.rows[start : start + 2], start + 2 < len(self.rows), len(self.rows)]


def enter_first(rows: list[list[str]]) -> None:
    rows.insert(0, ["new"])


def leave_first(rows: list[list[str]]) -> None:
    del rows[0]


@pytest.mark.parametrize("change", [enter_first, leave_first])
@pytest.mark.parametrize("times", [1, 2])
def test_rows_that_move_between_pages_are_read_again(change: Callable[[list[list[str]]], None], times: int) -> None:
    paged = Paged([["a"], ["b"], ["c"], ["d"], ["e"], ["f"]], iter([change] * times))
    reporting = Reporting([("A", "String")], [], parameters=AS_OF, pages=paged)
    with pipeline(reporting) as there:
        run = there.run(there.discover(**stepping("today-2")), **stepping("today-2"))

    assert run.code == 0
    by_key = {(one["AsOf"], one["_row"]): one["A"] for one in records(run)}
    read = [by_key[str(today()), row] for row in range(1, 5)]
    assert read == [cell for [cell] in paged.rows][:4]
    if times == 1:
        assert run.bookmark("custom_report_odd")["replication_key_value"] == f"{today(1)}T00:00:00.000000Z"
        assert "WARNING" not in run.log
    else:
        assert f"rows were added or removed while reading {today(2)}: the number of rows changed from" in run.log
        assert "replication_key_value" not in json.dumps(run.state)


def test_rows_that_move_in_each_attempt_delete_none_in_the_target() -> None:
    paged = Paged([["a"], ["b"], ["c"], ["d"]], iter([enter_first] * 2))
    reporting = Reporting([("A", "String")], [], pages=paged)
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        catalog = there.discover()
        moved, quiet = there.run(catalog), there.run(catalog)

    assert (moved.code, quiet.code) == (0, 0)
    assert moved.of_type("ACTIVATE_VERSION") == []
    assert len(quiet.of_type("ACTIVATE_VERSION")) == 1


def test_equal_pages_are_no_endless_loop_before_the_total_is_reached() -> None:
    reporting = Reporting([("A", "String")], [], pages=Paged([["same"]] * 7))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"A": "same"}] * 7


def test_a_page_that_repeats_after_the_total_is_an_error() -> None:
    reporting = Reporting([("A", "String")], [], pages=lambda _: [[["x"], ["y"]], True, 4])
    with pipeline(reporting) as there:
        run = there.run(there.discover())
        assert len(there.dates_asked()) == 3

    assert run.code == 1
    assert "Page 3 is the same as an earlier one, and there should be more: it would never end." in run.log


# Answers


def test_a_refused_parameter_is_reported_by_its_name() -> None:
    problem = {"title": "One or more validation errors occurred.", "errors": {"parameters[0].value": ["Jane Doe"]}}
    reporting = Reporting([("A", "String")], [], data=lambda: http(json.dumps(problem).encode(), "400 B"))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 1
    assert (
        "The API answered 400: One or more validation errors occurred [parameters[0].value]. "
        "Compare the parameters in custom_reports with what --list-reports shows."
    ) in run.log
    assert "Jane Doe" not in run.log


def test_a_limit_of_reports_is_reported_with_its_own_setting() -> None:
    reporting = Reporting([("A", "String")], [], data=lambda: http(b"", "429 T", Retry_After="1000"))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert "It asks for a pause of 1000s, which is too long. Lower reports_per_minute, or run when" in run.log


LISTED = {
    "a missing scope": http(b'{"title":"Scope validation failed"}', "403 F"),
    "pages that repeat": http(b'{"data":[{"id":1,"name":"A"}],"hasMore":true}'),
}


@pytest.mark.parametrize("answer", LISTED.values(), ids=LISTED)
def test_a_list_with_a_hole_is_printed_and_is_no_success(tap: Tap, answer: bytes) -> None:
    categories = http(b'{"data":[{"id":"good","name":"Good"},{"id":"bad","name":"Bad"}],"hasMore":false}')
    reports = http(b'{"data":[],"hasMore":false}')

    def answers(path: str) -> bytes:
        if "report-categories" in path:
            return categories
        return answer if "/bad/" in path else reports

    with RawServer(answers).listening() as config:
        run = tap(config, "--list-reports")

    assert run.code == 1
    assert "good  (Good)" in run.stdout
    assert "Traceback" not in run.log


def test_custom_reports_of_another_shape_are_reported_in_a_line(tap: Tap) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    run = tap({**credentials, "custom_reports": ["x"]}, "--discover")

    assert run.code == 1
    assert "Setting 'custom_reports.0' must be of type object." in run.log
    assert "Traceback" not in run.log

"""Custom reports, piece by piece: relative dates, windows, parameters, cells."""

from __future__ import annotations

import copy
import re
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tap_servicetitan import settings
from tap_servicetitan.errors import PaginationError, ReportError
from tap_servicetitan.reports import relative_dates
from tap_servicetitan.reports.date_windows import DateWindow, calendar_windows, days_to_read
from tap_servicetitan.reports.metadata import ReportMetadata, dedupe_names
from tap_servicetitan.reports.report_parameters import validate_parameters
from tap_servicetitan.reports.rows import as_text, column_schema, make_records
from tap_servicetitan.schemas.column_names import same_names
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.settings.custom_reports import WINDOWS, CustomReport, by_tenant

A_THURSDAY = date(2026, 1, 15)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("today", "2026-01-15"),
        ("today-7", "2026-01-08"),
        ("today+1", "2026-01-16"),
        ("week-start", "2026-01-12"),
        ("week-end-1", "2026-01-11"),
        ("month-start", "2026-01-01"),
        ("month-start-1", "2025-12-01"),
        ("month-end", "2026-01-31"),
        ("month-end-11", "2025-02-28"),
        ("year-start-1", "2025-01-01"),
        ("year-end", "2026-12-31"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29T00:00:00Z", "2024-02-29"),
    ],
)
def test_a_date_may_be_relative_to_the_day(text: str, meaning: str) -> None:
    assert relative_dates.resolve(text, A_THURSDAY).isoformat() == meaning


@pytest.mark.parametrize("text", ["tomorrow", "today - 7", "Today", "2026-13-01", "year-start-9999", "today-start", ""])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Not a date such as"):
        relative_dates.resolve(text, A_THURSDAY)


def test_the_documents_list_every_relative_word(pytestconfig: pytest.Config) -> None:
    rows = (pytestconfig.rootpath / "docs" / "custom-reports.md").read_text().splitlines()

    assert [
        row.split("`")[1]
        for row in rows
        if row.startswith("| `") and row.split("`")[1] in relative_dates.RELATIVE_DATES
    ] == list(relative_dates.RELATIVE_DATES)


@pytest.mark.parametrize(
    ("window", "bounds"),
    [
        ("day", [("2026-01-30", "2026-01-30"), ("2026-01-31", "2026-01-31"), ("2026-02-01", "2026-02-01")]),
        ("week", [("2026-01-26", "2026-02-01")]),
        ("month", [("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-01")]),
    ],
)
def test_windows_are_those_of_the_calendar(window: str, bounds: list[tuple[str, str]]) -> None:
    found = calendar_windows(window, DateWindow(date(2026, 1, 30), date(2026, 2, 1)))

    assert [(span.first.isoformat(), span.last.isoformat()) for span in found] == bounds


def test_a_day_that_is_asked_for_again_is_in_the_window_it_was_in() -> None:
    for window in WINDOWS:
        whole = {span.first for span in calendar_windows(window, DateWindow(date(2025, 1, 1), date(2026, 3, 1)))}
        assert {
            span.first for span in calendar_windows(window, DateWindow(date(2025, 7, 9), date(2026, 3, 1)))
        } <= whole
    assert list(calendar_windows("month", DateWindow(date(2026, 2, 1), date(2026, 1, 31)))) == []


def stepped(lookback: int = 0, **parameters: str) -> CustomReport:
    return CustomReport("jobs", "accounting", "1", parameters, "From", lookback, "day", typed=False, tenant_id=None)


@pytest.mark.parametrize(
    ("report", "bookmark", "first", "last"),
    [
        (stepped(From="2026-01-01"), None, "2026-01-01", "2026-01-15"),
        (stepped(From="2026-01-01"), "2026-01-10", "2026-01-10", "2026-01-15"),
        # A fixed start after the bookmark or the look-back wins.
        (stepped(From="2026-01-12"), "2026-01-10", "2026-01-12", "2026-01-15"),
        (stepped(5, From="2026-01-09"), "2026-01-10", "2026-01-09", "2026-01-15"),
        (stepped(5, From="today-1"), "2026-01-10", "2026-01-05", "2026-01-15"),
        # A bookmark is yesterday at most, and a look-back does not go before year 1.
        (stepped(From="2020-01-01"), "2027-01-01", "2026-01-14", "2026-01-15"),
        (stepped(3660, From="today"), "0001-01-02", "0001-01-01", "2026-01-15"),
        # The end: today, or To, a year ahead at most.
        (stepped(From="2026-01-01", To="2026-01-08"), None, "2026-01-01", "2026-01-08"),
        (stepped(From="2026-01-01", To="9999-12-31"), None, "2026-01-01", "2027-01-16"),
        # A finished backfill is read again while look-back and time zones may bring news, then never.
        (stepped(From="2026-01-01", To="2026-01-13"), "2026-01-13", "2026-01-13", "2026-01-13"),
        (stepped(From="2026-01-01", To="2026-01-12"), "2026-01-12", "2026-01-13", "2026-01-12"),
        (stepped(3, From="2026-01-01", To="2026-01-10"), "2026-01-10", "2026-01-07", "2026-01-10"),
        (stepped(3, From="2026-01-01", To="2026-01-09"), "2026-01-09", "2026-01-10", "2026-01-09"),
    ],
)
def test_the_days_to_read(report: CustomReport, bookmark: str | None, first: str, last: str) -> None:
    done = date.fromisoformat(bookmark) if bookmark else None

    days = days_to_read(report, ("From", "To"), bookmark=done, today=A_THURSDAY, start_date=None)

    assert (str(days.first), str(days.last)) == (first, last)


def test_the_days_to_read_start_at_start_date_or_a_year_ago() -> None:
    start = date(2026, 1, 10)

    def first(bookmark: date | None, start_date: date | None) -> str:
        options: dict[str, Any] = {"bookmark": bookmark, "today": A_THURSDAY, "start_date": start_date}
        return str(days_to_read(stepped(2), ("From",), **options).first)

    assert first(None, start) == first(date(2026, 1, 11), start) == "2026-01-10"
    assert first(date(2026, 1, 14), start) == "2026-01-12"
    assert first(None, None) == "2025-01-15"
    assert first(date(2024, 1, 14), None) == "2024-01-12"


@pytest.mark.parametrize(
    ("first", "last", "finished"),
    [
        ("2026-01-01", "2026-01-10", "2026-01-10"),
        ("2026-01-01", "2026-01-31", "2026-01-14"),
        ("2026-01-15", "2026-01-15", None),
        ("2026-01-20", "2026-01-31", None),
    ],
)
def test_a_window_is_finished_up_to_yesterday(first: str, last: str, finished: str | None) -> None:
    found = DateWindow(date.fromisoformat(first), date.fromisoformat(last)).finished(A_THURSDAY)

    assert found == (date.fromisoformat(finished) if finished else None)


REPORT_ENTRY = {"report_name": "jobs", "report_category": "accounting", "report_id": "1"}


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([{"report_name": "jobs"}], "0' must hold report_name, report_category, report_id."),
        ([{**REPORT_ENTRY, "report_nme": "x"}], "0' must hold nothing but report_name, report_category, report_id,"),
        ([{**REPORT_ENTRY, "report_name": ""}], "0.report_name' must not be empty."),
        ([{**REPORT_ENTRY, "report_name": "my jobs"}], "0.report_name' must be of letters A to Z, digits and '_', at"),
        ([{**REPORT_ENTRY, "report_name": "j" * 50}], "0.report_name' must be of letters A to Z, digits and '_', at"),
        ([{**REPORT_ENTRY, "report_id": "jobs"}], "0.report_id' must be a report's number, such as 123456789"),
        ([{**REPORT_ENTRY, "window": "year"}], "0.window' must be one of: day, week, month."),
        ([{**REPORT_ENTRY, "lookback_window_days": -1}], "0.lookback_window_days' must be at least 0."),
        ([{**REPORT_ENTRY, "lookback_window_days": 10**6}], "0.lookback_window_days' must be at most 3660."),
        ([{**REPORT_ENTRY, "tenant_id": 9}], "0.tenant_id' is none of the tenants of this config."),
        ([{**REPORT_ENTRY, "parameters": [{"value": 1}]}], "0.parameters.0' must hold name."),
        ([{**REPORT_ENTRY, "parameters": [{"name": "From"}] * 2}], "0.parameters' names From twice."),
        ([REPORT_ENTRY, REPORT_ENTRY], "1.report_name' is listed twice."),
        (
            [REPORT_ENTRY, {**REPORT_ENTRY, "tenant_id": "1001", "typed": True}],
            "1.typed' must be that of 'custom_reports.0', which has the same report_name.",
        ),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(entries: list[dict[str, Any]], line: str) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    (found,) = settings.problems({**credentials, "custom_reports": copy.deepcopy(entries)}, CONFIG_JSONSCHEMA)

    assert found.startswith(f"Setting 'custom_reports.{line}")


def test_a_tenants_own_entry_comes_before_one_for_all() -> None:
    common = CustomReport.parse(REPORT_ENTRY)
    own = CustomReport.parse({**REPORT_ENTRY, "report_id": 2, "tenant_id": 1002})

    assert by_tenant([own, common], "1001") == {"custom_report_jobs": common}
    assert by_tenant([own, common], "1002") == {"custom_report_jobs": own}


def described(**parameters: dict[str, Any]) -> ReportMetadata:
    listed = [{"name": name, **rest} for name, rest in parameters.items()]
    return msgspec.convert({"parameters": listed, "fields": []}, ReportMetadata)


REPORT = described(
    From={"dataType": "Date", "isRequired": True},
    Limit={"dataType": "Number"},
    Paid={"dataType": "Boolean"},
    Units={"dataType": "Number", "isArray": True},
    DateType={"dataType": "Number", "acceptValues": {"values": [[1, "Created"], [2, "Paid"]]}},
    Text={},
)


def test_values_are_sent_as_written_except_relative_dates_lone_items_and_accepted_keys() -> None:
    written = {"From": "today-1", "Limit": "5", "Paid": True, "Units": 7, "DateType": "2", "Text": "today"}

    assert validate_parameters(written, REPORT, (), A_THURSDAY) == {
        **written,
        "From": "2026-01-14",
        "Units": [7],
        "DateType": 2,
    }
    assert validate_parameters({"From": "2024-01-31T00:00:00", "Limit": None}, REPORT, (), A_THURSDAY) == {
        "From": "2024-01-31T00:00:00",
        "Limit": None,
    }


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"Frm": 1}, "It has no parameter Frm; it has From (required), Limit, Paid, Units, DateType, Text."),
        ({}, "Parameter From is required; the report has From (required), Limit"),
        ({"From": "tomorrow"}, "Parameter From must be a date such as 2026-01-31 or one of today, week-start"),
        ({"From": 20260131}, "Parameter From must be a date"),
        ({"From": "today", "Limit": "few"}, "Parameter Limit must be a number."),
        ({"From": "today", "Limit": True}, "Parameter Limit must be a number."),
        ({"From": "today", "Limit": [1]}, "Parameter Limit must be one value."),
        ({"From": "today", "Paid": "perhaps"}, "Parameter Paid must be true or false."),
        ({"From": "today", "Units": [1, "x"]}, "Parameter Units must be a number."),
        ({"From": "today", "DateType": 3}, "Parameter DateType must be one of 1 (Created), 2 (Paid)."),
    ],
)
def test_a_wrong_parameter_is_reported_with_the_right_one(written: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportError) as caught:
        validate_parameters(written, REPORT, (), A_THURSDAY)

    assert str(caught.value).startswith(words)


def test_the_parameter_that_is_stepped_through_need_not_be_written_but_must_exist() -> None:
    assert validate_parameters({}, REPORT, ("From",), A_THURSDAY) == {}
    assert (
        validate_parameters({"From": "today", "Text": "today"}, REPORT, ("Text",), A_THURSDAY)["Text"] == "2026-01-15"
    )
    with pytest.raises(ReportError, match="Parameter Text must be a date"):
        validate_parameters({"From": "today", "Text": 5}, REPORT, ("Text",), A_THURSDAY)
    with pytest.raises(ReportError, match="It has no parameter AsOfDate"):
        validate_parameters({"From": "today"}, REPORT, ("AsOfDate",), A_THURSDAY)


RANGE = described(From={"dataType": "Date"}, To={"dataType": "Date"})


@pytest.mark.parametrize(
    ("first", "last", "today"),
    [
        ("week-start", "today-1", date(2026, 1, 12)),
        ("month-start", "today-1", date(2026, 2, 1)),
        ("year-start", "today-1", date(2026, 1, 1)),
        ("2026-12-20", "today", A_THURSDAY),
        ("year-start", "2025-12-31", A_THURSDAY),
    ],
)
def test_a_range_that_is_empty_on_some_days_is_no_error(first: str, last: str, today: date) -> None:
    assert validate_parameters({"From": first, "To": last}, RANGE, (), today)


@pytest.mark.parametrize(
    ("first", "last"), [("today", "today-1"), ("2026-01-02", "2026-01-01"), ("month-end", "today-31")]
)
def test_a_range_that_is_always_empty_is_an_error(first: str, last: str) -> None:
    with pytest.raises(ReportError, match="which is after To"):
        validate_parameters({"From": first, "To": last}, RANGE, (), A_THURSDAY)


def test_text_holds_every_cell_unchanged() -> None:
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    row = decode(b'[null, "a", 12345678901234567890, 12.50, 1e400, true, {"a": [1.10]}]')

    assert [as_text(cell) for cell in row] == [
        None, "a", "12345678901234567890", "12.50", "1E+400", "true", '{"a":[1.10]}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "good", "bad", "found"),
    [
        ("Number", [1, Decimal("1.5"), None], "1", "text"),
        ("Number", [0], True, "true or false"),
        ("Boolean", [True, False, None], 1, "a number"),
        ("Date", ["2026-01-31T00:00:00-07:00", "2021-07-19T20:35:38.2876004Z", "2026-01-31", None], "soon", "text"),
        ("Date", [], 20260131, "a number"),
    ],
)
def test_a_cell_that_is_not_what_its_column_declares_is_found(
    declared: str, good: list[Any], bad: Any, found: str
) -> None:
    rows = [[cell] for cell in good]
    properties = {"Hours": column_schema(declared)}

    assert list(make_records(["Hours"], rows, properties)) == [{"Hours": cell} for cell in good]
    words = f"Column Hours is declared a {declared}, but holds {found} in row {8 + len(good)}."
    with pytest.raises(ReportError, match=re.escape(words)):
        list(make_records(["Hours"], [*rows, [bad]], properties, before=7))


def test_cells_are_what_the_catalog_says_they_are() -> None:
    assert list(make_records(["A"], [[Decimal("1.5")]], {"A": {"type": ["null", "string"]}})) == [{"A": "1.5"}]
    assert list(make_records(["A", None], [[1, 2]], {"A": {"type": ["string", "null"]}, "B": {}})) == [{"A": "1"}]


def test_a_row_that_is_longer_or_shorter_than_the_answers_columns_loses_nothing_silently() -> None:
    for row in (["a"], ["a", "b", "c"]):
        with pytest.raises(PaginationError, match="cells, but the response has 2 columns"):
            list(make_records(["A", "B"], [["a", "b"], row], {}))


def test_columns_of_one_name_are_numbered() -> None:
    names = ["Total", "total", "Total_2", "From", "Total"]

    assert dedupe_names(names, ["tenant_id", "From"]) == {
        ("Total", 0): "Total",
        ("Total", 1): "Total_3",
        ("Total_2", 0): "Total_2",
        ("total", 0): "total_4",
        ("From", 0): "From_2",
    }


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["Margin", "Margin %"], ["Margin", "Margin %_2"]),
        (["jobId", "Job ID", "job_id"], ["jobId_2", "Job ID", "job_id_3"]),
        (["Margin", "Margin %", "Margin 2"], ["Margin", "Margin %_3", "Margin 2"]),
        (["a" * 70, "a" * 64], ["a" * 61 + "_2", "a" * 64]),
        (["é" * 40, "é" * 35], ["é" * 30 + "_2", "é" * 35]),  # two bytes each
        (["温度", "圧力"], ["温度", "圧力"]),
        (["#", "%"], ["#", "%_2"]),
    ],
)
def test_columns_that_a_database_takes_for_one_are_numbered(names: list[str], unique: list[str]) -> None:
    assert dedupe_names(names, []) == {(name, 0): own for name, own in zip(names, unique, strict=True)}
    assert same_names(unique) == []


def test_the_order_of_columns_changes_no_name() -> None:
    names = ["Total", "total", "TOTAL_2", "From", "Total", "x", "To tal", "x" * 70, "x" * 80]

    assert dedupe_names(names, ["From"]) == dedupe_names(names[::-1], ["From"])

"""Relative dates, the windows of the calendar, and the days that a report is read for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tap_servicetitan.reports import relative_dates
from tap_servicetitan.reports.date_windows import DateWindow, calendar_windows, days_to_read, windows_left
from tap_servicetitan.reports.query import ReportBookmark
from tap_servicetitan.settings.custom_reports import WINDOWS, CustomReport
from tap_servicetitan.streams.state.bookmarks import DateBookmark

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
def test_date_may_be_relative_to_the_day(text: str, meaning: str) -> None:
    assert relative_dates.resolve(text, A_THURSDAY).isoformat() == meaning


@pytest.mark.parametrize("text", ["tomorrow", "today - 7", "Today", "2026-13-01", "year-start-9999", "today-start", ""])
def test_date_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Not a date such as"):
        relative_dates.resolve(text, A_THURSDAY)


def test_documents_list_every_relative_word(pytestconfig: pytest.Config) -> None:
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


def test_day_that_is_read_again_is_in_the_same_window() -> None:
    for window in WINDOWS:
        whole = {span.first for span in calendar_windows(window, DateWindow(date(2025, 1, 1), date(2026, 3, 1)))}
        assert {
            span.first for span in calendar_windows(window, DateWindow(date(2025, 7, 9), date(2026, 3, 1)))
        } <= whole
    assert list(calendar_windows("month", DateWindow(date(2026, 2, 1), date(2026, 1, 31)))) == []


def stepped(lookback: int = 0, **parameters: str) -> CustomReport:
    return CustomReport("jobs", "accounting", "1", parameters, "From", lookback, "day", typed=False, tenant_id=None)


def bookmark_at(day: str | None, read_on: str | None = None) -> ReportBookmark:
    newest = datetime.fromisoformat(day) if day else None
    return ReportBookmark(
        DateBookmark("From", newest), pending=lambda: None, read_on=date.fromisoformat(read_on) if read_on else None
    )


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
        # The last days are read again, wherever the bookmark is.
        (stepped(From="2026-01-01", To="2026-01-12"), "2026-01-12", "2026-01-12", "2026-01-12"),
        (stepped(3, From="2026-01-01", To="2026-01-10"), "2026-01-10", "2026-01-07", "2026-01-10"),
    ],
)
def test_days_to_read(report: CustomReport, bookmark: str | None, first: str, last: str) -> None:
    days = days_to_read(report, ("From", "To"), bookmark=bookmark_at(bookmark), today=A_THURSDAY, start_date=None)

    assert (str(days.first), str(days.last)) == (first, last)


@pytest.mark.parametrize(
    ("lookback", "read_on", "first"),
    [
        (0, None, "2026-01-08"),
        (0, "2026-01-09", "2026-01-08"),
        (0, "2026-01-10", "2026-01-09"),
        (3, "2026-01-12", "2026-01-05"),
        (3, "2026-01-13", "2026-01-09"),
    ],
)
def test_backfill_is_finished_when_a_run_read_its_end_after_the_look_back(
    lookback: int, read_on: str | None, first: str
) -> None:
    report = stepped(lookback, From="2026-01-01", To="2026-01-08")

    days = days_to_read(
        report, ("From", "To"), bookmark=bookmark_at("2026-01-08", read_on), today=A_THURSDAY, start_date=None
    )

    assert (str(days.first), str(days.last)) == (first, "2026-01-08")


def test_days_to_read_start_at_start_date_or_a_year_ago() -> None:
    start = date(2026, 1, 10)

    def first(bookmark: str | None, start_date: date | None) -> str:
        options: dict[str, Any] = {"bookmark": bookmark_at(bookmark), "today": A_THURSDAY, "start_date": start_date}
        return str(days_to_read(stepped(2), ("From",), **options).first)

    assert first(None, start) == first("2026-01-11", start) == "2026-01-10"
    assert first("2026-01-14", start) == "2026-01-12"
    assert first(None, None) == "2025-01-15"
    assert first("2024-01-14", None) == "2024-01-12"


@pytest.mark.parametrize(
    ("first", "last", "finished"),
    [
        ("2026-01-01", "2026-01-10", "2026-01-10"),
        ("2026-01-01", "2026-01-31", "2026-01-14"),
        ("2026-01-15", "2026-01-15", None),
        ("2026-01-20", "2026-01-31", None),
    ],
)
def test_window_is_finished_up_to_yesterday(first: str, last: str, finished: str | None) -> None:
    found = DateWindow(date.fromisoformat(first), date.fromisoformat(last)).finished(A_THURSDAY)

    assert found == (date.fromisoformat(finished) if finished else None)


@pytest.mark.parametrize(
    ("read_until", "left"), [("2026-01-02", [3, 4]), ("2026-01-01", [2, 3, 4]), (None, [1, 2, 3, 4])]
)
def test_windows_left_are_those_from_the_resumed_one_and_those_behind_the_bookmark(
    read_until: str | None, left: list[int]
) -> None:
    days = [DateWindow(date(2026, 1, day), date(2026, 1, day)) for day in range(1, 5)]

    found = windows_left(days, days[2], date.fromisoformat(read_until) if read_until else None)

    assert [window.first.day for window in found] == left

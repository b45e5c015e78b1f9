"""The days that a stepped report reads, and the windows of the calendar that contain them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tap_servicetitan.reports.relative_dates import DAY, relative, resolve, start_of_month, start_of_week

if TYPE_CHECKING:
    from tap_servicetitan.reports.query import ReportBookmark
    from tap_servicetitan.settings.custom_reports import CustomReport

FIRST_DAYS = 365
"""Days that a first run reads if neither the report nor ``start_date`` says where to start."""

YEAR_AHEAD = timedelta(days=366)
"""Windows end at most this far in the future."""


@dataclass(frozen=True)
class DateWindow:
    """Days from the first to the last, both included; none if the first is after the last."""

    first: date
    last: date

    def __str__(self) -> str:
        """Return the days for messages."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    def finished(self, today: date) -> date | None:
        """Return its last day that is over; None if there is none."""
        last = min(self.last, today - DAY)
        return last if last >= self.first else None


def days_to_read(
    report: CustomReport,
    stepped: tuple[str, ...],
    *,
    bookmark: ReportBookmark,
    today: date,
    start_date: date | None,
) -> DateWindow:
    """Return the days that a run reads.

    Args:
        report: The entry of the setting.
        stepped: The date parameters that are stepped through: one, or a pair of bounds.
        bookmark: What earlier runs read.
        today: The day of the run.
        start_date: The setting.
    """
    end = today
    if len(stepped) > 1 and (written_end := report.parameters.get(stepped[-1])):
        end = min(resolve(written_end, today), today + YEAR_AHEAD)
    start, fixed = _start(report.parameters.get(stepped[0]), today, start_date)
    if bookmark.day is None:
        return DateWindow(start, end)
    done = min(bookmark.day, today - DAY)
    lookback = timedelta(days=report.lookback_days)
    # One day more than the look-back: the last day may end later where the tenant is.
    if done >= end and bookmark.read_on and end + lookback + DAY < bookmark.read_on:
        return DateWindow(done + DAY, end)
    again = date.fromordinal(max(1, done.toordinal() - lookback.days))
    return DateWindow(max(again, start) if fixed else again, end)


def _start(written: str | None, today: date, start_date: date | None) -> tuple[date, bool]:
    """Return the first day of a first run, and whether it is fixed: others move with the day."""
    if written:
        return resolve(written, today), relative(written, today) is None
    if start_date:
        return start_date, True
    return today - timedelta(days=FIRST_DAYS), False


_WINDOWS: Mapping[str, Callable[[date], DateWindow]] = {
    "day": lambda day: DateWindow(day, day),
    "week": lambda day: DateWindow(start_of_week(day), start_of_week(day) + 6 * DAY),
    "month": lambda day: DateWindow(start_of_month(day), start_of_month(day, 1) - DAY),
}


def calendar_windows(window: str, days: DateWindow) -> Iterator[DateWindow]:
    """Yield the calendar windows that contain the days; the last one ends with them.

    The first window is complete: a day that is read again is in the same window, so its rows have the same keys.
    """
    start = days.first
    while start <= days.last:
        current = _WINDOWS[window](start)
        yield DateWindow(current.first, min(current.last, days.last))
        start = current.last + DAY


def windows_left(windows: Iterable[DateWindow], resumed: DateWindow, read_until: date | None) -> list[DateWindow]:
    """Return what is left of the windows of a run of the tap that was killed, from the one that it waited for.

    Args:
        windows: All of them.
        resumed: The one whose query is in STATE.
        read_until: The bookmark: windows behind it are left, wherever they are.
    """
    return [window for window in windows if window.first >= resumed.first or not read_until or window.last > read_until]

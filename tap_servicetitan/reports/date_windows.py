"""The windows of days for which a report is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tap_servicetitan.reports.relative_dates import DAY, start_of_month, start_of_week


@dataclass(frozen=True)
class DateWindow:
    """Days from the first to the last, both included."""

    first: date
    last: date


_WINDOWS: Mapping[str, Callable[[date], DateWindow]] = {
    "day": lambda day: DateWindow(day, day),
    "week": lambda day: DateWindow(start_of_week(day), start_of_week(day) + 6 * DAY),
    "month": lambda day: DateWindow(start_of_month(day), start_of_month(day, 1) - DAY),
}


def calendar_windows(window: str, start: date, end: date) -> Iterator[DateWindow]:
    """Yield the calendar windows that contain the days from start to end; the last one ends there.

    The first window is complete: a day that is read again is in the same window, so its rows have the same keys.
    """
    while start <= end:
        current = _WINDOWS[window](start)
        yield DateWindow(current.first, min(current.last, end))
        start = current.last + DAY

"""Which spans of days a report is asked for, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tap_servicetitan.reports.dates import DAY, start_of_month, start_of_week


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


def spans(window: str, start: date, end: date) -> Iterator[DateWindow]:
    """Yield the windows that hold the days from start to end; the last one ends there.

    Windows are those of the calendar, the first one whole: whenever a day is asked for again, it is in the same window,
    so that its rows have the same key.
    """
    while start <= end:
        span = _WINDOWS[window](start)
        yield DateWindow(span.first, min(span.last, end))
        start = span.last + DAY

"""Relative dates: ``today-7``, ``month-start`` and others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

DAY = timedelta(days=1)

_RELATIVE_DATE = re.compile(r"([a-z]+(?:-(?:start|end))?)([+-]\d{1,4})?")


def start_of_week(day: date) -> date:
    """Return the Monday of a date's week."""
    return day - day.weekday() * DAY


def start_of_month(day: date, later: int = 0) -> date:
    """Return the first day of a date's month, or of a later month."""
    years, month = divmod(day.month - 1 + later, 12)
    return date(day.year + years, month + 1, 1)


def start_of_year(day: date, later: int = 0) -> date:
    """Return the first day of a date's year, or of a later year."""
    return date(day.year + later, 1, 1)


RELATIVE_DATES: Mapping[str, Callable[[date, int], date]] = {
    "today": lambda day, later: day + later * DAY,
    "week-start": lambda day, later: start_of_week(day) + 7 * later * DAY,
    "week-end": lambda day, later: start_of_week(day) + (7 * later + 6) * DAY,
    "month-start": start_of_month,
    "month-end": lambda day, later: start_of_month(day, later + 1) - DAY,
    "year-start": start_of_year,
    "year-end": lambda day, later: start_of_year(day, later + 1) - DAY,
}
"""The date of each word on a given day, shifted by a number of days, weeks, months or years."""

EXPECTED = f"a date such as 2026-01-31 or one of {', '.join(RELATIVE_DATES)}, with an optional suffix such as -1 or +1"


def moves(value: Any) -> bool:
    """Return whether a parameter's value is, or holds, a date that moves with the day."""
    if isinstance(value, list):
        return any(map(moves, value))
    match = _RELATIVE_DATE.fullmatch(value) if isinstance(value, str) else None
    return match is not None and match[1] in RELATIVE_DATES


def relative(text: str, today: date) -> date | None:
    """Return the date of a relative date; None if the text is not one.

    Raises:
        OverflowError: It is before year 1 or after year 9999.
        ValueError: Likewise.
    """
    match = _RELATIVE_DATE.fullmatch(text)
    meaning = match and RELATIVE_DATES.get(match[1])
    return meaning(today, int(match[2] or 0)) if match and meaning else None


def resolve(text: str, today: date) -> date:
    """Return the date of a text: a relative date, or an ISO 8601 date or date-time.

    Raises:
        ValueError: It is neither.
    """
    try:
        return relative(text, today) or datetime.fromisoformat(text).date()
    except (OverflowError, ValueError):
        msg = f"Not {EXPECTED}."
        raise ValueError(msg) from None

"""Dates as the API sends them, as it takes them, and as bookmarks hold them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def parse_date(text: str) -> datetime:
    """Read an ISO 8601 date or date-time; without an offset it is UTC.

    A date before 1900 becomes 1900, and one after 9999 becomes 9999: .NET writes ``0001-01-01`` and ``9999-12-31`` where
    there is no date, and Python cannot calculate with either.

    Raises:
        ValueError: The text is neither.
    """
    date = datetime.fromisoformat(text)
    if date.tzinfo is UTC and _EARLIEST.year <= date.year < _LATEST.year:
        return date  # most dates of records
    date = min(max(_EARLIEST, date if date.tzinfo else date.replace(tzinfo=UTC)), _LATEST)
    return date.astimezone(UTC)


def parsed_or_none(value: Any) -> datetime | None:
    """Read a date of unknown origin; None if it is not one."""
    try:
        return parse_date(value)
    except (TypeError, ValueError):
        return None


def parse_dates(values: Iterable[Any]) -> list[datetime]:
    """Read the values that are dates no later than tomorrow: ``9999-12-31`` says nothing about how new a record is."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    dates = []
    for value in values:
        try:
            date = parse_date(value)
        except (TypeError, ValueError):
            continue
        if date < tomorrow:
            dates.append(date)
    return dates


def latest(*dates: datetime | None) -> datetime | None:
    """Return the latest of the dates that are there."""
    return max((date for date in dates if date), default=None)


def format_api_date(date: datetime) -> str:
    """Write a date-time as the API takes it everywhere: in UTC, with microseconds and ``Z``."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""Timestamps in ticks of 100 nanoseconds since 1970, because ServiceTitan's timestamps have 7 fractional digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

SECOND: Final = 10_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.(\d{1,9}))?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def format_utc(ticks: int) -> str:
    """Write a timestamp as the API does: UTC, ``Z``, up to 7 fractional digits without trailing zeros."""
    day, rest = divmod(ticks, DAY)
    seconds, fraction = divmod(rest, SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{_date(day)}T{hour:02}:{minute:02}:{second:02}"
    if not fraction:
        return f"{text}Z"
    return f"{text}.{fraction:07}".rstrip("0") + "Z"


@lru_cache(10_000)
def _date(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def parse(text: str) -> int | None:
    """Read a date or date-time in ticks, in UTC unless it has an offset; None when it is neither."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC, microsecond=0)
    elapsed = moment - _EPOCH
    fraction = int((match[1] or "").ljust(7, "0")[:7])
    return (elapsed.days * 86_400 + elapsed.seconds) * SECOND + fraction

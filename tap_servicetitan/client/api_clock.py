"""The API's clock, which bookmarks follow: this machine's clock may be wrong."""

from __future__ import annotations

import email.utils
import logging
import threading
import time
from datetime import UTC, datetime, timedelta

LARGE_SKEW = timedelta(minutes=1)
"""A difference between the two clocks that is logged."""

_log = logging.getLogger("tap-servicetitan.http")


class APIClock:
    """The time of the API as its first answer says it in ``Date``, and the time that has passed since then.

    The header has whole seconds and counts from the arrival of the answer, so this clock is never ahead of the API's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: tuple[datetime, float] | None = None
        """The date of the first answer, and when it came, by the monotonic clock."""

    def now(self) -> datetime:
        """Return the API's time in UTC; this machine's before the first answer."""
        first = self._first
        if first is None:
            return datetime.now(UTC)
        date, came = first
        return date + timedelta(seconds=time.monotonic() - came)

    def answered(self, date: str, seconds: float) -> None:
        """Read the clock from the ``Date`` of an answer that has just come, unless an earlier answer had one.

        Args:
            date: The header's text.
            seconds: How long the answer took: this machine's clock is right if it said that date meanwhile.
        """
        if self._first:
            return
        try:
            parsed = email.utils.parsedate_to_datetime(date).astimezone(UTC)
        except (ValueError, OverflowError):
            return
        if not self._read(parsed):
            return
        here = datetime.now(UTC)
        behind, ahead = parsed - here, here - timedelta(seconds=seconds) - parsed
        if max(behind, ahead) >= LARGE_SKEW:
            _log.warning(
                "The clock of this machine is %s %s the API's clock.",
                timedelta(seconds=round(max(behind, ahead).total_seconds())),
                "behind" if behind > ahead else "ahead of",
            )

    def _read(self, date: datetime) -> bool:
        """Read the clock from a date; return False if another thread has done so already."""
        with self._lock:
            if self._first:
                return False
            self._first = date, time.monotonic()
            return True

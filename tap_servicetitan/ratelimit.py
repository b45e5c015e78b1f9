"""ServiceTitan's rate limit: keeping below it, and how long to wait when it says so all the same."""

from __future__ import annotations

import email.utils
import re
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

MAX_RATE_LIMIT_WAIT = 900.0
"""Seconds that one request waits for the rate limit in all before it fails."""

DEFAULT_RATE_LIMIT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""


class RateBudget:
    """So many requests a second over any three seconds, and none at all while the API has asked for a pause.

    A single second may see a quarter more: at the default of 40, 50, still below the 60 that ServiceTitan allows.
    """

    def __init__(self, per_second: float) -> None:
        """Make a budget.

        Args:
            per_second: Requests a second; below 1, one request in so many seconds.
        """
        sustained = max(1, int(3 * per_second))
        burst = max(1, int(1.25 * per_second))
        self._limits = ((sustained, sustained / per_second), (burst, 1.0))
        """How many requests in how many seconds."""
        self._sent: deque[float] = deque(maxlen=sustained)
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Block until the next request may go out."""
        while (seconds := self._reserve()) > 0:
            time.sleep(seconds)

    def pause(self, seconds: float) -> bool:
        """Hold back every request for so long; tell whether that is news."""
        with self._lock:
            now = time.monotonic()
            until = now + seconds
            # Requests under way together are told nearly the same.
            news = now >= self._paused_until or until > self._paused_until + 1
            self._paused_until = max(self._paused_until, until)
            return news

    def _reserve(self) -> float:
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            for count, seconds in self._limits:
                if len(self._sent) >= count and (free := self._sent[-count] + seconds) > now:
                    return free - now
            self._sent.append(now)
            return 0.0


def retry_after(response: requests.Response) -> float:
    """Seconds to wait after a 429.

    The header may be a float or a date and is not always there; the body's title tells seconds too
    ("Try again in 50 seconds."). Both as reported by users of live tenants; the longer one counts.
    """
    seconds = []
    header = response.headers.get("Retry-After", "")
    try:
        seconds.append(float(header))
    except ValueError:
        with suppress(ValueError, OverflowError):  # the year 99999, say
            if date := email.utils.parsedate_tz(header):
                seconds.append(email.utils.mktime_tz(date) - time.time())
    if match := re.search(rb"in (\d+(?:\.\d+)?) seconds?", response.content):
        seconds.append(float(match[1]))
    return min(max((told for told in seconds if told >= 0), default=DEFAULT_RATE_LIMIT_WAIT), MAX_RATE_LIMIT_WAIT)

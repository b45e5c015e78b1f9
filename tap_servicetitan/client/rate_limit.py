"""ServiceTitan's rate limits: keeping below them, and how long to wait when it says so all the same."""

from __future__ import annotations

import email.utils
import re
import threading
import time
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

MAX_RATE_LIMIT_WAIT = 900.0
"""Seconds that one request waits in all, over all its tries, because the API says so, before it fails."""

DEFAULT_RATE_LIMIT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""

MAINTENANCE_WAIT = 30.0
"""Seconds to wait after "The service is suspended for maintenance", which does not say how long."""


class RateLimiter:
    """So many requests in so many seconds, and none at all while the API has asked for a pause."""

    def __init__(
        self,
        *limits: tuple[int, float],
        max_wait: float = MAX_RATE_LIMIT_WAIT,
        setting: str = "requests_per_second",
    ) -> None:
        """Make a budget.

        Args:
            limits: How many requests in how many seconds, all to be kept; none for any number.
            max_wait: Seconds that one request waits in all, because the API says so, before it fails.
            setting: The setting that limits are made of.
        """
        self.max_wait = max_wait
        self.setting = setting
        self._limits = limits
        self._sent: deque[float] = deque(maxlen=max((count for count, _ in limits), default=0))
        self._paused_until = 0.0
        self._lock = threading.Lock()

    @classmethod
    def per_second(cls, rate: float) -> RateLimiter:
        """Make a budget of so many requests a second over any three seconds; below 1, one in so many seconds.

        A single second may see a quarter more: at the default of 40, 50, still below the 60 that ServiceTitan allows.
        """
        sustained = max(1, int(3 * rate))
        return cls((sustained, sustained / rate), (max(1, int(1.25 * rate)), 1.0))

    @classmethod
    def per_minute(cls, rate: float) -> RateLimiter:
        """Make a budget of so many requests in any minute, all at once if need be; below 1, one in so many minutes."""
        count = max(1, int(rate))
        return cls((count, 60 * count / rate), setting="reports_per_minute")

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


def throttle_reason(response: requests.Response) -> str | None:
    """Tell what the API says is to be waited for; None if nothing.

    A report answers 409 while "the service is suspended for maintenance" (MeltanoLabs/tap-service-titan).
    """
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate limit reached"
    if response.status_code == HTTPStatus.CONFLICT and b"suspended for maintenance" in response.content:
        return "suspended for maintenance"
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers:
        return "unavailable for a while"
    return None


def retry_after(response: requests.Response) -> float:
    """Seconds to wait after an answer that gives a reason to.

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
    default = MAINTENANCE_WAIT if response.status_code == HTTPStatus.CONFLICT else DEFAULT_RATE_LIMIT_WAIT
    return max((told for told in seconds if told >= 0), default=default)

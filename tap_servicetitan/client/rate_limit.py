"""Rate limits: how the tap stays below them, and how long it waits when the API asks for a pause."""

from __future__ import annotations

import email.utils
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

MAX_RATE_LIMIT_WAIT = 900.0
"""Seconds of pauses that one request waits in all, over all its tries, before it fails."""

DEFAULT_RATE_LIMIT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""

MAINTENANCE_WAIT = 30.0
"""Seconds to wait after a 409, such as "The service is suspended for maintenance", which does not say how long."""


class RateLimiter:
    """Allows a number of requests in a number of seconds, and none during a pause that the API asked for."""

    def __init__(
        self,
        *limits: tuple[int, float],
        max_wait: float = MAX_RATE_LIMIT_WAIT,
        setting: str = "requests_per_second",
    ) -> None:
        """Make a rate limiter.

        Args:
            limits: Numbers of requests and of seconds; each applies. Without any, only pauses do.
            max_wait: Seconds of pauses that one request waits in all before it fails.
            setting: The setting that the limits come from.
        """
        self.max_wait = max_wait
        self.setting = setting
        self._limits = limits
        self._sent: deque[float] = deque(maxlen=max((count for count, _ in limits), default=0))
        self._paused_until = 0.0
        self._lock = threading.Lock()

    @classmethod
    def per_second(cls, rate: float) -> RateLimiter:
        """Allow this number of requests a second, over any three seconds; below 1, one request in 1 / rate seconds.

        A single second may have a quarter more: 50 at the default of 40, still below the 60 that ServiceTitan allows.
        """
        sustained = max(1, int(3 * rate))
        return cls((sustained, sustained / rate), (max(1, int(1.25 * rate)), 1.0))

    @classmethod
    def per_minute(cls, rate: float) -> RateLimiter:
        """Allow this number of requests in any minute, also all at once; below 1, one request in 1 / rate minutes."""
        count = max(1, int(rate))
        return cls((count, 60 * count / rate), setting="reports_per_minute")

    def wait(self, sleeping: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Block until the next request may be sent.

        Args:
            sleeping: Returns a context manager that is entered while the thread sleeps.
        """
        while (seconds := self._reserve()) > 0:
            with sleeping():
                time.sleep(seconds)

    def pause(self, seconds: float) -> bool:
        """Allow no request for this number of seconds; return whether the pause is new, or longer than the last one."""
        with self._lock:
            now = time.monotonic()
            until = now + seconds
            # Requests in flight together get nearly the same answer.
            news = now >= self._paused_until or until > self._paused_until + 1
            self._paused_until = max(self._paused_until, until)
            return news

    def give_back(self) -> None:
        """Take back the last request: the API did not count it."""
        with self._lock:
            if self._sent:
                self._sent.pop()

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


class LogThrottle:
    """Limits how often each text is logged."""

    def __init__(self, interval: float) -> None:
        """Make one that allows each text once in so many seconds."""
        self._interval = interval
        self._logged: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_due(self, text: str) -> bool:
        """Return whether a text may be logged now; if so, it is taken as logged."""
        now = time.monotonic()
        with self._lock:
            due = now >= self._logged.get(text, -math.inf) + self._interval
            if due:
                self._logged[text] = now
            return due


def throttle_reason(response: requests.Response, *, retry_conflict: bool = False) -> str | None:
    """Return why the API asks for a pause; None if it does not.

    A report answers 409 while "the service is suspended for maintenance" (MeltanoLabs/tap-service-titan).

    Args:
        response: The answer.
        retry_conflict: Whether any other 409 asks for a pause too.
    """
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate limit reached"
    if response.status_code == HTTPStatus.CONFLICT and b"suspended for maintenance" in response.content:
        return "suspended for maintenance"
    if response.status_code == HTTPStatus.CONFLICT and retry_conflict:
        return "busy (409)"
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers:
        return "unavailable for a while"
    return None


def retry_after(response: requests.Response) -> float:
    """Return the seconds to wait after an answer that asks for a pause.

    The header may be a float or a date, or absent; the body's title may name seconds too ("Try again in 50
    seconds."). Users of live tenants reported both. The longer one counts.
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
    return max((wait for wait in seconds if wait >= 0), default=default)

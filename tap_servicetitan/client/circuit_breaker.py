"""When requests to an API that is unavailable fail without being sent."""

from __future__ import annotations

import re
import threading
import time
from http import HTTPStatus

from tap_servicetitan.errors import APIError, AppKeyError, NoConnectionError, TransientError, UnreachableError

KEY_REFUSALS = 3
"""Once so many APIs have answered 401 to a token that was just granted, and nothing else, the app key is wrong."""

OUTAGE_SECONDS = 60.0
"""How long requests fail without being sent, once the API is unavailable."""


class HostStatus:
    """Whether the hosts of the API can be reached, which is the same for all tenants."""

    def __init__(self) -> None:
        self.ever_answered = False
        """Whether the API has answered at least once."""
        self.outage: tuple[float, str, str] | None = None
        """Until when requests fail without being sent, why, and what to do."""


class CircuitBreaker:
    """One tenant's record of what the API answered; several threads may use it at once.

    It opens when the token endpoint answers no token, for all tenants when no connection can be made, and when two URLs got no answer while no other URL
    got one: a single URL may have a problem of its own.
    """

    def __init__(self, host: HostStatus, wait_factor: float = 1.0) -> None:
        """Make a closed circuit breaker.

        Args:
            host: Shared with the circuit breakers of the other tenants.
            wait_factor: Factor on the seconds for which it stays open.
        """
        self._host = host
        self._wait_factor = wait_factor
        self._lock = threading.Lock()
        self._accepted = False
        """Whether the API has accepted token and app key at least once."""
        self._refusing_apis: set[str] = set()
        self._last_answer: float | None = None
        self._last_success: float | None = None
        self._outage: tuple[float, str, str] | None = None
        """Until when requests fail without being sent, why, and what to do."""
        self._unserved_urls: set[str] = set()
        """What got no answer for long, while nothing else was served either."""
        self._malformed: set[tuple[str, str]] = set()
        """Endpoints whose answers could not be decoded."""

    def check(self) -> None:
        """Raise an error if a request would fail anyway.

        Raises:
            AppKeyError: The API refused the app key for every API so far.
            APIError: The API is unavailable.
        """
        with self._lock:
            refused = not self._accepted and len(self._refusing_apis) >= KEY_REFUSALS
            outages = self._outage, self._host.outage
        if refused:
            msg = "The API answered 401 to every request so far."
            raise AppKeyError(msg)
        for until, cause, remedy in filter(None, outages):
            if time.monotonic() < until:
                msg = f"Not requested, since the API is unavailable: {cause}"
                raise APIError(msg, remedy=remedy)

    @property
    def opened(self) -> bool:
        """Whether it has opened and no request has succeeded since: until then, each request gets one try."""
        with self._lock:
            return self._outage is not None or self._host.outage is not None

    @property
    def ever_answered(self) -> bool:
        """Whether the API has answered at least once, to any tenant."""
        return self._host.ever_answered

    def answered(self, status: int) -> None:
        """Record an answer of the API."""
        with self._lock:
            self._last_answer = time.monotonic()
            self._host.ever_answered = True
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.UNAUTHORIZED:
                self._accepted = True
            if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
                self._last_success = self._last_answer
                self._outage = self._host.outage = None
                self._unserved_urls.clear()

    def key_refused(self, url: str) -> None:
        """Record that the API refused the app key."""
        with self._lock:
            self._refusing_apis.add(_api(url))

    def gave_up(self, url: str, started: float, error: TransientError) -> None:
        """Record that a request got no answer in all its tries.

        Args:
            url: The request's.
            started: When the first try began, by the monotonic clock.
            error: The last try's.
        """
        cause = f"{error}."
        with self._lock:
            if isinstance(error, NoConnectionError):
                self._host.outage = self._new_outage(cause, error.remedy)
            elif isinstance(error, UnreachableError):
                self._outage = self._new_outage(cause, error.remedy)
            elif self._last_answer is None or self._last_answer < started:
                self._unserved(url, cause, error.remedy)

    def throttled(self, url: str, started: float, refusal: APIError) -> None:
        """Record that the API asked a request to wait for longer than it may; arguments as for :meth:`gave_up`."""
        with self._lock:
            if self._last_success is None or self._last_success < started:
                self._unserved(url, str(refusal), refusal.remedy)

    def decoded(self, url: str, stream: str) -> None:
        """Record that an answer could be decoded."""
        with self._lock:
            if self._malformed:
                self._malformed.discard(_endpoint(url, stream))

    def gave_up_decoding(self, url: str, stream: str) -> None:
        """Record that the answers to a request could not be decoded."""
        with self._lock:
            self._malformed.add(_endpoint(url, stream))

    def is_malformed(self, url: str, stream: str) -> bool:
        """Return whether a request to the same endpoint has failed since its answers could not be decoded."""
        with self._lock:
            return _endpoint(url, stream) in self._malformed

    def _unserved(self, url: str, cause: str, remedy: str) -> None:
        self._unserved_urls.add(url)
        if len(self._unserved_urls) > 1:
            self._outage = self._new_outage(cause, remedy)

    def _new_outage(self, cause: str, remedy: str) -> tuple[float, str, str]:
        return time.monotonic() + OUTAGE_SECONDS * self._wait_factor, cause, remedy


def _api(url: str) -> str:
    """Return the API's part of a URL, such as ``https://api.servicetitan.io/crm/v2``."""
    return url.partition("/tenant/")[0]


def _endpoint(url: str, stream: str) -> tuple[str, str]:
    """Return what all requests of an endpoint have in common: the stream, and the URL without ids."""
    return stream, re.sub(r"(?<=/)[^/]*\d[^/]*", "*", url)

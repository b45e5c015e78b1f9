"""The log of all requests, and how many of them are in flight."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from tap_servicetitan.simulator.api.service import TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_servicetitan.simulator.api.http_types import Exchange

MAX_LOGGED: Final = 20_000
"""Number of requests in the log; older ones are dropped. Counts include all requests."""

_MAX_HEADERS: Final = 100
"""Number of different headers that are kept once, because a client sends the same ones with each request."""


@dataclass(frozen=True)
class LoggedRequest:
    """A request and its result: an item of :attr:`Simulator.requests`."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    """Status of the response; 0 where the connection was reset instead."""

    tenant_id: int | None = None
    stream: str | None = None
    fault: str | None = None
    """Kind of the fault that the request met, if any."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As sent, by lower-case name."""

    body: bytes = field(default=b"", repr=False)

    at: float = field(default=0.0, repr=False)
    """When it was answered, in seconds of :func:`time.monotonic`."""

    seconds: float = field(default=0.0, repr=False)
    """How long the answer took, without sending it."""


class RequestLog:
    """The requests of the API and of the token endpoint."""

    def __init__(self) -> None:
        self.requests: deque[LoggedRequest] = deque(maxlen=MAX_LOGGED)
        self.token_requests = 0
        self.max_in_flight = 0
        self._in_flight = 0
        self._counts: Counter[tuple[str, int]] = Counter()
        self._headers: dict[frozenset[tuple[str, str]], Mapping[str, str]] = {}
        self._lock = Lock()

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Add a request that has been answered, in so many seconds."""
        request, response = exchange.request, exchange.response
        status = 0 if response.breakage == "reset" else response.status
        logged = LoggedRequest(
            request.method,
            request.path,
            request.query,
            status,
            exchange.tenant_id,
            exchange.stream,
            exchange.fault,
            headers=self._shared(request.headers),
            body=request.body,
            at=monotonic(),
            seconds=seconds,
        )
        with self._lock:
            self._counts[exchange.stream or request.path, status] += 1
            self.token_requests += request.path == TOKEN_PATH
            self.requests.append(logged)

    def _shared(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the same headers, in the memory of those of an earlier request."""
        with self._lock:
            if len(self._headers) >= _MAX_HEADERS:
                self._headers.clear()
            return self._headers.setdefault(frozenset(headers.items()), headers)

    @contextmanager
    def track_in_flight(self) -> Iterator[None]:
        """Count a request of the API as in flight until the end of the ``with`` block."""
        with self._lock:
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    @property
    def in_flight(self) -> int:
        """Number of requests of the API that are in flight now."""
        return self._in_flight

    def last(self, number: int) -> list[LoggedRequest]:
        """Return the last requests, the newest first."""
        with self._lock:
            return list(islice(reversed(self.requests), number))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of requests by stream (or path, where there is no stream) and by status."""
        with self._lock:
            counts: dict[str, dict[str, int]] = {}
            for (stream, status), number in self._counts.items():
                counts.setdefault(stream, {})[str(status)] = number
            return counts

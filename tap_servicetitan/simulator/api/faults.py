"""Faults: failures that clients of ServiceTitan report, one by one on request or at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec.structs import replace

from tap_servicetitan.simulator.api.authorizer import too_many_requests
from tap_servicetitan.simulator.api.http_types import ApiResponse, html_response, json_response, not_found, problem

if TYPE_CHECKING:
    from collections.abc import Callable

FaultKind = Literal[
    "rate_limit", "error", "bad_gateway", "unavailable", "reset", "reset_body", "cut", "cut_chunked", "empty", "html",
    "wrong_shape", "unauthorized", "hang", "refuse_token", "empty_page", "repeat_token", "redirect", "maintenance",
    "token_error", "unlicensed", "not_found", "conflict", "has_more",
]  # fmt: skip

FAULT_MEANINGS: Final[Mapping[FaultKind, str]] = {
    "rate_limit": "429 with the seconds to wait",
    "error": "500, a problem as JSON",
    "bad_gateway": "502 from a proxy, as HTML",
    "unavailable": "503 from a proxy, as HTML",
    "reset": "the connection is reset before the answer",
    "reset_body": "the connection is reset in the middle of the body",
    "cut": "the connection ends in the middle of the body",
    "cut_chunked": "the same, in a chunked body",
    "empty": "200 without a body",
    "html": "200 with a sign-in page",
    "wrong_shape": "200 with JSON of another shape",
    "unauthorized": "401, and the access token is no longer valid",
    "hang": "the answer takes a minute",
    "refuse_token": "400: the feed refuses its continuation token",
    "empty_page": "a page of a feed without records, and more follow",
    "repeat_token": "a page of a feed with the token that was sent",
    "redirect": "302 to another host",
    "maintenance": "409: the service is suspended",
    "token_error": "the token endpoint answers 500",
    "unlicensed": "403: the tenant may not read this",
    "not_found": "404",
    "conflict": "409: another request is in the way",
    "has_more": "a complete result of a report query says that there is more",
}
"""What a client sees, for people."""

TRANSIENT: Final[tuple[FaultKind, ...]] = (
    "rate_limit", "error", "bad_gateway", "unavailable", "reset", "reset_body", "cut", "cut_chunked", "empty", "html",
    "unauthorized", "empty_page",
)  # fmt: skip
"""The kinds that chaos chooses from: repeating the request helps."""

_FEED_ONLY: Final = frozenset({"refuse_token", "empty_page", "repeat_token"})
_MAX_IN_A_ROW: Final = 2

Natural = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One kind of failure, and the requests that fail."""

    kind: FaultKind

    stream: str | None = None
    """None: requests of any stream."""

    tenant_id: int | None = None
    """None: requests of any tenant."""

    after: Natural = 0
    """How many matching requests succeed first."""

    times: Natural | None = 1
    """How many requests fail; None: all from then on."""

    retry_after: Seconds | None = None
    """``rate_limit``, ``unavailable``, ``maintenance``, ``conflict``: the header in seconds; None: no header."""

    seconds: Seconds | None = None
    """``hang``: how long, 60 if not given. ``rate_limit``: the number in the title, ``retry_after`` if not given."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    """``token_error``: the status of the response."""

    location: str = "https://example.com/"
    """``redirect``: the target."""


class Faults:
    """Decides which requests fail, and how."""

    def __init__(self, *, chaos: float, seed: int) -> None:
        if not 0 <= chaos < 1:
            message = "chaos is a share of the requests: at least 0 and below 1."
            raise ValueError(message)
        self._chaos = chaos
        self._seed = seed
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._attempts: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def add(self, options: Mapping[str, Any]) -> Fault:
        """Add a fault.

        Raises:
            ValueError: An option is unknown or out of range.
        """
        if options.get("kind") not in get_args(FaultKind):
            message = f"No such kind of fault: there are {', '.join(get_args(FaultKind))}."
            raise ValueError(message)
        try:
            fault = msgspec.convert(options, Fault)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        with self._lock:
            self._faults = [one for one in self._faults if one.times != 0]
            self._faults.append(fault)
        return fault

    def active(self) -> list[Fault]:
        """Return the faults that more requests can meet."""
        with self._lock:
            return [replace(fault) for fault in self._faults if fault.times != 0]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def of_token_request(self) -> Fault | None:
        """Return the fault of a request for an access token, if any."""
        with self._lock:
            return self._next(lambda fault: fault.kind == "token_error")

    def of_request(self, stream: str, tenant_id: int, target: str, *, feed: bool, token: bool) -> Fault | None:
        """Return the fault of a request to the API, if any, and count the request.

        Args:
            stream: Name of the stream.
            tenant_id: Id of the tenant.
            target: Path and query, by which a repeated request is recognized.
            feed: Whether the request reads an export feed.
            token: Whether the request continues from a continuation token.
        """

        def matches(fault: Fault) -> bool:
            if fault.kind == "has_more" and not stream.startswith("report_query"):
                return False
            if fault.kind == "token_error" or (fault.kind in _FEED_ONLY and not feed):
                return False
            if fault.kind == "refuse_token" and not token:
                return False
            return fault.stream in {None, stream} and fault.tenant_id in {None, tenant_id}

        with self._lock:
            return self._next(matches) or (self._at_random(target, feed=feed) if self._chaos else None)

    def _next(self, matches: Callable[[Fault], bool]) -> Fault | None:
        due: Fault | None = None
        for fault in filter(matches, self._faults):
            if fault.after:
                fault.after -= 1
            elif due is None and fault.times != 0:
                due = fault
        if due is not None and due.times is not None:
            due.times -= 1
        return due

    def _at_random(self, target: str, *, feed: bool) -> Fault | None:
        """Choose by the seed, the request and how often it was sent; other requests have no influence."""
        self._attempts[target] += 1
        rng = Random(f"{self._seed}:{target}:{self._attempts[target]}")
        if rng.random() >= self._chaos or self._in_a_row[target] >= _MAX_IN_A_ROW:
            self._in_a_row.pop(target, None)
            return None
        self._in_a_row[target] += 1
        kind = rng.choice([kind for kind in TRANSIENT if feed or kind not in _FEED_ONLY])
        return Fault(kind=kind, retry_after=0.05 if kind == "rate_limit" else None)


def fault_response(fault: Fault) -> ApiResponse | None:
    """Return the response of a fault; None where the fault only delays, breaks or changes the right response."""
    make = _RESPONSES.get(fault.kind)
    return make(fault) if make else None


def _rate_limit(fault: Fault) -> ApiResponse:
    wait = fault.retry_after if fault.retry_after is not None else fault.seconds or 1.0
    shown = round(wait if fault.seconds is None else fault.seconds)
    return too_many_requests(wait, header=fault.retry_after is not None, shown=shown)


def _token_error(fault: Fault) -> ApiResponse:
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit(fault)
    if fault.status == HTTPStatus.BAD_REQUEST:
        return json_response({"error": "invalid_client"}, 400)
    return problem(fault.status, "")


def _maintenance(fault: Fault) -> ApiResponse:
    """Refuse as reports sometimes do (MeltanoLabs/tap-service-titan)."""
    return problem(409, "The service is suspended for maintenance. Please try again later.", _retry_after(fault))


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}


_RESPONSES: Final[Mapping[str, Callable[[Fault], ApiResponse]]] = {
    "rate_limit": _rate_limit,
    "error": lambda _: problem(500, "An error occurred while processing your request."),
    "bad_gateway": lambda _: html_response(502, "Bad Gateway"),
    "unavailable": lambda fault: html_response(503, "Service Temporarily Unavailable", fault.retry_after),
    "maintenance": _maintenance,
    "unauthorized": lambda _: ApiResponse(401),
    "redirect": lambda fault: ApiResponse(302, headers={"Location": fault.location}),
    "empty": lambda _: ApiResponse(200),
    "html": lambda _: html_response(200, "Sign in"),
    "wrong_shape": lambda _: json_response({"items": []}),
    "token_error": _token_error,
    "not_found": lambda _: not_found(),
    "conflict": lambda fault: problem(409, "The request conflicts with another one.", _retry_after(fault)),
    "unlicensed": lambda _: problem(403, "Tenant is not authorized to access this resource."),
}

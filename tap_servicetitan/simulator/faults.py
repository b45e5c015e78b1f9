"""Misbehaviour on request: the failures that clients of ServiceTitan report, one by one or at random."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import msgspec

from tap_servicetitan.simulator.access import too_many
from tap_servicetitan.simulator.answers import Answer, encode, page, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal[
    "rate_limit", "error", "bad_gateway", "unavailable", "reset", "reset_body", "cut", "cut_chunked", "empty", "html",
    "wrong_shape", "unauthorized", "hang", "refuse_token", "empty_page", "repeat_token", "redirect", "maintenance",
    "token_error",
]  # fmt: skip

TRANSIENT: Final[tuple[Kind, ...]] = (
    "rate_limit", "error", "bad_gateway", "unavailable", "reset", "reset_body", "cut", "cut_chunked", "empty", "html",
    "unauthorized", "empty_page",
)  # fmt: skip
"""The kinds that chaos chooses from: asking again helps."""

_FEED_ONLY: Final = frozenset({"refuse_token", "empty_page", "repeat_token"})
_IN_A_ROW: Final = 2

Natural = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One kind of misbehaviour and the requests it befalls."""

    kind: Kind

    stream: str | None = None
    """None: any stream's requests."""

    tenant_id: int | None = None
    """None: any tenant's requests."""

    after: Natural = 0
    """How many requests that match pass unharmed first."""

    times: Natural | None = 1
    """How many requests it befalls; None: all from then on."""

    retry_after: Seconds | None = None
    """``rate_limit``, ``unavailable``, ``maintenance``: the header in seconds; None: no header."""

    seconds: Seconds | None = None
    """``hang``: how long, 60 if not given. ``rate_limit``: the number in the title; ``retry_after`` if not given."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    """``token_error``: the status of the answer."""

    location: str = "https://example.com/"
    """``redirect``: where to."""


class Faults:
    """Decides which requests are to fail, and how."""

    def __init__(self, *, chaos: float, seed: int) -> None:
        if not 0 <= chaos < 1:
            message = "chaos is a share of the requests: at least 0, below 1."
            raise ValueError(message)
        self._chaos = chaos
        self._seed = seed
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._attempts: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def add(self, options: Mapping[str, Any]) -> Fault:
        """Remember a fault.

        Raises:
            ValueError: An option is unknown or out of range.
        """
        if options.get("kind") not in get_args(Kind):
            message = f"No such kind of misbehaviour: there are {', '.join(get_args(Kind))}."
            raise ValueError(message)
        try:
            fault = msgspec.convert(options, Fault)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def of_token_request(self) -> Fault | None:
        """Return the fault that befalls a request for an access token."""
        with self._lock:
            return self._next(lambda fault: fault.kind == "token_error")

    def of_call(self, stream: str, tenant_id: int, target: str, *, feed: bool, token: bool) -> Fault | None:
        """Return the fault that befalls a call, each call counted once.

        Args:
            stream: Name of the stream.
            tenant_id: Whose.
            target: Path and query, to recognise a call that is repeated.
            feed: Whether it asks an export feed.
            token: Whether it goes on from a continuation token.
        """

        def matches(fault: Fault) -> bool:
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
        """Depends on seed, request and how often it was made, not on what else goes on at the time."""
        self._attempts[target] += 1
        rng = Random(f"{self._seed}:{target}:{self._attempts[target]}")
        if rng.random() >= self._chaos or self._in_a_row[target] >= _IN_A_ROW:
            self._in_a_row.pop(target, None)
            return None
        self._in_a_row[target] += 1
        kind = rng.choice([kind for kind in TRANSIENT if feed or kind not in _FEED_ONLY])
        return Fault(kind=kind, retry_after=0.05 if kind == "rate_limit" else None)


def answer(fault: Fault) -> Answer | None:
    """Return what is answered in place of the truth; None where the fault leaves or only spoils the true answer."""
    make = _ANSWERS.get(fault.kind)
    return make(fault) if make else None


def _rate_limit(fault: Fault) -> Answer:
    wait = fault.retry_after if fault.retry_after is not None else fault.seconds or 1.0
    shown = round(wait if fault.seconds is None else fault.seconds)
    return too_many(wait, header=fault.retry_after is not None, shown=shown)


def _token_error(fault: Fault) -> Answer:
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit(fault)
    if fault.status == HTTPStatus.BAD_REQUEST:
        return encode({"error": "invalid_client"}, 400)
    return problem(fault.status, "")


def _maintenance(fault: Fault) -> Answer:
    """Refuse as reports do at times (MeltanoLabs/tap-service-titan)."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return problem(409, "The service is suspended for maintenance. Please try again later.", headers)


_ANSWERS: Final[Mapping[str, Callable[[Fault], Answer]]] = {
    "rate_limit": _rate_limit,
    "error": lambda _: problem(500, "An error occurred while processing your request."),
    "bad_gateway": lambda _: page(502, "Bad Gateway"),
    "unavailable": lambda fault: page(503, "Service Temporarily Unavailable", fault.retry_after),
    "maintenance": _maintenance,
    "unauthorized": lambda _: Answer(401),
    "redirect": lambda fault: Answer(302, headers={"Location": fault.location}),
    "empty": lambda _: Answer(200),
    "html": lambda _: page(200, "Sign in"),
    "wrong_shape": lambda _: encode({"items": []}),
    "token_error": _token_error,
}

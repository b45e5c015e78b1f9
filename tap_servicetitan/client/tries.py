"""How often a request is tried."""

from __future__ import annotations

import random
from typing import Any

from tap_servicetitan.client.circuit_breaker import CircuitBreaker
from tap_servicetitan.client.request import Request
from tap_servicetitan.errors import MalformedAnswerError, NoConnectionError

MAX_TRIES = 7
"""Tries of one request. The waits between them double from about 1 second to about 32, give or take a quarter: an
outage of half a minute heals."""

FIRST_CONNECTION_TRIES = 3
"""Tries while no request has reached the API yet: a wrong host or proxy fails after about 3 seconds."""

MALFORMED_TRIES = 3
"""Tries of a request whose answers are malformed in the same way each time."""

KNOWN_MALFORMED_TRIES = 2
"""The same, once another request to the endpoint has failed for this reason and none has succeeded since."""


def max_tries(request: Request[Any], error: BaseException | None, breaker: CircuitBreaker) -> int:
    """Return after how many tries a request gives up if it ends with this error."""
    if breaker.opened:
        return 1
    if isinstance(error, NoConnectionError) and not breaker.ever_answered:
        return FIRST_CONNECTION_TRIES
    if isinstance(error, MalformedAnswerError) and request.malformed_alike == request.tries:
        known = breaker.is_malformed(request.url, request.hooks.stream)
        return KNOWN_MALFORMED_TRIES if known else MALFORMED_TRIES
    return MAX_TRIES


def jitter(seconds: float) -> float:
    """Vary a wait by a quarter, so that requests which failed together are not sent again together."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret

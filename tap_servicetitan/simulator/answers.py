"""What the simulator is asked and what it answers, apart from any socket."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

Breakage = Literal["reset", "reset_body", "cut", "cut_chunked"]
"""How a connection may end before its answer does."""


@dataclass(frozen=True)
class Call:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes = b""
    places: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path for each placeholder of the endpoint."""


@dataclass(frozen=True)
class Request:
    """A request as it was answered: one line of :attr:`Simulator.requests`."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    """0 where the connection was reset in place of an answer."""

    tenant_id: int | None = None
    stream: str | None = None
    fault: str | None = None
    """The kind of misbehaviour, if the simulator misbehaved."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As sent, by lower-case name."""

    body: bytes = field(default=b"", repr=False)

    at: float = field(default=0.0, repr=False)
    """When it was answered, in seconds of :func:`time.monotonic`."""


@dataclass(frozen=True)
class Answer:
    """A response in full."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    breakage: Breakage | None = None
    wait: float = 0.0
    """Seconds to wait before it is sent."""


def encode(value: Any, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(status, msgspec.json.encode(value))


def problem(
    status: int,
    title: str,
    headers: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> Answer:
    """Answer with an error in the shape of ServiceTitan's ``ApiErrorResponse`` (RFC 7807 and three fields more)."""
    body = {
        "type": f"https://httpstatuses.io/{status}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "traceId": secrets.token_hex(16),
        "errors": errors or {},
        "data": {},
    }
    return Answer(status, msgspec.json.encode(body), headers=headers or {})


def page(status: int, title: str, retry_after: float | None = None) -> Answer:
    """Answer with a web page, as proxies and load balancers do."""
    html = f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body><h1>{status} {title}</h1></body>\r\n</html>\r\n"
    return Answer(status, html.encode(), HTML, {} if retry_after is None else {"Retry-After": f"{retry_after:g}"})

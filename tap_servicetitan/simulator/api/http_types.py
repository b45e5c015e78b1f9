"""Requests and responses of the simulator, without a socket."""

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
"""How a connection may end before the end of its response."""


@dataclass(frozen=True)
class ApiRequest:
    """A request that the simulator received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes = b""
    path_values: Mapping[str, str] = field(default_factory=dict)
    """Values of the placeholders in the endpoint's path, except the tenant's."""

    fault: str | None = None
    """Kind of the fault that the handler has to act out, if any."""


@dataclass(frozen=True)
class ApiResponse:
    """A whole response."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    breakage: Breakage | None = None
    wait: float = 0.0
    """Seconds to wait before the response is sent."""


@dataclass(frozen=True)
class Exchange:
    """A request and its response, with what the request was about."""

    request: ApiRequest
    response: ApiResponse
    tenant_id: int | None = None
    stream: str | None = None
    fault: str | None = None
    """Kind of the fault that the request met, if any."""


def json_response(value: Any, status: int = 200) -> ApiResponse:
    """Return a response with a JSON body."""
    return ApiResponse(status, msgspec.json.encode(value))


def problem(
    status: int,
    title: str,
    headers: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> ApiResponse:
    """Return an error in the shape of ServiceTitan's ``ApiErrorResponse`` (RFC 7807 and three more fields)."""
    body = {
        "type": f"https://httpstatuses.io/{status}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "traceId": secrets.token_hex(16),
        "errors": errors or {},
        "data": {},
    }
    return ApiResponse(status, msgspec.json.encode(body), headers=headers or {})


def not_found() -> ApiResponse:
    """Return the error of a path that leads to nothing."""
    return problem(404, "The resource was not found.")


def method_not_allowed(allowed: str, title: str = "Method Not Allowed") -> ApiResponse:
    """Return the error of a request with another method than the allowed one."""
    return problem(405, title, {"Allow": allowed})


def write_refused(method: str) -> ApiResponse:
    """Return the error of a request that would change something."""
    return method_not_allowed("GET", f"The simulator answers only what reads: {method} changes nothing here.")


def html_response(status: int, title: str, retry_after: float | None = None) -> ApiResponse:
    """Return a web page, as proxies and load balancers do; ``retry_after`` is in seconds."""
    html = f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body><h1>{status} {title}</h1></body>\r\n</html>\r\n"
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return ApiResponse(status, html.encode(), HTML, headers)

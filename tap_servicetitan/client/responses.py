"""What an answer that is none, or no answer at all, means: an error in one line, without secrets or records' values."""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import msgspec
import requests
import urllib3.exceptions

from tap_servicetitan.errors import (
    APIError,
    AppKeyError,
    ForbiddenError,
    MissingScopeError,
    NotFoundError,
    RefusedRequestError,
    TransientError,
    UnreachableError,
)

if TYPE_CHECKING:
    Secrets = Collection[str]

_FINAL: dict[int, type[APIError]] = {
    HTTPStatus.BAD_REQUEST: RefusedRequestError,
    HTTPStatus.UNAUTHORIZED: AppKeyError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: NotFoundError,
}

_LATER = "Run again later: the sync resumes where it stopped."
_NETWORK = "Check the network, and HTTPS_PROXY if it needs a proxy; then run again: the sync resumes where it stopped."
_HOST = "Check api_url and auth_url if they are set, and HTTPS_PROXY if the network needs a proxy."
_CERTIFICATE = "Check api_url and auth_url; behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to its certificate."

_VALUES = re.compile(r"""\S+@\S+|<[^>]*>|"[^"]*"|'[^']*'|\d{4,}""")
"""What in a title is no word of ServiceTitan's: addresses, what is quoted, numbers such as ids."""


class _Problem(msgspec.Struct):
    """The part of ServiceTitan's RFC 7807 error body that helps: never its details, which may quote records."""

    title: str = ""
    traceId: str = ""  # noqa: N815 -- as on the wire
    errors: Any = None
    """What is wrong, by the name of the parameter; the names alone are shown."""


def error(response: requests.Response, secrets: Secrets) -> APIError | TransientError:
    """Return what an answer other than 200 means.

    Args:
        response: The answer.
        secrets: What must not be shown.
    """
    status = response.status_code
    text = f"The API answered {status}{_detail(response, secrets)}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return TransientError(text[0].lower() + text[1:-1], response)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        text = f"The API answered {status}, a redirect, which is not followed so that no other host sees the token."
        return APIError(text, remedy="Check api_url.")
    if status == HTTPStatus.FORBIDDEN and "scope" in text.lower():  # "Scope validation failed", from live tenants
        return MissingScopeError(text)
    return _FINAL.get(status, APIError)(text)


def refusal_to_serve(
    response: requests.Response, secrets: Secrets, waited: float, asked: float, setting: str
) -> APIError:
    """Return what an answer means that asks for more patience than there is.

    Args:
        response: The answer.
        secrets: What must not be shown.
        waited: Seconds that the request has waited because of such answers.
        asked: Seconds that this one asks for.
        setting: The one that says how many requests are sent.
    """
    remedies = {
        HTTPStatus.TOO_MANY_REQUESTS: f"Lower {setting}, or run when the app's other users are quiet.",
        HTTPStatus.CONFLICT: "Run again when the maintenance is over: the sync resumes where it stopped.",
        HTTPStatus.SERVICE_UNAVAILABLE: _LATER,
    }
    waits = f"Waited {waited:.0f}s for it" if waited else f"It asks for a pause of {asked:.0f}s, which is too long"
    text = f"The API answered {response.status_code}{_detail(response, secrets)}. {waits}."
    return APIError(text, remedy=remedies[HTTPStatus(response.status_code)])


def unreadable(response: requests.Response, error: Exception) -> TransientError:
    """Return what a body means that cannot be decoded."""
    if isinstance(error, (msgspec.ValidationError, RecursionError)):
        return TransientError(f"the answer has another shape than documented ({error})", response)
    kind = re.match(r"[a-z]+/[a-z.+-]{1,40}(?=;|$)", response.headers.get("Content-Type", ""))
    what = f"{len(response.content)} bytes, {kind[0] if kind else 'no content type'}"
    return TransientError(f"the answer is not JSON ({what})", response)


def connection_error(error: Exception, host: str) -> TransientError:
    """Return what a request means that got no answer; the error's own text, which holds the URL, is not shown."""
    text = f"{_words(error)} ({host})"
    remedy = _way_is_closed(error)
    return UnreachableError(text, remedy=remedy) if remedy else TransientError(text)


def _detail(response: requests.Response, secrets: Secrets) -> str:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    fields = ", ".join(problem.errors) if isinstance(problem.errors, dict) else ""
    parts = {
        ": {}": _VALUES.sub("…", _redacted(problem.title, response, secrets))[:200].rstrip("."),
        " [{}]": _redacted(fields, response, secrets)[:200],
        " (trace id {})": _redacted(problem.traceId, response, secrets)[:100],
    }
    return "".join(form.format(text) for form, text in parts.items() if text)


def _redacted(text: str, response: requests.Response, secrets: Secrets) -> str:
    """Return a text of an answer as one line, without secrets, those of its own request among them."""
    _, _, token = (response.request.headers.get("Authorization") or "").partition(" ")
    for secret in filter(None, (*secrets, token)):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _words(error: Exception) -> str:
    match error:
        case requests.exceptions.ConnectTimeout():
            return "no connection in time"
        case requests.exceptions.Timeout():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "the TLS certificate was not accepted"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "the answer was cut short"
        case _:
            reason = str(error)
            unresolved = "NameResolutionError" in reason or "getaddrinfo" in reason
            return "the host name could not be resolved" if unresolved else "the connection failed"


def _way_is_closed(error: Exception) -> str | None:
    """Say what to do where no request gets to the host at all; None where a single one was broken off."""
    if isinstance(error, requests.exceptions.SSLError):
        return _CERTIFICATE
    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return _NETWORK
    # requests wraps urllib3's error, which wraps the cause.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return _HOST
    return _NETWORK if isinstance(reason, urllib3.exceptions.NewConnectionError) else None

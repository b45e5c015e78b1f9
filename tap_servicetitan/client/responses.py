"""Errors for answers that hold no page: one line each, without secrets and values of records."""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import msgspec

from tap_servicetitan.errors import (
    APIError,
    AppKeyError,
    ForbiddenError,
    MalformedAnswerError,
    MissingScopeError,
    NotFoundError,
    RefusedRequestError,
    TransientError,
    UnlicensedError,
    WrongStateError,
)

if TYPE_CHECKING:
    import requests

    Secrets = Collection[str]

_FINAL: dict[int, type[APIError]] = {
    HTTPStatus.BAD_REQUEST: RefusedRequestError,
    HTTPStatus.UNAUTHORIZED: AppKeyError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: WrongStateError,
}

UNLICENSED = "tenant is not authorized to access this resource"
"""Title of a 403 for a module that the tenant has not licensed, in lower case (MeltanoLabs/tap-service-titan)."""

_LATER = "Run again later: the sync resumes where it stopped."

_VALUES = re.compile(r"""\S+@\S+|<[^>]*>|"[^"]*"|'[^']*'|\d{4,}""")
"""Parts of a title that may be a record's values: addresses, quoted text, numbers such as ids."""


class _Problem(msgspec.Struct):
    """What is shown of ServiceTitan's RFC 7807 error body; its details may quote records, so they are not."""

    title: str = ""
    traceId: str = ""  # noqa: N815 -- as on the wire
    errors: Any = None
    """Problems by the name of the parameter; only the names are shown."""


def error(response: requests.Response, secrets: Secrets) -> APIError | TransientError:
    """Return the error for an answer other than 200.

    Args:
        response: The answer.
        secrets: Texts that the error must not show.
    """
    status = response.status_code
    text = f"The API answered {status}{_detail(response, secrets)}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return TransientError(text[0].lower() + text[1:-1], response)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        text = f"The API answered {status}, a redirect, which is not followed so that no other host sees the token."
        return APIError(text, remedy="Check api_url.")
    if status == HTTPStatus.FORBIDDEN and UNLICENSED in text.lower():
        return UnlicensedError(text)
    if status == HTTPStatus.FORBIDDEN and "scope" in text.lower():  # "Scope validation failed", from live tenants
        return MissingScopeError(text)
    return _FINAL.get(status, APIError)(text)


def refusal_to_serve(
    response: requests.Response, secrets: Secrets, waited: float, asked: float, setting: str
) -> APIError:
    """Return the error for an answer that asks for a longer pause than a request may wait.

    Args:
        response: The answer.
        secrets: Texts that the error must not show.
        waited: Seconds that the request has waited for such answers.
        asked: Seconds of the pause that this one asks for.
        setting: The setting that limits the requests.
    """
    remedies = {
        HTTPStatus.TOO_MANY_REQUESTS: f"Lower {setting}, or run when the app's other users are quiet.",
        HTTPStatus.CONFLICT: "Run again when the maintenance is over: the sync resumes where it stopped.",
        HTTPStatus.SERVICE_UNAVAILABLE: _LATER,
    }
    maintenance = b"suspended for maintenance" in response.content
    if response.status_code == HTTPStatus.CONFLICT and not maintenance:
        remedies[HTTPStatus.CONFLICT] = _LATER
    waits = f"Waited {waited:.0f}s for it" if waited else f"It asks for a pause of {asked:.0f}s, which is too long"
    text = f"The API answered {response.status_code}{_detail(response, secrets)}. {waits}."
    return APIError(text, remedy=remedies[HTTPStatus(response.status_code)])


def unreadable(response: requests.Response, error: Exception) -> TransientError:
    """Return the error for a body that cannot be decoded."""
    if isinstance(error, (msgspec.ValidationError, RecursionError)):
        return MalformedAnswerError(f"the answer has another shape than documented ({error})", response)
    kind = re.match(r"[a-z]+/[a-z.+-]{1,40}(?=;|$)", response.headers.get("Content-Type", ""))
    what = f"{len(response.content)} bytes, {kind[0] if kind else 'no content type'}"
    return TransientError(f"the answer is not JSON ({what})", response)


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
    """Return a text of an answer as one printable line, without secrets, which include the token of its request."""
    _, _, token = (response.request.headers.get("Authorization") or "").partition(" ")
    for secret in filter(None, (*secrets, token)):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

"""How a tenant's requests are signed: an OAuth token by client credentials, and the app key."""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from requests.auth import AuthBase

from tap_servicetitan.client.rate_limit import throttle_reason
from tap_servicetitan.errors import APIError, CredentialsError, RateLimitError, TransientError, UnreachableError

if TYPE_CHECKING:
    import requests

    from tap_servicetitan.settings import Settings, Tenant

TOKEN_LIFETIME = 900.0
"""Seconds a token lives if the answer does not say. Source: ServiceTitan's OAuth page."""

TOKEN_TIMEOUT = 30.0
"""Seconds to wait for a token, if ``request_timeout`` is not shorter: every other request waits for it."""

LONGEST_LIFETIME = 86_400.0
"""Seconds beyond which an answer's lifetime of a token is not believed."""

_REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
"""400 is what a wrong client id or secret gets."""


@dataclass(frozen=True)
class Signature(AuthBase):
    """Signs a request with an OAuth token and the app key."""

    token: str = field(repr=False)
    app_key: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        request.headers["ST-App-Key"] = self.app_key
        return request


class ClientCredentials:
    """A tenant's OAuth token: got with its client id and secret, kept, and renewed before it expires."""

    def __init__(self, tenant: Tenant, settings: Settings, send: Callable[..., requests.Response]) -> None:
        """Make the credentials of one tenant.

        Args:
            tenant: Whose.
            settings: Token URL and app key.
            send: Sends a request, as ``requests.Session.request``.
        """
        self._tenant = tenant
        self._settings = settings
        self._send = send
        self._token = ""
        self._expires = 0.0
        self._refusal: APIError | None = None
        self._outage: UnreachableError | None = None
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self._tenant.client_secret, self._settings.st_app_key, self._token

    def signature(self) -> Signature:
        """Return what signs a request, with a token that is good for a while.

        Raises:
            CredentialsError: The credentials were refused.
            APIError: The token endpoint is not what it should be.
            RateLimitError: The token endpoint asks for a pause.
            UnreachableError: The token endpoint is out of order.
        """
        asked_before = self._asked
        with self._lock:
            if self._refusal:  # asking again would not help, and the token endpoint is throttled
                raise self._refusal
            if self._outage and self._asked > asked_before:  # found out while this thread waited for its turn
                raise self._outage
            if time.monotonic() >= self._expires:
                self._asked += 1
                self._outage = None
                try:
                    self._renew()
                except UnreachableError as outage:
                    self._outage = outage
                    raise
            return Signature(self._token, self._settings.st_app_key)

    def forget(self, signature: Signature) -> None:
        """Take a token for expired, unless another thread has renewed it meanwhile."""
        with self._lock:
            if signature.token == self._token:
                self._expires = 0.0

    def _renew(self) -> None:
        started = time.monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._tenant.client_id,
            "client_secret": self._tenant.client_secret,
        }
        try:
            response = self._send("POST", self._settings.auth_url, data=form, timeout=TOKEN_TIMEOUT)
        except TransientError as error:  # without a token, no other request fares better
            raise UnreachableError(str(error), remedy=error.remedy) from error
        status = response.status_code
        if throttle_reason(response):
            raise RateLimitError(response)
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"the token endpoint answered {status}"
            raise UnreachableError(msg, response)
        if status in _REFUSALS:
            msg = f"The token endpoint refused the credentials ({status})."
            self._refusal = CredentialsError(msg)
            raise self._refusal
        if status != HTTPStatus.OK:
            msg = f"The token endpoint answered {status}, which is neither a token nor a refusal."
            self._refusal = APIError(msg, remedy="Check environment, and auth_url if it is set.")
            raise self._refusal
        try:
            answer = msgspec.json.decode(response.content.removeprefix(codecs.BOM_UTF8), type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msg = "the token endpoint answered 200 without a token"
            remedy = "Check auth_url if it is set, and whether a proxy answers in its place."
            raise UnreachableError(msg, response, remedy=remedy) from None
        self._token = answer.access_token
        lifetime = _lifetime(answer.expires_in)
        self._expires = started + lifetime - min(60.0, lifetime / 10)


class _TokenAnswer(msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$")]  # what a header can hold
    expires_in: Any = None


def _lifetime(told: Any) -> float:
    """Return the seconds that a token lives; the usual ones where the answer tells none, or nonsense."""
    with suppress(TypeError, ValueError, OverflowError):
        if 0 < (seconds := float(told)) <= LONGEST_LIFETIME:
            return seconds
    return TOKEN_LIFETIME

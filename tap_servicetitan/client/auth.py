"""What signs a tenant's requests: an OAuth token, which client id and secret get, and the app key."""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from requests.auth import AuthBase

from tap_servicetitan.client.rate_limit import throttle_reason
from tap_servicetitan.errors import APIError, CredentialsError, RateLimitError, TransientError, UnreachableError

if TYPE_CHECKING:
    import requests

    from tap_servicetitan.client.slots import Slots
    from tap_servicetitan.settings import Settings, Tenant

TOKEN_LIFETIME = 900.0
"""Seconds until a token expires, if the answer does not say. Source: ServiceTitan's OAuth page."""

TOKEN_TIMEOUT = 30.0
"""Seconds to wait for a token, if ``request_timeout`` is not shorter: every other request waits for it."""

LONGEST_LIFETIME = 86_400.0
"""Seconds; a longer lifetime in an answer is ignored."""

_REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
"""A wrong client id or secret gets 400."""


@dataclass(frozen=True)
class BearerAuth(AuthBase):
    """Signs a request with an OAuth token and the app key."""

    token: str = field(repr=False)
    app_key: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        request.headers["ST-App-Key"] = self.app_key
        return request


class ClientCredentials:
    """A tenant's OAuth token: requested with its client id and secret, kept, and renewed before it expires."""

    def __init__(
        self, tenant: Tenant, settings: Settings, send: Callable[..., requests.Response], slots: Slots
    ) -> None:
        """Make the credentials of one tenant.

        Args:
            tenant: Whose.
            settings: Token URL and app key.
            send: Sends a request; takes arguments as ``requests.Session.request`` does.
            slots: The calling thread's is given back while it waits for a token that another thread requests.
        """
        self._tenant = tenant
        self._settings = settings
        self._send = send
        self._token = ""
        self._expires = 0.0
        self._refusal: APIError | None = None
        self._outage: UnreachableError | None = None
        self._requests = 0
        self._slots = slots
        self._lock = threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no log or error may show."""
        return self._tenant.client_secret, self._settings.st_app_key, self._token

    def auth(self) -> BearerAuth:
        """Return what signs a request; its token is valid for at least a tenth of its lifetime or a minute.

        Raises:
            CredentialsError: The credentials were refused.
            APIError: The token endpoint answered neither with a token nor with a refusal.
            RateLimitError: The token endpoint asks for a pause.
            UnreachableError: The token endpoint cannot be reached or answers no token.
        """
        requests_before = self._requests
        with self._locked():
            if self._refusal:  # another request would not help, and the token endpoint is throttled
                raise self._refusal
            if self._outage and self._requests > requests_before:  # another thread found out while this one waited
                raise self._outage
            if time.monotonic() >= self._expires:
                self._requests += 1
                self._outage = None
                try:
                    self._renew()
                except UnreachableError as outage:
                    self._outage = outage
                    raise
            return BearerAuth(self._token, self._settings.st_app_key)

    def invalidate(self, auth: BearerAuth) -> None:
        """Treat a token as expired, unless another thread has renewed it already."""
        with self._lock:
            if auth.token == self._token:
                self._expires = 0.0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            with self._slots.released():
                self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _renew(self) -> None:
        started = time.monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._tenant.client_id,
            "client_secret": self._tenant.client_secret,
        }
        try:
            response = self._send("POST", self._settings.auth_url, data=form, timeout=TOKEN_TIMEOUT)
        except UnreachableError:
            raise
        except TransientError as error:  # without a token, no other request succeeds either
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


def _lifetime(expires_in: Any) -> float:
    """Return the seconds until a token expires: those of the answer, if they are plausible."""
    with suppress(TypeError, ValueError, OverflowError):
        if 0 < (seconds := float(expires_in)) <= LONGEST_LIFETIME:
            return seconds
    return TOKEN_LIFETIME

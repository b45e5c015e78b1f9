"""One tenant's way to the API: session, OAuth token, rate budget, retries, error messages.

Nothing here knows of Singer, and everything may be called from several threads at once.
"""

from __future__ import annotations

import email.utils
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import backoff
import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from tap_servicetitan.errors import (
    APIError,
    CredentialsError,
    MissingScopeError,
    NotFoundError,
    RefusedRequestError,
    TransientError,
)

if TYPE_CHECKING:
    from backoff.types import Details

    from tap_servicetitan.settings import Settings, Tenant

T = TypeVar("T")

MAX_TRIES = 7
"""Tries of one request. The waits between them double from up to 1 second to up to 32: a minute's outage heals."""

MAX_RATE_LIMIT_WAIT = 900.0
"""Seconds that one request waits for the rate limit in all before it fails."""

DEFAULT_RATE_LIMIT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""

TOKEN_LIFETIME = 900.0
"""Seconds a token lives if the answer does not say. Source: ServiceTitan's OAuth page."""

CONNECT_TIMEOUT = 20.0
"""Seconds to wait for a connection, if ``request_timeout`` is not shorter."""

_FINAL: dict[int, type[APIError]] = {
    HTTPStatus.BAD_REQUEST: RefusedRequestError,
    HTTPStatus.UNAUTHORIZED: CredentialsError,
    HTTPStatus.FORBIDDEN: MissingScopeError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: NotFoundError,
}

_NETWORK_ERRORS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)

_log = logging.getLogger("tap-servicetitan.http")


class RateBudget:
    """So many requests a second over any three seconds, and none at all while the API has asked for a pause.

    A single second may see half as many more: at the default of 40, the 60 that ServiceTitan allows.
    """

    def __init__(self, per_second: float) -> None:
        """Make a budget.

        Args:
            per_second: Requests a second; below 1, one request in so many seconds.
        """
        sustained = max(1, int(3 * per_second))
        burst = max(1, int(1.5 * per_second))
        self._limits = ((sustained, sustained / per_second), (burst, 1.0))
        """How many requests in how many seconds."""
        self._sent: deque[float] = deque(maxlen=sustained)
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Block until the next request may go out."""
        while (seconds := self._reserve()) > 0:
            time.sleep(seconds)

    def pause(self, seconds: float) -> bool:
        """Hold back every request for so long; tell whether that is news."""
        with self._lock:
            until = time.monotonic() + seconds
            news = time.monotonic() >= self._paused_until
            self._paused_until = max(self._paused_until, until)
            return news

    def _reserve(self) -> float:
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            for count, seconds in self._limits:
                if len(self._sent) >= count and (free := self._sent[-count] + seconds) > now:
                    return free - now
            self._sent.append(now)
            return 0.0


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
        self._lock = threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self._tenant.client_secret, self._settings.st_app_key, self._token

    def signature(self) -> Signature:
        """Return what signs a request, with a token that is good for a while.

        Raises:
            CredentialsError: The credentials were refused.
            TransientError: The token endpoint is out of order.
        """
        with self._lock:
            if time.monotonic() >= self._expires:
                self._renew()
            return Signature(self._token, self._settings.st_app_key)

    def forget(self, signature: Signature) -> None:
        """Take a token for expired, unless another thread has renewed it meanwhile."""
        with self._lock:
            if signature.token == self._token:
                self._expires = 0.0

    def _renew(self) -> None:
        started = time.monotonic()
        response = self._send(
            "POST",
            self._settings.auth_url,
            data={
                "grant_type": "client_credentials",
                "client_id": self._tenant.client_id,
                "client_secret": self._tenant.client_secret,
            },
        )
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"the token endpoint answered {status}"
            raise TransientError(msg, response)
        if status != HTTPStatus.OK:  # 400 is what a wrong client id or secret gets
            msg = f"The token endpoint refused the credentials ({status})."
            raise CredentialsError(msg, remedy="Check client_id and client_secret of this tenant, and environment.")
        try:
            answer = msgspec.json.decode(response.content, type=_TokenAnswer, strict=False)
        except msgspec.DecodeError:
            msg = "the token endpoint answered 200 without a token"
            raise TransientError(msg, response) from None
        self._token = answer.access_token
        margin = min(60.0, answer.expires_in / 10)
        self._expires = started + answer.expires_in - margin


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: float = TOKEN_LIFETIME


class _Problem(msgspec.Struct):
    """The part of ServiceTitan's RFC 7807 error body that helps: never its details, which may quote records."""

    title: str = ""
    traceId: str = ""  # noqa: N815 -- as on the wire


class Client:
    """Asks the API for one tenant; what can heal is tried again, what cannot is an :class:`APIError`."""

    def __init__(
        self,
        tenant: Tenant,
        settings: Settings,
        in_flight: threading.Semaphore,
        *,
        patience: float = 1.0,
    ) -> None:
        """Make the client of one tenant.

        Args:
            tenant: Whose data.
            settings: Hosts, limits, app key.
            in_flight: Bounds the requests under way, over all tenants.
            patience: Factor on the waits between tries, in seconds.
        """
        self.tenant = tenant
        self._settings = settings
        self._in_flight = in_flight
        self._patience = patience
        self._budget = RateBudget(settings.requests_per_second)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = settings.user_agent
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=settings.concurrency))
        self._credentials = ClientCredentials(tenant, settings, self._send)

    def ask(
        self,
        path: str,
        params: Mapping[str, str],
        decode: Callable[[bytes], T],
        *,
        body: Mapping[str, Any] | None = None,
        observe: Callable[[requests.Response], None] = lambda _: None,
    ) -> T:
        """Ask for a page and decode it, as often as it takes within bounds.

        Args:
            path: Below the API root.
            params: Query parameters.
            decode: Reads the body; a body that it refuses is asked for again, since pages arrive cut or as HTML.
            body: Sent as JSON, by POST; None for GET.
            observe: Told of every answer, good or bad.

        Raises:
            CredentialsError: 401 twice in a row, or a refusal by the token endpoint.
            MissingScopeError: 403.
            NotFoundError: 404 or 409.
            RefusedRequestError: 400.
            APIError: Any other answer that is final, or tries used up.
        """
        request: dict[str, Any] = {"method": "GET"} if body is None else {"method": "POST", "json": body}
        request |= {"url": self._settings.api_url + path, "params": params}
        attempt = backoff.on_exception(
            backoff.expo,
            TransientError,
            max_tries=MAX_TRIES,
            factor=self._patience,
            on_backoff=self._log_retry,
            logger=None,
        )(self._attempt)
        try:
            return attempt(request, decode, observe)
        except TransientError as error:
            msg = f"Gave up after {MAX_TRIES} tries: {error}."
            raise APIError(msg, remedy="Run again later: the sync resumes where it stopped.") from None

    def _attempt(
        self,
        request: Mapping[str, Any],
        decode: Callable[[bytes], T],
        observe: Callable[[requests.Response], None],
    ) -> T:
        token_renewed = False
        waited = 0.0
        while True:
            signature = self._credentials.signature()
            self._budget.wait()
            response = self._send(**request, auth=signature)
            observe(response)
            status = response.status_code
            if status == HTTPStatus.OK:
                return self._decoded(response, decode)
            if status == HTTPStatus.UNAUTHORIZED and not token_renewed:
                token_renewed = True
                self._credentials.forget(signature)
            elif status == HTTPStatus.TOO_MANY_REQUESTS and waited < MAX_RATE_LIMIT_WAIT:
                seconds = max(_retry_after(response), 0.05)
                waited += seconds
                if self._budget.pause(seconds):
                    _log.warning("Tenant %s: rate limit reached, waiting %.3gs.", self.tenant.tenant_id, seconds)
            else:
                raise self._error(response)

    def _send(self, method: str, url: str, **request: Any) -> requests.Response:
        """Send a request without following redirects: credentials stay with the host they are meant for."""
        timeout = self._settings.request_timeout
        try:
            with self._in_flight:
                return self._session.request(
                    method,
                    url,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    **request,
                )
        except _NETWORK_ERRORS as error:
            # The exception's own text holds URL and parameters; its kind and host are what helps.
            msg = f"{_words(error)} ({urlsplit(url).hostname})"
            raise TransientError(msg) from error

    def _decoded(self, response: requests.Response, decode: Callable[[bytes], T]) -> T:
        try:
            return decode(response.content)
        except msgspec.ValidationError as error:
            msg = f"the answer has another shape than documented ({error})"
            raise TransientError(msg, response) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            kind = response.headers.get("Content-Type", "no content type")
            msg = f"the answer is not JSON ({len(response.content)} bytes, {self._redacted(kind)})"
            raise TransientError(msg, response) from None

    def _error(self, response: requests.Response) -> APIError | TransientError:
        status = response.status_code
        text = f"The API answered {status}{self._detail(response)}."
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return TransientError(text[0].lower() + text[1:-1], response)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            text = f"The API answered {status}, a redirect, which is not followed so that no other host sees the token."
            return APIError(text, remedy="Check api_url.")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            text = f"{text} Waited {MAX_RATE_LIMIT_WAIT:.0f}s for the rate limit."
            return APIError(text, remedy="Lower requests_per_second, or run when the app's other users are quiet.")
        return _FINAL.get(status, APIError)(text)

    def _detail(self, response: requests.Response) -> str:
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        title = f": {self._redacted(problem.title)[:200].rstrip('.')}" if problem.title else ""
        trace = f" (trace id {self._redacted(problem.traceId)[:100]})" if problem.traceId else ""
        return title + trace

    def _redacted(self, text: str) -> str:
        for secret in filter(None, self._credentials.secrets):
            text = text.replace(secret, "***")
        return " ".join(text.split())

    def _log_retry(self, details: Details) -> None:
        _log.warning(
            "Tenant %s, %s: %s; try %d of %d in %.1fs.",
            self.tenant.tenant_id,
            urlsplit(details["args"][0]["url"]).path,
            details.get("exception"),
            details["tries"] + 1,
            MAX_TRIES,
            details.get("wait", 0.0),
        )


def _retry_after(response: requests.Response) -> float:
    """Seconds to wait after a 429.

    The header may be a float or a date and is not always there; the body's title tells seconds too
    ("Try again in 50 seconds."). Both as reported by users of live tenants; the longer one counts.
    """
    seconds = []
    header = response.headers.get("Retry-After", "")
    try:
        seconds.append(float(header))
    except ValueError:
        if date := email.utils.parsedate_tz(header):
            seconds.append(email.utils.mktime_tz(date) - time.time())
    if match := re.search(rb"in (\d+(?:\.\d+)?) seconds?", response.content):
        seconds.append(float(match[1]))
    return min(max((told for told in seconds if told >= 0), default=DEFAULT_RATE_LIMIT_WAIT), MAX_RATE_LIMIT_WAIT)


def _words(error: requests.exceptions.RequestException) -> str:
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

"""One tenant's way to the API: session, OAuth token, rate budget, retries, error messages.

Nothing here knows of Singer, and everything may be called from several threads at once.
"""

from __future__ import annotations

import codecs
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, quote_plus, urlsplit

import backoff
import msgspec
import requests
import urllib3.exceptions

from tap_servicetitan.auth import ClientCredentials
from tap_servicetitan.connections import Session, within
from tap_servicetitan.errors import (
    APIError,
    AppKeyError,
    ForbiddenError,
    MissingScopeError,
    NotFoundError,
    RateLimitError,
    RefusedRequestError,
    TransientError,
    UnreachableError,
)
from tap_servicetitan.ratelimit import RateBudget, reason_to_wait, retry_after

if TYPE_CHECKING:
    import threading

    from backoff.types import Details

    from tap_servicetitan.settings import Settings, Tenant

T = TypeVar("T")

MAX_TRIES = 7
"""Tries of one request. The waits between them double from about 1 second to about 32, give or take a quarter: an
outage of half a minute heals."""

CONNECT_TIMEOUT = 20.0
"""Seconds to wait for a connection, if ``request_timeout`` is not shorter."""

WHOLE_ANSWER = 3
"""The answer as a whole may take so many times the ``request_timeout``, which is for each of its parts."""

KEY_REFUSALS = 3
"""After so many 401s for a token that was just granted, and not one answer, the app key counts as wrong for all."""

_FINAL: dict[int, type[APIError]] = {
    HTTPStatus.BAD_REQUEST: RefusedRequestError,
    HTTPStatus.UNAUTHORIZED: AppKeyError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: NotFoundError,
}

_log = logging.getLogger("tap-servicetitan.http")


class Observer:
    """Told of what happens to a request, from whichever thread sends it; this one does nothing with it."""

    def answered(self, response: requests.Response) -> None:
        """Take note of an answer, good or bad."""

    def retrying(self) -> None:
        """Take note that a request is tried again."""

    def waiting(self) -> AbstractContextManager[None]:
        """Return what a wait for the rate limit happens in."""
        return nullcontext()


class _Problem(msgspec.Struct):
    """The part of ServiceTitan's RFC 7807 error body that helps: never its details, which may quote records."""

    title: str = ""
    traceId: str = ""  # noqa: N815 -- as on the wire
    errors: Any = None
    """What is wrong, by the name of the parameter; the names alone are shown."""


@dataclass
class _Request(Generic[T]):
    """A request, over all its tries."""

    sent: Mapping[str, Any]
    """Method, URL, parameters, body."""

    decode: Callable[[bytes], T]
    budget: RateBudget | None
    """A smaller one than the tenant's, if there is."""

    observer: Observer
    waited: float = 0.0
    """Seconds, because the API asked for them."""


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
        self._budget = RateBudget.per_second(settings.requests_per_second)
        self._session = Session(settings.concurrency)
        self._session.headers["User-Agent"] = settings.user_agent
        self._credentials = ClientCredentials(tenant, settings, self._send)
        self._answered = False
        self._unreachable = False
        self._key_refusals = 0

    def ask(  # noqa: PLR0913 -- a request's parts, and who pays for it
        self,
        path: str,
        params: Mapping[str, str],
        decode: Callable[[bytes], T],
        *,
        body: Mapping[str, Any] | None = None,
        budget: RateBudget | None = None,
        observer: Observer | None = None,
    ) -> T:
        """Ask for a page and decode it, as often as it takes within bounds.

        Args:
            path: Below the API root.
            params: Query parameters.
            decode: Reads the body; a body that it refuses is asked for again, since pages arrive cut or as HTML.
            body: Sent as JSON, by POST; None for GET.
            budget: A smaller budget than the tenant's, which the request keeps to besides. Where the API asks for a
                pause, it is this one that pauses.
            observer: Told of answers, retries and waits.

        Raises:
            CredentialsError: The token endpoint refused the credentials; an AppKeyError after 401 twice in a row.
            ForbiddenError: 403; a MissingScopeError where the API says so.
            NotFoundError: 404 or 409.
            RefusedRequestError: 400.
            APIError: Any other answer that is final, or tries used up. Once they are because nobody is there, each
                further request has one try until somebody answers.
        """
        if self._key_refusals >= KEY_REFUSALS and not self._answered:
            msg = "The API answered 401 to every request so far."
            raise AppKeyError(msg)
        sent: dict[str, Any] = {"method": "GET"} if body is None else {"method": "POST", "json": body}
        sent |= {"url": self._settings.api_url + path, "params": params}
        attempt = backoff.on_exception(
            backoff.expo,
            TransientError,
            max_tries=MAX_TRIES,
            giveup=lambda error: self._unreachable and isinstance(error, UnreachableError),
            jitter=_jitter,
            factor=self._patience,
            on_backoff=self._retrying,
            logger=None,
        )(self._attempt)
        try:
            return attempt(_Request(sent, decode, budget, observer or Observer()))
        except TransientError as error:
            unreachable = isinstance(error, UnreachableError)
            told_before, self._unreachable = self._unreachable and unreachable, unreachable
            msg = f"Still out of reach: {error}." if told_before else f"Gave up after {MAX_TRIES} tries: {error}."
            raise APIError(msg, remedy=error.remedy) from None
        except AppKeyError:
            self._key_refusals += 1
            raise

    def _attempt(self, request: _Request[T]) -> T:
        token_renewed = reserved = False
        while True:
            try:
                self._credentials.signature()  # before a report's run is spent while no token is to be had
                with request.observer.waiting():
                    if request.budget and not reserved:
                        request.budget.wait()
                        reserved = True
                    self._budget.wait()
                signature = self._credentials.signature()  # the waits may have taken minutes
            except RateLimitError as limit:
                self._pause(request, limit.response, self._budget)
                continue
            response = self._send(**request.sent, auth=signature)
            request.observer.answered(response)
            self._unreachable = False
            status = response.status_code
            if status == HTTPStatus.OK:
                self._answered = True
                return self._decoded(response, request.decode)
            if status == HTTPStatus.UNAUTHORIZED and not token_renewed:
                token_renewed = True
                self._credentials.forget(signature)
            elif reason_to_wait(response):
                self._pause(request, response, request.budget or self._budget)
                reserved = False
            else:
                raise self._error(response)

    def _pause(self, request: _Request[T], response: requests.Response, budget: RateBudget) -> None:
        """Hold back a budget's requests for as long as an answer says; fail if the request has waited long enough.

        Never less than a tenth of what the request has waited so far: a 429 that always says "now" would be thousands
        of tries else.
        """
        asked = retry_after(response)
        seconds = max(asked, 0.05, request.waited / 10)
        if request.waited + seconds > (request.budget or self._budget).max_wait:
            raise self._refusal_to_serve(response, request.waited, asked, budget)
        request.waited += seconds
        if budget.pause(seconds):
            what = "" if budget is self._budget else f", {urlsplit(request.sent['url']).path}"
            reason = reason_to_wait(response)
            _log.warning("Tenant %s%s: %s, waiting %.3gs.", self.tenant.tenant_id, what, reason, seconds)

    def _send(self, method: str, url: str, **request: Any) -> requests.Response:
        """Send a request.

        Plain http is for this machine only, so it takes no proxy, whatever the environment says.
        """
        timeout = self._settings.request_timeout
        try:
            with self._in_flight, within(WHOLE_ANSWER * timeout):
                return self._session.request(
                    method,
                    url,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    proxies={"http": ""},
                    **request,
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The exception's own text holds URL and parameters; its kind and host are what helps.
            msg = f"{_words(error)} ({urlsplit(url).hostname})"
            if remedy := _way_is_closed(error):
                raise UnreachableError(msg, remedy=remedy) from error
            raise TransientError(msg) from error

    def _decoded(self, response: requests.Response, decode: Callable[[bytes], T]) -> T:
        try:
            return decode(response.content.removeprefix(codecs.BOM_UTF8))
        except (msgspec.ValidationError, RecursionError) as error:
            msg = f"the answer has another shape than documented ({error})"
            raise TransientError(msg, response) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            kind = response.headers.get("Content-Type", "no content type")
            msg = f"the answer is not JSON ({len(response.content)} bytes, {self._redacted(kind, response)[:100]})"
            raise TransientError(msg, response) from None

    def _refusal_to_serve(
        self, response: requests.Response, waited: float, asked: float, budget: RateBudget
    ) -> APIError:
        """Return what to tell of an answer that asks for a pause, after so many seconds of them."""
        remedies = {
            HTTPStatus.TOO_MANY_REQUESTS: f"Lower {budget.setting}, or run when the app's other users are quiet.",
            HTTPStatus.CONFLICT: "Run again when the maintenance is over: the sync resumes where it stopped.",
            HTTPStatus.SERVICE_UNAVAILABLE: "Run again later: the sync resumes where it stopped.",
        }
        waits = f"Waited {waited:.0f}s for it" if waited else f"It asks for a pause of {asked:.0f}s, which is too long"
        text = f"The API answered {response.status_code}{self._detail(response)}. {waits}."
        return APIError(text, remedy=remedies[HTTPStatus(response.status_code)])

    def _error(self, response: requests.Response) -> APIError | TransientError:
        status = response.status_code
        text = f"The API answered {status}{self._detail(response)}."
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return TransientError(text[0].lower() + text[1:-1], response)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            text = f"The API answered {status}, a redirect, which is not followed so that no other host sees the token."
            return APIError(text, remedy="Check api_url.")
        if status == HTTPStatus.FORBIDDEN and "scope" in text.lower():  # "Scope validation failed", from live tenants
            return MissingScopeError(text)
        return _FINAL.get(status, APIError)(text)

    def _detail(self, response: requests.Response) -> str:
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        title = f": {self._redacted(problem.title, response)[:200].rstrip('.')}" if problem.title else ""
        fields = ", ".join(problem.errors) if isinstance(problem.errors, dict) else ""
        named = f" [{self._redacted(fields, response)[:200]}]" if fields else ""
        trace = f" (trace id {self._redacted(problem.traceId, response)[:100]})" if problem.traceId else ""
        return title + named + trace

    def _redacted(self, text: str, response: requests.Response) -> str:
        """Return a text of an answer as one line, without secrets, those of its own request among them."""
        _, _, token = (response.request.headers.get("Authorization") or "").partition(" ")
        for secret in filter(None, (*self._credentials.secrets, token)):
            for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, "***")
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

    def _retrying(self, details: Details) -> None:
        (request,) = details["args"]
        request.observer.retrying()
        _log.warning(
            "Tenant %s, %s: %s; try %d of %d in %.1fs.",
            self.tenant.tenant_id,
            urlsplit(request.sent["url"]).path,
            details.get("exception"),
            details["tries"] + 1,
            MAX_TRIES,
            details.get("wait", 0.0),
        )


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


_NETWORK = "Check the network, and HTTPS_PROXY if it needs a proxy; then run again: the sync resumes where it stopped."
_HOST = "Check api_url and auth_url if they are set, and HTTPS_PROXY if the network needs a proxy."
_CERTIFICATE = "Check api_url and auth_url; behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to its certificate."


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


def _jitter(seconds: float) -> float:
    """Vary a wait by a quarter, so that those who failed together do not come back together."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret

"""One tenant's requests to the API: signed, limited in rate, sent, retried, decoded.

Several threads may use a client at once.
"""

from __future__ import annotations

import codecs
import logging
import math
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import backoff
import msgspec
import urllib3.exceptions

from tap_servicetitan.client import responses
from tap_servicetitan.client.auth import BearerAuth, ClientCredentials
from tap_servicetitan.client.circuit_breaker import CircuitBreaker
from tap_servicetitan.client.hooks import RequestHooks
from tap_servicetitan.client.network_errors import network_error
from tap_servicetitan.client.rate_limit import LogThrottle, RateLimiter, retry_after, throttle_reason
from tap_servicetitan.client.request import Request, check_path
from tap_servicetitan.client.session import ConnectionPool, Session
from tap_servicetitan.client.tries import jitter, max_tries
from tap_servicetitan.errors import (
    APIError,
    AppKeyError,
    MalformedAnswerError,
    RateLimitError,
    TransientError,
)

if TYPE_CHECKING:
    from datetime import datetime

    import requests
    from backoff.types import Details

    from tap_servicetitan.settings import Settings, Tenant

T = TypeVar("T")

CONNECT_TIMEOUT = 20.0
"""Seconds to wait for a connection, if ``request_timeout`` is not shorter."""

MIN_PAUSE = 0.05
"""Seconds that a pause takes at least, also where the API says "0"."""

SHORT_PAUSE = 5.0
"""Seconds; shorter pauses are logged once in ``log_interval``."""

_log = logging.getLogger("tap-servicetitan.http")


class Client:
    """Sends one tenant's requests; retries what may succeed later, and raises an :class:`APIError` for the rest."""

    def __init__(
        self,
        tenant: Tenant,
        settings: Settings,
        pool: ConnectionPool,
        *,
        wait_factor: float = 1.0,
    ) -> None:
        """Make the client of one tenant.

        Args:
            tenant: Whose data.
            settings: Hosts, limits, app key.
            pool: Connections, which all tenants share.
            wait_factor: Factor on the seconds between tries and on the length of an outage.
        """
        self.tenant = tenant
        self._settings = settings
        self._wait_factor = wait_factor
        self._rate_limiter = RateLimiter.per_second(settings.requests_per_second)
        self._clock = pool.clock
        self._slots = pool.slots
        self._session = Session(pool, settings.user_agent)
        self._credentials = ClientCredentials(tenant, settings, self._send, self._slots)
        self._breaker = CircuitBreaker(pool.host, wait_factor)
        self._pause_log = LogThrottle(settings.log_interval)

    def now(self) -> datetime:
        """Return the API's time in UTC, at most what its clock says; this machine's before the first answer."""
        return self._clock.now()

    def request(  # noqa: PLR0913 -- a request's parts, and what limits and observes it
        self,
        path: str,
        params: Mapping[str, str],
        decode: Callable[[bytes], T],
        *,
        body: Mapping[str, Any] | None = None,
        rate_limiter: RateLimiter | None = None,
        hooks: RequestHooks | None = None,
        decode_pending: Callable[[bytes], T] | None = None,
        retry_conflict: bool = False,
    ) -> T:
        """Request a page and decode it.

        Args:
            path: Below the API root.
            params: Query parameters.
            decode: Decodes the body. A body that it refuses is requested again, since pages arrive cut or as HTML.
            body: Sent as JSON, by POST; None for GET.
            rate_limiter: A second one, smaller than the tenant's. Where the API asks for a pause, this one pauses.
            hooks: Called for answers, retries and waits.
            decode_pending: Decodes the body of a 202, whose result comes later; without it, a 202 is an error.
            retry_conflict: Whether a 409 means that the API is busy; the request is then sent again after a pause.

        Raises:
            CredentialsError: The token endpoint refused the credentials; an AppKeyError after 401 twice in a row.
            ForbiddenError: 403; a MissingScopeError or UnlicensedError where the API says so.
            NotFoundError: 404 or 409.
            RefusedRequestError: 400.
            APIError: Any other final answer, or no success in all tries. If the API or the token endpoint cannot be
                reached, or if two requests in a row get no answer, later requests fail at once for a minute.
        """
        self._breaker.check()
        check_path(path)
        sent: dict[str, Any] = {"method": "GET"} if body is None else {"method": "POST", "json": body}
        sent |= {"url": self._settings.api_url + path, "params": params}
        request = Request(sent, decode, rate_limiter, hooks or RequestHooks(), decode_pending, retry_conflict)
        try:
            with self._slots.held(self.tenant.tenant_id):
                return self._with_retries(request)
        except AppKeyError:
            self._breaker.key_refused(request.url)
            raise
        except TransientError as error:
            self._breaker.gave_up(request.url, request.started, error)
            if isinstance(error, MalformedAnswerError):
                self._breaker.gave_up_decoding(request.url, request.hooks.stream)
            cause = f"Gave up after {request.tries} tries: {error}." if request.tries > 1 else f"Gave up: {error}."
            raise APIError(cause, remedy=error.remedy) from None

    def delete(self, path: str, hooks: RequestHooks | None = None) -> int:
        """Send a DELETE once, and return the status of the answer.

        Args:
            path: Below the API root.
            hooks: Called for answers and waits.

        Raises:
            StreamError: There was no answer.
        """
        check_path(path)
        sent = {"method": "DELETE", "url": self._settings.api_url + path}
        try:
            with self._slots.held(self.tenant.tenant_id):
                return self._answer(Request(sent, bytes, None, hooks or RequestHooks())).status_code
        except TransientError as error:
            msg = f"Gave up: {error}."
            raise APIError(msg, remedy=error.remedy) from None

    def wait(self, seconds: float, hooks: RequestHooks) -> None:
        """Wait before the next request; meanwhile other threads have the caller's slot."""
        with self._slots.released(), hooks.waiting():
            time.sleep(seconds)

    def _with_retries(self, request: Request[T]) -> T:
        """Try a request until it succeeds or fails for good. This is the only place that retries."""

        def give_up(error: Exception) -> bool:
            return request.tries >= max_tries(request, error, self._breaker)

        def on_backoff(details: Details) -> None:
            self._slots.give_back()  # until the next try
            request.hooks.retrying()
            error = details.get("exception")
            _log.warning(
                "Tenant %s, %s: %s; try %d of %d in %.1fs.",
                self.tenant.tenant_id,
                request.name,
                error,
                request.tries + 1,
                max_tries(request, error, self._breaker),
                details.get("wait", 0.0),
            )

        @backoff.on_exception(
            backoff.expo,
            TransientError,
            giveup=give_up,
            on_backoff=on_backoff,
            jitter=jitter,
            factor=self._wait_factor,
            logger=None,
        )
        def attempt() -> T:
            self._slots.take(self.tenant.tenant_id)
            return self._attempt(request)

        return attempt()

    def _attempt(self, request: Request[T]) -> T:
        """Send a request once, again after each pause that the API asks for, and decode the answer."""
        request.tries += 1
        while True:
            response = self._answer(request)
            if not throttle_reason(response, retry_conflict=request.retry_conflict):
                break
            self._pause(request, response, request.rate_limiter or self._rate_limiter)
        decode = request.decode
        if response.status_code == HTTPStatus.ACCEPTED and request.decode_pending:
            decode = request.decode_pending
        elif response.status_code != HTTPStatus.OK:
            raise responses.error(response, self._credentials.secrets)
        try:
            answer = decode(response.content.removeprefix(codecs.BOM_UTF8))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = responses.unreadable(response, error)
            if isinstance(problem, MalformedAnswerError):
                request.count_malformed(problem)
            raise problem from None
        self._breaker.decoded(request.url, request.hooks.stream)
        return answer

    def _answer(self, request: Request[T]) -> requests.Response:
        """Return the answer to a request; a token that is refused is renewed once."""
        auth = self._auth(request, request.rate_limiter)
        response = self._send_signed(request, auth)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            self._credentials.invalidate(auth)
            response = self._send_signed(request, self._auth(request, None))
        return response

    def _auth(self, request: Request[T], rate_limiter: RateLimiter | None) -> BearerAuth:
        """Wait until a request may be sent, and return what signs it."""
        while True:
            try:
                self._credentials.auth()  # first, so that no run of a report is spent while there is no token
                with request.hooks.waiting():
                    if rate_limiter:
                        rate_limiter.wait(self._slots.released)
                        rate_limiter = None
                    self._rate_limiter.wait(self._slots.released)
                return self._credentials.auth()  # again, since the waits may have taken minutes
            except RateLimitError as limit:
                self._pause(request, limit.response, self._rate_limiter)

    def _send_signed(self, request: Request[T], auth: BearerAuth) -> requests.Response:
        started = time.monotonic()
        response = self._send(**request.sent, auth=auth)
        self._clock.answered(response.headers.get("Date", ""), time.monotonic() - started)
        request.hooks.answered(response)
        self._breaker.answered(response.status_code)
        return response

    def _send(self, method: str, url: str, *, timeout: float = math.inf, **request: Any) -> requests.Response:
        timeout = min(timeout, self._settings.request_timeout)
        timeouts = (min(CONNECT_TIMEOUT, timeout), timeout)
        served = False
        self._slots.request_started(self.tenant.tenant_id)
        try:
            response = self._session.send_bounded(method, url, timeout=timeouts, **request)
            served = response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and not throttle_reason(response)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise network_error(error, url) from error
        finally:
            self._slots.request_ended(self.tenant.tenant_id, served=served)
        return response

    def _pause(self, request: Request[T], response: requests.Response, rate_limiter: RateLimiter) -> None:
        """Pause a rate limiter for as long as an answer says; fail if the request has waited long enough.

        A pause is at least a tenth of what the request has waited so far: an API that answers 429 and always says "now"
        would get thousands of requests otherwise.
        """
        requested = retry_after(response)
        seconds = max(requested, MIN_PAUSE, request.waited / 10)
        if request.waited + seconds > (request.rate_limiter or self._rate_limiter).max_wait:
            refusal = responses.refusal_to_serve(
                response, self._credentials.secrets, request.waited, requested, rate_limiter.setting
            )
            if rate_limiter is self._rate_limiter:
                self._breaker.throttled(request.url, request.started, refusal)
            raise refusal
        request.waited += seconds
        if not rate_limiter.pause(seconds):
            return
        what = "" if rate_limiter is self._rate_limiter else f", {request.name}"
        text = f"{what}: {throttle_reason(response, retry_conflict=request.retry_conflict)}"
        if self._pause_log.is_due(text) or seconds >= SHORT_PAUSE:
            _log.warning("Tenant %s%s, waiting %.3gs.", self.tenant.tenant_id, text, seconds)

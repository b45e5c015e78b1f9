"""One tenant's way to the API: session, OAuth token, rate budget, retries.

Nothing here knows of Singer, and everything may be called from several threads at once.
"""

from __future__ import annotations

import codecs
import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import backoff
import msgspec
import requests
import urllib3.exceptions

from tap_servicetitan.client import responses
from tap_servicetitan.client.auth import ClientCredentials
from tap_servicetitan.client.rate_limit import RateLimiter, retry_after, throttle_reason
from tap_servicetitan.client.session import Session, within
from tap_servicetitan.errors import APIError, AppKeyError, RateLimitError, TransientError, UnreachableError

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

TOTAL_TIMEOUT_FACTOR = 3
"""The answer as a whole may take so many times the ``request_timeout``, which is for each of its parts."""

KEY_REFUSALS = 3
"""After 401 for a token that was just granted from so many APIs, and no other answer, the app key counts as wrong."""

OUTAGE = 60.0
"""Seconds for which requests fail unasked, once it is plain that the API serves nobody."""

SHORT_PAUSE = 5.0
"""Seconds; pauses of less are told now and then only."""

_log = logging.getLogger("tap-servicetitan.http")


class RequestHooks:
    """Told of what happens to a request, from whichever thread sends it; this one does nothing with it."""

    stream: str = ""
    """What the request is for; its URL may hold ids of records, which no log shows."""

    def answered(self, response: requests.Response) -> None:
        """Take note of an answer, good or bad."""

    def retrying(self) -> None:
        """Take note that a request is tried again."""

    def waiting(self) -> AbstractContextManager[None]:
        """Return what a wait for the rate limit happens in."""
        return nullcontext()


@dataclass
class _Request(Generic[T]):
    """A request, over all its tries."""

    sent: Mapping[str, Any]
    """Method, URL, parameters, body."""

    decode: Callable[[bytes], T]
    budget: RateLimiter | None
    """A smaller one than the tenant's, if there is."""

    hooks: RequestHooks
    started: float = field(default_factory=time.monotonic)
    tries: int = 0
    waited: float = 0.0
    """Seconds, because the API asked for them."""

    @property
    def what(self) -> str:
        """What it is for."""
        return f"stream {self.hooks.stream}" if self.hooks.stream else str(urlsplit(self.sent["url"]).path)


class Client:
    """Asks the API for one tenant; what can heal is tried again, what cannot is an :class:`APIError`."""

    def __init__(
        self,
        tenant: Tenant,
        settings: Settings,
        in_flight: threading.Semaphore,
        *,
        wait_factor: float = 1.0,
    ) -> None:
        """Make the client of one tenant.

        Args:
            tenant: Whose data.
            settings: Hosts, limits, app key.
            in_flight: Bounds the requests under way, over all tenants.
            wait_factor: Factor on the waits between tries, in seconds.
        """
        self.tenant = tenant
        self._settings = settings
        self._in_flight = in_flight
        self._wait_factor = wait_factor
        self._budget = RateLimiter.per_second(settings.requests_per_second)
        self._session = Session(settings.concurrency)
        self._session.headers["User-Agent"] = settings.user_agent
        self._credentials = ClientCredentials(tenant, settings, self._send)
        self._accepted = False
        """Whether the API has taken token and app key for good at least once."""
        self._refused_by: set[str] = set()
        self._last_answer = self._last_success = 0.0
        self._outage: tuple[float, str, str] | None = None
        """Until when requests fail unasked, why, and what to do."""
        self._suspects: set[str] = set()
        """What the API has not served for long, while it served nothing else."""
        self._pauses_told: dict[str, float] = {}

    def ask(  # noqa: PLR0913 -- a request's parts, and who pays for it
        self,
        path: str,
        params: Mapping[str, str],
        decode: Callable[[bytes], T],
        *,
        body: Mapping[str, Any] | None = None,
        budget: RateLimiter | None = None,
        hooks: RequestHooks | None = None,
    ) -> T:
        """Ask for a page and decode it, as often as it takes within bounds.

        Args:
            path: Below the API root.
            params: Query parameters.
            decode: Reads the body; a body that it refuses is asked for again, since pages arrive cut or as HTML.
            body: Sent as JSON, by POST; None for GET.
            budget: A smaller budget than the tenant's, which the request keeps to besides. Where the API asks for a
                pause, it is this one that pauses.
            hooks: Told of answers, retries and waits.

        Raises:
            CredentialsError: The token endpoint refused the credentials; an AppKeyError after 401 twice in a row.
            ForbiddenError: 403; a MissingScopeError where the API says so.
            NotFoundError: 404 or 409.
            RefusedRequestError: 400.
            APIError: Any other answer that is final, or tries used up. Once that is so for want of a way to the API or
                of a token, or for two things while nothing else was served, further requests fail unasked for a minute.
        """
        api = path.split("/")[1]
        if not self._accepted and len(self._refused_by) >= KEY_REFUSALS:
            msg = "The API answered 401 to every request so far."
            raise AppKeyError(msg)
        if (outage := self._outage) and time.monotonic() < outage[0]:
            _, cause, remedy = outage
            msg = f"Not asked, since the API serves nobody: {cause}"
            raise APIError(msg, remedy=remedy)
        sent: dict[str, Any] = {"method": "GET"} if body is None else {"method": "POST", "json": body}
        sent |= {"url": self._settings.api_url + path, "params": params}
        request = _Request(sent, decode, budget, hooks or RequestHooks())
        attempt = backoff.on_exception(
            backoff.expo,
            TransientError,
            max_tries=MAX_TRIES,
            giveup=lambda _: self._outage is not None,
            jitter=_jitter,
            factor=self._wait_factor,
            on_backoff=self._retrying,
            logger=None,
        )(self._attempt)
        try:
            return attempt(request)
        except TransientError as error:
            cause = f"Gave up after {request.tries} tries: {error}." if request.tries > 1 else f"Gave up: {error}."
            if isinstance(error, UnreachableError):
                self._declare_outage(f"{error}.", error.remedy)
            elif self._last_answer < request.started:
                self._suspect(sent["url"], f"{error}.", error.remedy)
            raise APIError(cause, remedy=error.remedy) from None
        except AppKeyError:
            self._refused_by.add(api)
            raise

    def _attempt(self, request: _Request[T]) -> T:
        request.tries += 1
        token_renewed = reserved = False
        while True:
            try:
                self._credentials.signature()  # before a report's run is spent while no token is to be had
                with request.hooks.waiting():
                    if request.budget and not reserved:
                        request.budget.wait()
                        reserved = True
                    self._budget.wait()
                signature = self._credentials.signature()  # the waits may have taken minutes
            except RateLimitError as limit:
                self._pause(request, limit.response, self._budget)
                continue
            response = self._send(**request.sent, auth=signature)
            request.hooks.answered(response)
            status = response.status_code
            self._served(status)
            if status == HTTPStatus.OK:
                return self._decoded(response, request.decode)
            if status == HTTPStatus.UNAUTHORIZED and not token_renewed:
                token_renewed = True
                self._credentials.forget(signature)
            elif throttle_reason(response):
                self._pause(request, response, request.budget or self._budget)
                token_renewed = reserved = False
            else:
                raise responses.error(response, self._credentials.secrets)

    def _served(self, status: int) -> None:
        """Take note that the API answers; unless it is a 401 or an error of its own, it takes token and app key."""
        self._last_answer = time.monotonic()
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.UNAUTHORIZED:
            self._accepted = True
        if status == HTTPStatus.OK:
            self._last_success = self._last_answer
            self._outage = None
            self._suspects = set()

    def _suspect(self, what: str, cause: str, remedy: str) -> None:
        """Take note of something that the API has not served for long: one may be a matter of its own, two are not."""
        self._suspects.add(what)
        if len(self._suspects) > 1:
            self._declare_outage(cause, remedy)

    def _declare_outage(self, cause: str, remedy: str) -> None:
        self._outage = (time.monotonic() + OUTAGE * self._wait_factor, cause, remedy)

    def _pause(self, request: _Request[T], response: requests.Response, budget: RateLimiter) -> None:
        """Hold back a budget's requests for as long as an answer says; fail if the request has waited long enough.

        Never less than a tenth of what the request has waited so far: a 429 that always says "now" would be thousands
        of tries else.
        """
        asked = retry_after(response)
        seconds = max(asked, 0.05, request.waited / 10)
        if request.waited + seconds > (request.budget or self._budget).max_wait:
            refusal = responses.refusal_to_serve(
                response, self._credentials.secrets, request.waited, asked, budget.setting
            )
            if budget is self._budget and self._last_success < request.started:
                self._suspect(request.sent["url"], str(refusal), refusal.remedy)
            raise refusal
        request.waited += seconds
        if not budget.pause(seconds):
            return
        what = f"{'' if budget is self._budget else f', {request.what}'}: {throttle_reason(response)}"
        now = time.monotonic()
        if seconds >= SHORT_PAUSE or now >= self._pauses_told.get(what, 0.0) + self._settings.log_interval:
            self._pauses_told[what] = now
            _log.warning("Tenant %s%s, waiting %.3gs.", self.tenant.tenant_id, what, seconds)

    def _send(self, method: str, url: str, *, timeout: float = math.inf, **request: Any) -> requests.Response:
        """Send a request.

        Plain http is for this machine only, so it takes no proxy, whatever the environment says.
        """
        timeout = min(timeout, self._settings.request_timeout)
        try:
            with self._in_flight, within(TOTAL_TIMEOUT_FACTOR * timeout):
                return self._session.request(
                    method,
                    url,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    proxies={"http": ""},
                    **request,
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise responses.connection_error(error, urlsplit(url).hostname or "") from error

    def _decoded(self, response: requests.Response, decode: Callable[[bytes], T]) -> T:
        try:
            return decode(response.content.removeprefix(codecs.BOM_UTF8))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise responses.unreadable(response, error) from None

    def _retrying(self, details: Details) -> None:
        (request,) = details["args"]
        request.hooks.retrying()
        _log.warning(
            "Tenant %s, %s: %s; try %d of %d in %.1fs.",
            self.tenant.tenant_id,
            request.what,
            details.get("exception"),
            details["tries"] + 1,
            MAX_TRIES,
            details.get("wait", 0.0),
        )


def _jitter(seconds: float) -> float:
    """Vary a wait by a quarter, so that those who failed together do not come back together."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret

"""Access to the API: tokens, app key, tenants, scopes and rate limits."""

from __future__ import annotations

import math
import secrets
from base64 import urlsafe_b64encode
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import count
from threading import Lock
from time import monotonic, time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import msgspec

from tap_servicetitan.endpoints import table
from tap_servicetitan.simulator.api.derived.derived_endpoints import derived_endpoints
from tap_servicetitan.simulator.api.endpoint_operations import scope
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, problem
from tap_servicetitan.simulator.api.report_operations import REPORT_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

APP_KEY: Final = "ak1.simulator"


def credentials(tenant_id: int) -> dict[str, str]:
    """Return the client id and secret of a tenant: each tenant has its own."""
    return {"client_id": f"cid.{tenant_id}", "client_secret": f"cs2.{tenant_id}"}


@dataclass(frozen=True)
class _Grant:
    tenant_id: int
    expires: float


class Authorizer:
    """Gives access tokens, and refuses the requests that the API would refuse."""

    def __init__(
        self,
        tenants: Collection[int],
        *,
        lifetime: float,
        rate: float,
        report_rate: float,
        denied: Collection[str],
    ) -> None:
        """Give no access yet.

        Args:
            tenants: Ids of the tenants.
            lifetime: Seconds that an access token is valid.
            rate: Requests per second and tenant; 0 for any number.
            report_rate: Runs per minute, tenant and report; 0 for any number.
            denied: OAuth scopes that the app does not have.

        Raises:
            ValueError: There is no such scope.
        """
        scopes = {scope(endpoint) for endpoint in (*table.TABLE, *REPORT_OPERATIONS, *derived_endpoints())}
        if unknown := set(denied) - scopes:
            message = f"No scope {', '.join(sorted(unknown))}: there are {', '.join(sorted(scopes))}."
            raise ValueError(message)
        self._tenants = tenants
        self._lifetime = lifetime
        self._denied = frozenset(denied)
        self._scopes = sorted(scopes - self._denied)
        self._grants: dict[str, _Grant] = {}
        self._limits = {tenant_id: RequestQuota(rate) for tenant_id in tenants}
        self._report_limits: defaultdict[tuple[int, str], RequestQuota] = defaultdict(
            lambda: RequestQuota(report_rate, 60.0)
        )

    def grant(self, request: ApiRequest) -> ApiResponse:
        """Return the response to a request for an access token."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        tenant_id = next((t for t in self._tenants if form.items() >= credentials(t).items()), None)
        if tenant_id is None or form.get("grant_type") != "client_credentials":
            return json_response({"error": "invalid_client"}, 400)
        token = self._new_token(tenant_id, form["client_id"])
        now = monotonic()
        for expired in [known for known, grant in [*self._grants.items()] if grant.expires <= now]:
            self._grants.pop(expired, None)
        self._grants[token] = _Grant(tenant_id, now + self._lifetime)
        seconds = (
            math.floor(self._lifetime) or self._lifetime
        )  # Whole seconds, except the lifetimes of tests below one.
        body = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
        return json_response(body | {"scope": " ".join(self._scopes)})

    def revoke(self, request: ApiRequest) -> None:
        """Make the access token of a request invalid."""
        self._grants.pop(_access_token(request), None)

    def check(self, request: ApiRequest, tenant_id: int, endpoint: Endpoint) -> ApiResponse | None:
        """Return the refusal of a request without valid credentials, above the rate limit or without the scope.

        None if the request is allowed.
        """
        grant = self._grants.get(_access_token(request))
        if request.headers.get("st-app-key") != APP_KEY or grant is None or grant.expires <= monotonic():
            return ApiResponse(401)
        if grant.tenant_id != tenant_id:
            return problem(403, "The access token belongs to another tenant.")
        if refusal := self._limits[tenant_id].check():
            return refusal
        if scope(endpoint) in self._denied:
            return problem(403, "Scope validation failed")
        return None

    def check_report_run(self, tenant_id: int, path: str) -> ApiResponse | None:
        """Return the refusal of a report that ran too often in the last minute; None if it may run."""
        return self._report_limits[tenant_id, path].check()

    def _new_token(self, tenant_id: int, client_id: str) -> str:
        """Make a text that looks like a JSON web token; it is valid because the simulator remembers it."""
        now = int(time())
        claims: Mapping[str, object] = {
            "nbf": now,
            "exp": now + math.ceil(self._lifetime),
            "iss": "https://auth.servicetitan.io",
            "client_id": client_id,
            "tenant": str(tenant_id),
            "jti": secrets.token_hex(16).upper(),
            "iat": now,
            "scope": self._scopes,
        }
        parts = (msgspec.json.encode(part) for part in ({"alg": "RS256", "typ": "at+jwt"}, claims))
        return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, secrets.token_bytes(256)))


def _access_token(request: ApiRequest) -> str:
    """Return the access token of the header, with or without ``Bearer`` before it: the API takes both."""
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


class RequestQuota:
    """Allows a number of requests in any period of some seconds; refused requests do not count."""

    def __init__(self, limit: float, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=max(1, int(limit)))
        self._unlimited = not limit
        self._refusals = count()
        self._lock = Lock()

    def check(self) -> ApiResponse | None:
        """Count a request, or return its refusal if it comes too soon."""
        if self._unlimited:
            return None
        with self._lock:
            now = monotonic()
            wait = self._times[0] + self._seconds - now if len(self._times) == self._times.maxlen else 0.0
            if wait <= 0:
                self._times.append(now)
                return None
            return too_many_requests(wait, header=next(self._refusals) % 2 == 1)


def too_many_requests(seconds: float, *, header: bool, shown: int | None = None) -> ApiResponse:
    """Return a refusal with 429: the title says how long to wait, the header ``Retry-After`` is not always there."""
    title = f"Rate limit is exceeded. Try again in {math.ceil(seconds) if shown is None else shown} seconds."
    return problem(429, title, {"Retry-After": f"{seconds:.3f}".rstrip("0").rstrip(".")} if header else None)

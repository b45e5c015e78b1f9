"""Who may call: tokens, app key, tenants, scopes and the rate limit."""

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
from tap_servicetitan.simulator.answers import Answer, Call, encode, problem
from tap_servicetitan.simulator.reporting import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

APP_KEY: Final = "ak1.simulator"


def credentials(tenant_id: int) -> dict[str, str]:
    """Return the client id and secret of a tenant: each has its own."""
    return {"client_id": f"cid.{tenant_id}", "client_secret": f"cs2.{tenant_id}"}


@dataclass(frozen=True)
class _Grant:
    tenant_id: int
    expires: float


class Access:
    """Lets requests pass or says why not; ``check`` is None where a request may pass."""

    def __init__(
        self,
        tenants: Collection[int],
        *,
        lifetime: float,
        rate: float,
        report_rate: float,
        denied: Collection[str],
    ) -> None:
        scopes = {table.scope(endpoint) for endpoint in (*table.endpoints(), *OPERATIONS)}
        if unknown := set(denied) - scopes:
            message = f"No scope {', '.join(sorted(unknown))}: there are {', '.join(sorted(scopes))}."
            raise ValueError(message)
        self._tenants = tenants
        self._lifetime = lifetime
        self._denied = frozenset(denied)
        self._scopes = sorted(scopes - self._denied)
        self._grants: dict[str, _Grant] = {}
        self._limits = {tenant_id: RateLimit(rate) for tenant_id in tenants}
        self._runs: defaultdict[tuple[int, str], RateLimit] = defaultdict(lambda: RateLimit(report_rate, 60.0))

    def grant(self, call: Call) -> Answer:
        """Answer a request for a token."""
        form = {name: values[-1] for name, values in parse_qs(call.body.decode(errors="replace")).items()}
        tenant_id = next((t for t in self._tenants if form.items() >= credentials(t).items()), None)
        if tenant_id is None or form.get("grant_type") != "client_credentials":
            return encode({"error": "invalid_client"}, 400)
        token = self._token(tenant_id, form["client_id"])
        self._grants[token] = _Grant(tenant_id, monotonic() + self._lifetime)
        seconds = math.floor(self._lifetime) or self._lifetime  # whole, but for the very short lives of tests
        body = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
        return encode(body | {"scope": " ".join(self._scopes)})

    def revoke(self, call: Call) -> None:
        """Make a request's token worthless."""
        self._grants.pop(_sent_token(call), None)

    def check(self, call: Call, tenant_id: int, endpoint: Endpoint) -> Answer | None:
        """Refuse a request that lacks its credentials, comes too soon or asks for what the app may not read."""
        grant = self._grants.get(_sent_token(call))
        if call.headers.get("st-app-key") != APP_KEY or grant is None or grant.expires <= monotonic():
            return Answer(401)
        if grant.tenant_id != tenant_id:
            return problem(403, "The access token belongs to another tenant.")
        if refusal := self._limits[tenant_id].check():
            return refusal
        if table.scope(endpoint) in self._denied:
            return problem(403, "Scope validation failed")
        return None

    def check_run(self, tenant_id: int, path: str) -> Answer | None:
        """Refuse a run of a report that ran too often in the last minute."""
        return self._runs[tenant_id, path].check()

    def _token(self, tenant_id: int, client_id: str) -> str:
        """Write what looks like a JSON web token; only the simulator's memory of it makes it valid."""
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


def _sent_token(call: Call) -> str:
    """Return the header's token, with or without ``Bearer`` before it: the API takes both."""
    return call.headers.get("authorization", "").removeprefix("Bearer ").strip()


class RateLimit:
    """Lets a number of calls pass in any second, or in so many; what it refuses does not count."""

    def __init__(self, rate: float, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=max(1, int(rate)))
        self._unlimited = not rate
        self._refusals = count()
        self._lock = Lock()

    def check(self) -> Answer | None:
        """Refuse a call that comes too soon."""
        if self._unlimited:
            return None
        with self._lock:
            now = monotonic()
            wait = self._times[0] + self._seconds - now if len(self._times) == self._times.maxlen else 0.0
            if wait <= 0:
                self._times.append(now)
                return None
            return too_many(wait, header=next(self._refusals) % 2 == 1)


def too_many(seconds: float, *, header: bool, shown: int | None = None) -> Answer:
    """Refuse with 429: the title says how long to wait, the header ``Retry-After`` is not always there."""
    title = f"Rate limit is exceeded. Try again in {math.ceil(seconds) if shown is None else shown} seconds."
    return problem(429, title, {"Retry-After": f"{seconds:.3f}".rstrip("0").rstrip(".")} if header else None)

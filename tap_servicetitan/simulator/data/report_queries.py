"""Reports that run asynchronously: a token for each query, its result, and the slots that queries take."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Literal

Keys = Literal["pascal", "camel", "none"]
"""How the keys of a result are spelt; ``none``: there are no asynchronous queries."""


@dataclass(frozen=True)
class QueryOptions:
    """How asynchronous queries behave; all times are in seconds."""

    keys: Keys = "pascal"
    seconds: float = 0.0
    """How long each report runs."""

    wait: float = 10.0
    """How long a request for a query waits for the result, before it answers with a token."""

    lifetime: float = 3600.0
    """How long a token is known."""

    slots: int = 1
    """Queries of a tenant that may run at the same time."""


@dataclass(frozen=True)
class Query:
    """A query that was answered with a token."""

    tenant_id: int
    result: bytes
    done: float
    expires: float


class ReportQueries:
    """The queries of all tenants, by token."""

    def __init__(self, options: QueryOptions) -> None:
        self.options = options
        self._lock = Lock()
        self._queries: dict[str, Query] = {}

    def has_slot(self, tenant_id: int) -> bool:
        """Return whether another query of the tenant may start."""
        with self._lock:
            now = monotonic()
            running = [one for one in self._queries.values() if one.tenant_id == tenant_id and one.done > now]
            return len(running) < self.options.slots

    def start(self, tenant_id: int, result: bytes) -> str:
        """Start a query with this result, and return its token."""
        token = secrets.token_urlsafe(24)
        now = monotonic()
        with self._lock:
            self._queries[token] = Query(tenant_id, result, now + self.options.seconds, now + self.options.lifetime)
        return token

    def find(self, tenant_id: int, token: str) -> Query | None:
        """Return a tenant's query, which may still run; None if it was cancelled, has expired or never was."""
        with self._lock:
            query = self._queries.get(token)
            return query if query and query.tenant_id == tenant_id and query.expires > monotonic() else None

    def cancel(self, tenant_id: int, token: str) -> bool:
        """End a query, whether it still runs or not; return whether the token is known."""
        if self.find(tenant_id, token) is None:
            return False
        with self._lock:
            self._queries.pop(token, None)
        return True

    @staticmethod
    def is_done(query: Query) -> bool:
        """Return whether the result is there."""
        return query.done <= monotonic()

"""Requests to one endpoint of one tenant."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from tap_servicetitan.client.client import Client
from tap_servicetitan.client.hooks import RequestHooks
from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.endpoints.kinds import Endpoint, Paged
from tap_servicetitan.runtime.worker_lock import WorkerLock


class ApiReader:
    """Requests an endpoint of a tenant and decodes the answers.

    A stream has one for itself; a nested stream has another one for each list of parents.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        client: Client,
        worker_lock: WorkerLock,
        decode: Callable[[bytes], Any],
        hooks: RequestHooks,
    ) -> None:
        """Make the reader of an endpoint.

        Args:
            endpoint: What to read.
            client: The tenant's.
            worker_lock: Released while :meth:`fetch` waits.
            decode: Reads the body of an answer.
            hooks: Receives what happens to the requests.
        """
        self.endpoint = endpoint
        self.tenant_id = client.tenant.tenant_id
        self.client = client
        self._worker_lock = worker_lock
        self._decode = decode
        self._hooks = hooks
        self._began = time.monotonic()

    def fetch(self, params: Mapping[str, str], **options: Any) -> Any:
        """Request an answer as :meth:`request`; other streams hold the worker lock meanwhile."""
        with self.released():
            return self.request(params, **options)

    def request(  # noqa: PLR0913 -- the parts of a request, as Client.request has them
        self,
        params: Mapping[str, str],
        *,
        path_values: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        rate_limiter: RateLimiter | None = None,
        decode_pending: Callable[[bytes], Any] | None = None,
        retry_conflict: bool = False,
    ) -> Any:
        """Request an answer; for threads without the worker lock.

        Args:
            params: Query parameters besides those of the table.
            path_values: Values of the path's parameters.
            body: Sent as JSON by POST; None for GET.
            rate_limiter: A smaller limit than the tenant's, to keep to as well.
            decode_pending: Reads the body of a 202, whose result comes later.
            retry_conflict: Whether a 409 means that the API is busy.

        Raises:
            APIError: The API, or the way to it, failed for good.
        """
        return self.client.request(
            self.endpoint.url_for(self.tenant_id, path_values or {}),
            {**self.endpoint.query, **params},
            self._decode,
            body=body,
            rate_limiter=rate_limiter,
            hooks=self._hooks,
            decode_pending=decode_pending,
            retry_conflict=retry_conflict,
        )

    def released(self) -> AbstractContextManager[None]:
        """Return a context manager in which other streams hold the worker lock."""
        return self._worker_lock.released()

    def delete(self, path_values: Mapping[str, Any]) -> int:
        """Send a DELETE once, and return the status of the answer; other streams hold the worker lock meanwhile.

        Raises:
            StreamError: There was no answer.
        """
        with self.released():
            return self.client.delete(self.endpoint.url_for(self.tenant_id, path_values), self._hooks)

    def wait(self, seconds: float) -> None:
        """Wait before the next request; other streams hold the worker lock meanwhile."""
        with self.released():
            self.client.wait(seconds, self._hooks)

    def now(self) -> datetime:
        """Return the API's present time: bookmarks depend on its clock, not on this machine's."""
        return self.client.now()

    def began(self) -> datetime:
        """Return the API's time when reading began; call it after the first answer, which has the API's time."""
        return self.now() - timedelta(seconds=time.monotonic() - self._began)

    def page_params(self, number: int, *, size: int | None = None) -> dict[str, str]:
        """Return the parameters of a page.

        Args:
            number: Counted from 0.
            size: Records a page; as many as the API allows if not given.
        """
        if not isinstance(self.endpoint, Paged) or self.endpoint.page_size is None:
            return {}
        return {"page": str(self.endpoint.first_page + number), "pageSize": str(size or self.endpoint.page_size)}

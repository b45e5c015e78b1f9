"""HTTP sessions: one pool of connections for all tenants, a deadline and a size limit for each answer, no redirects."""

from __future__ import annotations

import http.client
import io
import logging
import math
import socket
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from tap_servicetitan.client.api_clock import APIClock
from tap_servicetitan.client.circuit_breaker import HostStatus
from tap_servicetitan.client.slots import HANG_SECONDS, Slots
from tap_servicetitan.errors import APIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

TOTAL_TIMEOUT_FACTOR = 3
"""An answer may take this many times the ``request_timeout``, which limits the wait for each of its parts."""

MAX_BODY_BYTES = 256 * 2**20
"""Size of an answer after decompression: 50 KB for each record of a full page of 5,000, far more than any has. A
compressed answer of 1 MB can otherwise fill 1 GB of memory."""

HANG_SHARE = 0.25
"""Part of the request timeout after which a tenant without an answer is unserved, if that is sooner."""

_CHUNK_BYTES = 2**20


class _DeadlineReader(io.RawIOBase):
    """Reads an answer from a socket until a deadline; the socket's own timeout limits each read only."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._raw = connected.makefile("rb", buffering=0)
        self._timeout = connected.gettimeout()
        self._deadline = time.monotonic() + TOTAL_TIMEOUT_FACTOR * (self._timeout or float("inf"))

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._timeout and left < self._timeout:
            self._socket.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    @override
    def close(self) -> None:
        if not self.closed:
            with suppress(OSError):  # the connection may be closed already
                self._socket.settimeout(self._timeout)
            self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that ends by a deadline and is not one of the informational answers (1xx) before it."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock))

    @override
    def begin(self) -> None:
        super().begin()
        # http.client skips 100 only. 101 never comes, since no request asks for another protocol.
        while self.status < http.HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first answer
            super().begin()


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class ConnectionPool:
    """What the clients of all tenants share: connections, since credentials belong to a request, slots, the API's clock."""

    def __init__(self, size: int, request_timeout: float = math.inf) -> None:
        """Make a pool.

        Args:
            size: Slots for requests, and connections kept to each host.
            request_timeout: Seconds to wait for an answer.
        """
        self.slots = Slots(size, min(HANG_SECONDS, request_timeout * HANG_SHARE))
        self.adapter: HTTPAdapter = _Adapter(pool_maxsize=size)
        self.clock = APIClock()
        self.host = HostStatus()


class Session(requests.Session):
    """One tenant's session. It follows no redirect: credentials are sent to the configured host only."""

    def __init__(self, pool: ConnectionPool, user_agent: str) -> None:
        """Make a session, with cookies of its own, that uses a pool's connections."""
        super().__init__()
        self._environment: dict[tuple[str, str], Any] = {}
        """What the environment says of requests, such as proxies, by scheme and host."""
        # It logs URLs, with the ids of records in them, and header lines that it cannot read.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        # Without an auth of its own, requests would sign the request for a token with what ~/.netrc holds.
        self.auth = lambda request: request
        self.headers["User-Agent"] = user_agent
        for scheme in ("https://", "http://"):
            self.mount(scheme, pool.adapter)

    def send_bounded(self, method: str, url: str, **request: Any) -> requests.Response:
        """Send a request as ``request`` does, and read its answer within limits.

        Plain http is for this machine only, so it uses no proxy, whatever the environment says.

        Raises:
            requests.RequestException: There was no answer.
            urllib3.exceptions.HTTPError: The answer ended early or took too long.
            APIError: The answer is larger than :data:`MAX_BODY_BYTES`.
        """
        response = self.request(method, url, allow_redirects=False, proxies={"http": ""}, stream=True, **request)
        with closing(response.raw):
            response.raw = _Body(_read(response))
        return response

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        return None

    @override
    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        # Reads the whole environment, which stays as it is during a run: once for each host is enough.
        scheme, host, *_ = urlsplit(url)
        origin = scheme, host
        if origin not in self._environment:
            self._environment[origin] = super().merge_environment_settings(url, *args, **kwargs)
        return self._environment[origin]


class _Body(io.BytesIO):
    """A body that was read, in a form that requests reads once more without a copy."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Yield all of it."""
        yield self.getvalue()


def _read(response: requests.Response) -> bytes:
    raw = response.raw
    if (raw.length_remaining or math.inf) <= MAX_BODY_BYTES and "Content-Encoding" not in raw.headers:
        whole: bytes = raw.read()  # in one piece, which is copied nowhere: half the time of reading a page in parts
        return whole
    chunks, size = [], 0
    for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            msg = f"The API's answer is larger than {MAX_BODY_BYTES / 2**20:.3g} MiB, so it was not read to the end."
            remedy = "Check whether a proxy answers in the API's place; if not, report it to ServiceTitan's support."
            raise APIError(msg, remedy=remedy)
    return b"".join(chunks)

"""HTTP sessions that follow no redirect, and break off an answer that takes too long as a whole."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Limit:
    """How long a request may take as a whole, and the connection to break off then."""

    def __init__(self) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def watch(self, connected: socket.socket) -> None:
        """Take note of the connection that the answer comes by."""
        with self._lock:
            self._socket = connected
            if self.passed:
                self._break_off()

    def forget(self) -> None:
        """The answer is here: the connection is another request's now."""
        with self._lock:
            self._socket = None

    def pass_by(self) -> None:
        """Break off the connection, from another thread."""
        with self._lock:
            self.passed = True
            self._break_off()

    def _break_off(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Of the plain socket: the TLS one would say goodbye first, and wait.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_here = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Break off the requests that the block sends, after so many seconds.

    A timeout of requests is for each read of the socket: an answer that drips never meets it.

    Raises:
        requests.Timeout: It took longer.
    """
    limit = _here.limit = _Limit()
    timer = threading.Timer(seconds, limit.pass_by)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if limit.passed:
            raise requests.Timeout from error
        raise
    finally:
        limit.forget()
        timer.cancel()
        _here.limit = None
    if limit.passed:
        raise requests.Timeout


class _Watched(HTTPConnection):
    """A connection that may be broken off while its answer is read."""

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        limit: _Limit | None = getattr(_here, "limit", None)
        if limit and isinstance(self.sock, socket.socket):
            limit.watch(self.sock)
        return super().getresponse()


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same by TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _Adapter(HTTPAdapter):
    """Makes connections that may be broken off."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _PoolTLS}


class Session(requests.Session):
    """Follows no redirect and does not even read where it leads: credentials stay with the host they are meant for."""

    def __init__(self, connections: int) -> None:
        """Make a session that keeps so many connections."""
        super().__init__()
        # It logs URLs, with the ids of records in them, and header lines that it cannot read.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        # Without an auth of its own, requests would sign the request for a token with what ~/.netrc holds.
        self.auth = lambda request: request
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(pool_maxsize=connections))

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        return None

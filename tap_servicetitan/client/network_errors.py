"""Errors for requests that got no answer: what failed, between which hosts, and what to do."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from tap_servicetitan.errors import NoConnectionError, TransientError

_NETWORK = "Check the network, and HTTPS_PROXY if it needs a proxy; then run again: the sync resumes where it stopped."
_HOST = "Check api_url and auth_url if they are set, and HTTPS_PROXY if the network needs a proxy."
_CERTIFICATE = "Check api_url and auth_url; behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to its certificate."
_FILES = "Raise the limit (ulimit -n) or lower concurrency; then run again: the sync resumes where it stopped."

_NO_CONNECTION: tuple[tuple[type[Exception], str, str], ...] = (
    (requests.exceptions.ConnectTimeout, "no connection in time ({host}:{port})", _NETWORK),
    (requests.exceptions.SSLError, "the TLS certificate was not accepted ({host})", _CERTIFICATE),
    (requests.exceptions.ProxyError, "no connection through the proxy{reason} ({host})", _NETWORK),
    (urllib3.exceptions.NameResolutionError, "the host name could not be resolved ({host})", _HOST),
    (urllib3.exceptions.NewConnectionError, "no connection{reason} ({host}:{port})", _NETWORK),
)
"""Exceptions, the most specific first, that say that a host cannot be reached; what to say, what to do."""

_NO_ANSWER: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.Timeout, "no answer in time"),
    (urllib3.exceptions.ReadTimeoutError, "no answer in time"),
    (requests.exceptions.ConnectionError, "the connection failed{reason}"),
    (urllib3.exceptions.ProtocolError, "the answer was cut short"),
    (urllib3.exceptions.DecodeError, "the answer was cut short"),
    (Exception, "the connection failed{reason}"),
)
"""The same for exceptions after which another request may get an answer."""


def network_error(error: Exception, url: str) -> TransientError:
    """Return the error for a request that got no answer; it does not show the exception's text, which holds the URL.

    Args:
        error: What requests or urllib3 raised.
        url: The request's.
    """
    causes = list(_causes(error))
    if _too_many_files(causes):
        return TransientError(f"too many open files{_file_limit()}", remedy=_FILES)
    reason = _reason(causes)
    parts = urlsplit(url)
    host = parts.hostname or ""
    for kind, text, remedy in _NO_CONNECTION:
        if any(isinstance(cause, kind) for cause in causes):
            port = parts.port or (443 if parts.scheme == "https" else 80)
            return NoConnectionError(text.format(reason=reason, host=host, port=port), remedy=remedy)
    text = next(text for kind, text in _NO_ANSWER if isinstance(error, kind))
    return TransientError(f"{text.format(reason=reason)} ({host})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it: requests wraps urllib3's exception, which wraps the system's."""
    found: list[Any] = [error]
    seen: set[int] = set()
    while found:
        cause = found.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            found += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]


def _reason(causes: Iterable[BaseException]) -> str:
    """Return the operating system's reason, such as "connection refused", if there is one."""
    for cause in causes:
        # The numbers of these two are not the operating system's.
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, (ssl.SSLError, socket.gaierror)):
            return f": {os.strerror(cause.errno).lower()}"
    return ""


def _too_many_files(causes: Iterable[BaseException]) -> bool:
    """Return whether the process has as many files open as it may; each connection is one."""
    if any(isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE} for cause in causes):
        return True
    try:  # a host name that is not resolved for this reason has another error
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return True
    return False


def _file_limit() -> str:
    with suppress(ImportError):  # on Windows
        import resource  # noqa: PLC0415 -- see above

        return f" (this process may have {resource.getrlimit(resource.RLIMIT_NOFILE)[0]})"
    return ""

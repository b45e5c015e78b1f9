"""The socket: HTTP/1.1 with keep-alive, a thread per connection, one write per response."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse

if TYPE_CHECKING:
    from tap_servicetitan.simulator.http.application import Application

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""Linger for 0 seconds: closing sends RST instead of FIN."""


class Server(ThreadingHTTPServer):
    """Listens, and can stop at once while connections are open."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        application: Application,
        *,
        verbose: bool,
    ) -> None:
        self.application = application
        self.verbose = verbose
        self.closing = Event()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without looking up the name of the host, as the standard library does."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, to close it when the server stops."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close their connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)) and not self.closing.is_set():
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection and writes the responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def respond(self) -> None:
        """Answer a request of any method."""
        length = int(self.headers.get("Content-Length") or 0)
        target = urlsplit(self.path)
        request = ApiRequest(
            self.command,
            target.path,
            _parameters(target.query),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )
        with self.server.application.track_in_flight(request):
            response = self.server.application.handle(request)
            if response.wait:
                self.server.closing.wait(response.wait)
            self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = respond  # noqa: N815  names that the standard library calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Write a line to stderr if the option ``verbose`` is on."""
        if self.server.verbose:
            super().log_message(format, *args)

    def _send(self, response: ApiResponse) -> None:
        self.log_request(response.status if response.breakage is None else response.breakage)
        if response.breakage == "reset":
            self._reset()
            return
        body = b"" if self.command == "HEAD" else response.body
        chunked = response.breakage == "cut_chunked"
        lines = [
            f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
            f"Content-Type: {response.content_type}",
            "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        if response.breakage is None:
            self.wfile.write(head + body)
            return
        half = body[: len(body) // 2]
        self.close_connection = True
        self.wfile.write(head + (f"{len(half):x}\r\n".encode() + half + b"\r\n" if chunked else half))
        if response.breakage == "reset_body":
            self._reset()

    def _reset(self) -> None:
        """End the connection with RST, as a broken network does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.rfile.close()
        self.connection.close()


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query; the values of a repeated one with commas, which the API takes for the same."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(query, keep_blank_values=True):
        values[name].append(value)
    return {name: ",".join(several) for name, several in values.items()}

"""The simulator on a socket: HTTP/1.1 with keep-alive, a thread per connection, one write per answer."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from tap_servicetitan.simulator.answers import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""Linger for no time: closing sends RST in place of FIN."""


class Server(ThreadingHTTPServer):
    """Listens, and can end at once with connections open."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[Call], Answer],
        flight: Callable[[Call], AbstractContextManager[None]],
        *,
        verbose: bool,
    ) -> None:
        self.answer = answer
        self.flight = flight
        self.verbose = verbose
        self.closing = Event()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that the standard library makes."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, to end it when the server does."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)) and not self.closing.is_set():
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """Reads requests of one connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def respond(self) -> None:
        """Answer the request that was read, whatever its method."""
        length = int(self.headers.get("Content-Length") or 0)
        target = urlsplit(self.path)
        call = Call(
            self.command,
            target.path,
            dict(parse_qsl(target.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )
        with self.server.flight(call):
            answer = self.server.answer(call)
            if answer.wait:
                self.server.closing.wait(answer.wait)
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = respond  # noqa: N815  names that the standard library calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Write a line to stderr if asked to be verbose."""
        if self.server.verbose:
            super().log_message(format, *args)

    def _send(self, answer: Answer) -> None:
        self.log_request(answer.status if answer.breakage is None else answer.breakage)
        if answer.breakage == "reset":
            self._reset()
            return
        body = b"" if self.command == "HEAD" else answer.body
        chunked = answer.breakage == "cut_chunked"
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"Content-Type: {answer.content_type}",
            "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        if answer.breakage is None:
            self.wfile.write(head + body)
            return
        half = body[: len(body) // 2]
        self.close_connection = True
        self.wfile.write(head + (f"{len(half):x}\r\n".encode() + half + b"\r\n" if chunked else half))
        if answer.breakage == "reset_body":
            self._reset()

    def _reset(self) -> None:
        """End the connection with RST, as a network that breaks does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.rfile.close()
        self.connection.close()

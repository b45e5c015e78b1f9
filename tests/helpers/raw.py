"""A server that sends given bytes, also such as no HTTP library would send."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = b'{"access_token":"tok3n.raw","expires_in":900}'


@dataclass
class RawServer:
    """Listens on loopback; every connection gets one answer and is closed."""

    answer: Callable[[str], bytes | Iterator[bytes]]
    """Returns all bytes to send for a request's path and query, at once or in pieces."""

    token: Callable[[], bytes] = field(default=lambda: http(TOKEN))
    """Returns all bytes to send when an access token is requested."""

    tls: Path | None = None
    """File with key and certificate; None for plain HTTP."""

    seen: list[bytes] = field(default_factory=list)
    """Requests in the order in which they came, head and body."""

    @contextmanager
    def listening(self) -> Iterator[dict[str, Any]]:
        """Serve until the end of the block, which receives the settings for the tap."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            url = f"{'https' if self.tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
            try:
                yield {
                    "client_id": "cid.1001",
                    "client_secret": "cs2.raw",
                    "st_app_key": "ak1.raw",
                    "tenant_id": "1001",
                    "api_url": url,
                    "auth_url": f"{url}/token",
                }
            finally:
                listener.shutdown(socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with suppress(OSError), self._wrap_tls(connection) as wrapped:
            request = read_request(wrapped)
            if not request:
                return
            self.seen.append(request)
            path = request.split(b" ", 2)[1].decode()
            answer = self.token() if path == "/token" else self.answer(path)
            for piece in [answer] if isinstance(answer, bytes) else answer:
                wrapped.sendall(piece)

    def _wrap_tls(self, connection: socket.socket) -> socket.socket:
        if not self.tls:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls)
        return context.wrap_socket(connection, server_side=True)


def read_request(connection: socket.socket) -> bytes:
    """Read a request to the end of its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        chunk = connection.recv(65536)
        if not chunk:
            return got
        got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return the bytes of an answer; ``_`` in the name of a header stands for ``-``."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


def feed(*records: Any, more: bool = False, continue_from: str | None = "t") -> bytes:
    """Return the bytes of an answer with a page of a feed; records are JSON values, or JSON text as bytes."""
    texts = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    rest = json.dumps({"hasMore": more, "continueFrom": continue_from})[1:].encode()
    return http(b'{"data":[' + b",".join(texts) + b"]," + rest)

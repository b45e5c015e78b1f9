"""A small server of ServiceTitan's API whose rows move while they are read.

It is made from the API's facts and shares no code with the simulator or the tap. Tests change its
:class:`~helpers.moving.world.World` between requests, or in a :class:`Script` before and after chosen ones.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from helpers.moving.world import Query, RefusedError, World

APP_KEY = "ak1.moving"
TOKEN_SECONDS = 900


@dataclass(frozen=True)
class Request:
    """A request for data, its token and app key accepted."""

    number: int
    """Counted from 1 over all tenants."""

    tenant: str
    path: str
    """API, version and what follows the tenant, for example ``dispatch/v2/zones``."""

    query: Query

    def is_page(self, path: str, page: int) -> bool:
        """Whether it asks for a whole page of a list, rather than for a few of its rows."""
        return self.path == path and self.query.get("page") == str(page) and int(self.query["pageSize"]) >= WHOLE_PAGE


WHOLE_PAGE = 100
"""Rows that a request for a whole page asks for at least."""


class Script:
    """What happens around answers; this one lets all of them pass. Several requests are under way at once."""

    def before(self, request: Request) -> int | None:
        """Run before an answer is made; return a status to answer with in its place."""

    def after(self, request: Request) -> None:
        """Run when an answer is made and not yet sent."""


@dataclass
class MovingServer:
    """The API on a free port of this machine."""

    world: World
    tenants: tuple[str, ...] = ("1001",)
    script: Script = field(default_factory=Script)

    requests: list[Request] = field(default_factory=list)
    """All requests for data, in the order in which they came."""

    answered: set[int] = field(default_factory=set)
    """Numbers of the requests whose answers were sent."""

    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def listening(self) -> Iterator[dict[str, Any]]:
        """Serve until the end of the block, which receives the settings for the tap."""
        handler = type("Handler", (_Handler,), {"api": self})
        with _Server(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            tenants = [
                {"tenant_id": tenant, "client_id": f"cid.{tenant}", "client_secret": f"cs2.{tenant}"}
                for tenant in self.tenants
            ]
            try:
                yield {"st_app_key": APP_KEY, "tenants": tenants, "api_url": url, "auth_url": f"{url}/connect/token"}
            finally:
                server.shutdown()
                thread.join()

    def wait_until(self, done: Callable[[list[Request]], bool], seconds: float = 1.0) -> bool:
        """Wait, within a script, until the requests that were answered satisfy a condition; return whether they do."""
        with self._changed:
            return self._changed.wait_for(
                lambda: done([one for one in self.requests if one.number in self.answered]), timeout=seconds
            )

    def answer(self, tenant: str, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        """Return status and body for a request of a tenant."""
        with self._changed:
            request = Request(len(self.requests) + 1, tenant, path, query)
            self.requests.append(request)
        if status := self.script.before(request):
            return self._end(request, status, _problem(status))
        with self.world.lock:
            table = self.world.tables.get((tenant, path))
            try:
                if table is None:
                    raise RefusedError(404)  # noqa: TRY301 -- as the API refuses the rest
                is_feed = path.split("/")[2] == "export"
                # Rows are never changed in place, so that a page made now shows this moment for ever.
                status, body = 200, table.feed_page(query) if is_feed else table.page(query)
            except RefusedError as error:
                status, body = error.status, _problem(error.status)
        self.script.after(request)
        return self._end(request, status, body)

    def _end(self, request: Request, status: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._changed:
            self.answered.add(request.number)
            self._changed.notify_all()
        return status, body


class _Server(ThreadingHTTPServer):
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: MovingServer

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
        tenant = form.get("client_id", "").removeprefix("cid.")
        known = tenant in self.api.tenants and form.get("client_secret") == f"cs2.{tenant}"
        if self.path != "/connect/token" or form.get("grant_type") != "client_credentials" or not known:
            self._send(400, {"error": "invalid_client"})
            return
        self._send(200, {"access_token": f"of.{tenant}", "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        api, version, _, tenant, *rest = [*target.path.removeprefix("/").split("/"), "", "", "", ""]
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != f"of.{tenant}" or self.headers.get("ST-App-Key") != APP_KEY:
            self._send(401, _problem(401))
            return
        path = "/".join([api, version, *filter(None, rest)])
        self._send(*self.api.answer(tenant, path, dict(parse_qsl(target.query))))

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 -- the standard library's
        return format_datetime(self.api.world.now, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
        """Print nothing."""

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)


def _problem(status: int) -> dict[str, Any]:
    return {"type": "", "title": HTTPStatus(status).phrase, "status": status, "traceId": "", "errors": {}, "data": {}}

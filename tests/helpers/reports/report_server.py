"""The reporting API with a clock of its own, and the tap with that clock, for reports that take a while or change."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from helpers.moments import CutOutput, TapAt
from helpers.support import Output, run_here
from tap_servicetitan.reports.stream import ReportStream
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.stream_factory import stream_class

Answer = tuple[int, Any]
Values = dict[str, Any]

NOT_FOUND: Answer = (404, {"title": "The resource was not found."})
STREAM = "custom_report_r"


@dataclass(frozen=True)
class Call:
    """A request about a report: what it is, whose, and the parameters of a run."""

    kind: str
    """``description``, ``data``, ``query``, ``result`` or ``cancel``."""

    tenant: str
    values: Values = field(default_factory=dict)
    token: str = ""


@dataclass
class ReportServer:
    """Answers as ServiceTitan's reporting API does; the attributes say how."""

    rows: Callable[[str, Values], list[list[Any]]] = lambda _tenant, _values: [["x"]]
    """Runs the report of a tenant."""

    parameters: tuple[str, ...] = ("From", "To")
    """Its date parameters."""

    columns: list[str] = field(default_factory=lambda: ["A"])
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    polls: int = 0
    """Polls that a query answers with 202."""

    pascal: bool = True
    asynchronous: bool = True
    has_more: bool = False
    """What complete results say."""

    total: bool = True
    script: Callable[[Call], Answer | None] = lambda _call: None
    """Answers in place of the server, unless it returns None."""

    calls: list[Call] = field(default_factory=list)
    queries: dict[str, tuple[Answer, int]] = field(default_factory=dict)
    """By token: the answer, and the polls that are left."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, *, since: int = 0, tenant: str = "1001") -> list[tuple[str, ...]]:
        """Return the values of each run of the report."""
        runs = [one for one in self.calls[since:] if one.kind in {"data", "query"} and one.tenant == tenant]
        return [tuple(one.values.values()) for one in runs]

    def kinds(self) -> list[str]:
        """Return what was requested, besides descriptions."""
        return [one.kind for one in self.calls if one.kind != "description"]

    def answer(self, call: Call) -> Answer:  # noqa: PLR0911 -- one for each kind of request
        """Answer a request."""
        with self.lock:
            self.calls.append(call)
            if scripted := self.script(call):
                return scripted
            match call.kind:
                case "description":
                    parameters = [{"name": name, "dataType": "Date", "isRequired": True} for name in self.parameters]
                    fields = [{"name": name, "dataType": "String"} for name in self.columns]
                    return 200, {"parameters": parameters, "fields": fields}
                case "query" if self.asynchronous:
                    rows = self.rows(call.tenant, call.values)
                    if not self.polls:
                        return self._result(rows)
                    token = f"t{len(self.queries)}"
                    self.queries[token] = self._result(rows), self.polls
                    return 202, {"status": "NotStarted", "token": token}
                case "result" if call.token in self.queries:
                    result, left = self.queries[call.token]
                    self.queries[call.token] = result, left - 1
                    return result if left <= 0 else (202, {"status": "InProgress", "token": call.token})
                case "cancel":
                    return (204, None) if self.queries.pop(call.token, None) else NOT_FOUND
                case "data":
                    rows = self.rows(call.tenant, call.values)
                    return 200, {**self._envelope(rows), "hasMore": False}
            return NOT_FOUND

    def _envelope(self, rows: list[list[Any]]) -> dict[str, Any]:
        fields = [{"name": name, "label": name} for name in self.columns]
        total = len(rows) if self.total else None
        return {
            "page": 1,
            "pageSize": 25_000,
            "hasMore": self.has_more,
            "totalCount": total,
            "fields": fields,
            "data": rows,
        }

    def _result(self, rows: list[list[Any]]) -> Answer:
        body = self._envelope(rows)
        if self.pascal:
            body["fields"] = [{"Name": one["name"], "Label": one["label"]} for one in body["fields"]]
            body = {f"{name[0].upper()}{name[1:]}": value for name, value in body.items()}
        return 200, body

    @contextmanager
    def listening(self, *tenants: str, **settings: Any) -> Iterator[dict[str, Any]]:
        """Serve until the end of the block, which receives the settings for the tap."""
        handler = type("Handler", (_Handler,), {"server_of_reports": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            entries = [{"tenant_id": tenant, "client_id": "c", "client_secret": "s"} for tenant in tenants or ("1001",)]
            config = {"st_app_key": "k", "tenants": entries, "api_url": url, "auth_url": f"{url}/token"}
            try:
                yield {**config, "requests_per_second": 10_000, "reports_per_minute": 60_000, **settings}
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of_reports: ReportServer

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path == "/token":
            status, answer = 200, {"access_token": "a", "expires_in": 900, "token_type": "Bearer"}
        else:
            tenant, *rest = path.split("/tenant/")[1].split("/")
            if rest[0] == "data-queries":
                call = Call("cancel" if self.command == "DELETE" else "result", tenant, token=rest[1])
            elif self.command == "POST":
                values = {one["name"]: one["value"] for one in json.loads(body)["parameters"]}
                call = Call("query" if rest[-1] == "query" else "data", tenant, values)
            else:
                call = Call("description", tenant)
            status, answer = self.server_of_reports.answer(call)
        if status == 0:  # the answer gets lost
            self.close_connection = True
            return
        sent = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        if status in {409, 429}:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = respond  # noqa: N815 -- the standard library's names

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 -- the standard library's
        return format_datetime(self.server_of_reports.now, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
        """Print nothing."""


class ReportTap(TapAt):
    """The tap with custom reports only, at a given time."""

    def discover_streams(self) -> list[EndpointStream]:
        return [stream_class(report, ReportStream)(self, self.context) for report in self._custom_reports()]


@dataclass
class ReportRuns:
    """Runs of the tap, one after another, with one report in its config."""

    server: ReportServer
    config: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)

    def discover(self, **entry: Any) -> dict[str, Any]:
        """Return the catalog."""
        found: dict[str, Any] = self._tap()(config=self.settings(**entry)).catalog_dict
        return found

    def run(self, catalog: dict[str, Any], *, cut: int | None = None, cut_after: str = "", **entry: Any) -> Output:
        """Run the tap; of its output only so many bytes arrive if ``cut`` is given, or what is written up to a text."""
        output = CutOutput(cut, cut_after) if cut is not None or cut_after else None
        run = run_here(self.settings(**entry), base=self._tap(), catalog=catalog, state=self.state, output=output)
        if run.of_type("STATE"):
            self.state = run.state
        return run

    def settings(self, **entry: Any) -> dict[str, Any]:
        """Return the settings of a run."""
        report = {"report_name": "r", "report_category": "c", "report_id": "7"}
        return {"custom_reports": [report | entry], **self.config}

    def _tap(self) -> type[ReportTap]:
        return type("ReportTapNow", (ReportTap,), {"moment": self.server.now})

"""The reporting API with one report, and the tap with the stream of that report alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

from helpers.raw import RawServer, http
from helpers.support import Output, SomeStreams, run_here
from tap_servicetitan.reports.stream import ReportStream
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.stream_factory import stream_class

CATEGORY = "my cat/\u00fc \u2713"


@dataclass
class Reporting:
    """The reporting API of any tenant, with one report."""

    columns: list[tuple[str, str | None]]
    rows: list[list[Any]]
    answered: list[str] | None = None
    """Columns in the order of the data, if it is not that of the description."""
    parameters: list[dict[str, Any]] = field(default_factory=list)
    tenant_parameters: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Parameters of tenants that have others."""
    refused: dict[str, bytes] = field(default_factory=dict)
    """Answers in place of the description, by tenant."""
    data: Callable[[], bytes] | None = None
    """What answers in place of the rows."""
    pages: Callable[[int], list[Any]] | None = None
    """Makes rows, hasMore and total of the page with this number, from 1."""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> bytes:
        path, _, query = path.partition("?")
        path = unquote(path)
        tenant_id = path.split("/")[4]
        self.asked.append(path.removeprefix(f"/reporting/v2/tenant/{tenant_id}"))
        if path.endswith("/data/query"):
            return http(b"{}", "404 N")
        if path.endswith("/data"):
            if self.pages:
                rows, more, total = self.pages(int(parse_qs(query)["page"][0]))
            else:
                rows, more, total = self.rows, False, None
            fields: list[Any] = [{"name": name} for name in self.answered or [name for name, _ in self.columns]]
            body = json.dumps({"fields": fields, "data": rows, "hasMore": more, "totalCount": total}).encode()
            return self.data() if self.data else http(body)
        fields = [{"name": name, "dataType": kind} for name, kind in self.columns]
        described = http(
            json.dumps(
                {"parameters": self.tenant_parameters.get(tenant_id, self.parameters), "fields": fields}
            ).encode()
        )
        return self.refused.get(tenant_id, described)


class OnlyReports(SomeStreams):
    """The tap without the streams of the table."""

    def discover_streams(self) -> list[EndpointStream]:
        return [stream_class(report, ReportStream)(self, self.context) for report in self._custom_reports()]


@dataclass
class Pipeline:
    """The tap with one custom report."""

    config: dict[str, Any]
    server: RawServer

    def discover(self, **entry: Any) -> dict[str, Any]:
        """Return a catalog with the report."""
        found: dict[str, Any] = OnlyReports(config=self._with(entry)).catalog_dict
        return found

    def run(self, catalog: dict[str, Any], *, state: dict[str, Any] | None = None, **entry: Any) -> Output:
        return run_here(self._with(entry), base=OnlyReports, catalog=catalog, state=state)

    def dates_asked(self) -> list[tuple[str, ...]]:
        """Return the values of the parameters of each run."""
        bodies = [json.loads(seen.partition(b"\r\n\r\n")[2]) for seen in self.server.seen if b"/data?" in seen]
        return [tuple(one["value"] for one in body["parameters"]) for body in bodies]

    def _with(self, entry: dict[str, Any]) -> dict[str, Any]:
        report = {"report_name": "odd", "report_category": CATEGORY, "report_id": "7"}
        return {**self.config, "custom_reports": [report | entry]}


@contextmanager
def pipeline(reporting: Reporting, **settings: Any) -> Iterator[Pipeline]:
    server = RawServer(reporting.answer)
    with server.listening() as config:
        yield Pipeline({**config, "reports_per_minute": 60_000, **settings}, server)


DATES = [{"name": name, "dataType": "Date"} for name in ("From", "To")]


AS_OF = [{"name": "AsOf", "dataType": "Date"}]


def today(ago: int = 0) -> date:
    return datetime.now(UTC).date() - timedelta(days=ago)


def records(run: Output) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in one.items() if key != "tenant_id"} for one in run.records("custom_report_odd")
    ]


def stepping(value: str) -> dict[str, Any]:
    return {"backfill_date_parameter": "AsOf", "parameters": [{"name": "AsOf", "value": value}]}

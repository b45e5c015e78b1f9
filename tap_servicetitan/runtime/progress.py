"""What a run says about itself: a line now and then for each stream, a table at the end, the SDK's metrics at DEBUG.

Each line carries its figures as fields too, which the SDK's structured log writes as JSON.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics
from typing_extensions import override

from tap_servicetitan import text_table
from tap_servicetitan.client.hooks import RequestHooks
from tap_servicetitan.dates import latest
from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.runtime.progress_bar import progress_bar

if TYPE_CHECKING:
    import requests

    from tap_servicetitan.endpoints.kinds import Endpoint

_log = logging.getLogger("tap-servicetitan.progress")

LINES = 8
"""Streams that have a line of their own each time: those that have been read for longest."""


class StreamProgress(RequestHooks):
    """The progress of a stream of a tenant; several threads may request its pages at the same time."""

    def __init__(self, endpoint: Endpoint, tenant_id: str, ended: Callable[[], None]) -> None:
        """Make the progress of a stream that is about to be read.

        Args:
            endpoint: What is read.
            tenant_id: Whose.
            ended: Is called when it is over.
        """
        self.stream = endpoint.name
        self.tenant_id = tenant_id
        self.records = 0
        self.pages = 0
        self.requests = 0
        self.retries = 0
        self.newest: datetime | None = None
        """The newest date among the records so far."""
        self.outcome = "stopped"
        """``complete``, ``failed``, ``skipped``, or ``stopped`` if the run ended before the stream did."""
        self._endpoint = endpoint
        self._notify = ended
        self._started = time.monotonic()
        self._ended: float | None = None
        self._waiting = 0
        self._waiting_since = 0.0
        self._waited = 0.0
        self._lock = threading.Lock()
        self._logged = (self._started, 0, 0)

    @property
    def reading(self) -> bool:
        """Whether it goes on."""
        return self._ended is None

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return (self._ended or time.monotonic()) - self._started

    @property
    def waited(self) -> float:
        """Seconds in which it waited for the rate limit."""
        with self._lock:
            return self._waited + (time.monotonic() - self._waiting_since if self._waiting else 0.0)

    def page(self, records: int, newest: datetime | None) -> None:
        """Take note of a page that was written."""
        self.pages += 1
        self.records += records
        self.newest = latest(self.newest, newest)

    def end(self, outcome: str) -> None:
        """Take note that it is over."""
        self.outcome = outcome
        self._ended = time.monotonic()
        self._notify()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Log the SDK's metrics of what is read meanwhile."""
        status = metrics.Status.FAILED
        try:
            yield
            status = metrics.Status.SUCCEEDED
        finally:
            self._measure("counter", metrics.Metric.RECORD_COUNT, self.records)
            self._measure("timer", metrics.Metric.SYNC_DURATION, self.seconds, {metrics.Tag.STATUS: status})

    @override
    def answered(self, response: requests.Response) -> None:
        with self._lock:
            self.requests += 1
        tags: dict[str, Any] = {
            metrics.Tag.ENDPOINT: self._endpoint.path,
            metrics.Tag.HTTP_STATUS_CODE: response.status_code,
            metrics.Tag.STATUS: metrics.Status.SUCCEEDED if response.ok else metrics.Status.FAILED,
        }
        self._measure("timer", metrics.Metric.HTTP_REQUEST_DURATION, response.elapsed.total_seconds(), tags)

    def _measure(self, kind: str, metric: metrics.Metric, value: float, tags: Mapping[str, Any] | None = None) -> None:
        # The SDK's own meters log at INFO: thousands of lines in a run, in which those for people drown.
        whose = {metrics.Tag.STREAM: self.stream, metrics.Tag.CONTEXT: {"tenant_id": self.tenant_id}}
        metrics.get_metrics_logger().debug("METRIC: %s", metrics.Point(kind, metric, value, whose | dict(tags or {})))

    @override
    def retrying(self) -> None:
        with self._lock:
            self.retries += 1

    @contextmanager
    @override
    def waiting(self) -> Iterator[None]:
        with self._lock:
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._waited += time.monotonic() - self._waiting_since

    def log(self) -> None:
        """Log a line: what there is so far, how fast it comes, how far it has got."""
        now = time.monotonic()
        (then, records, requests), self._logged = self._logged, (now, self.records, self.requests)
        seconds = max(now - then, 0.001)
        rate = (self.records - records) / seconds
        if isinstance(self._endpoint, Nested):  # many parents have no records: it is the requests that show it moves
            asked = f"about {self.requests} parents asked"
            parts = [f"{self.records} records", asked, f"{(self.requests - requests) / seconds:.0f} requests/s"]
        else:
            parts = [f"{self.records} records in {self.pages} pages ({self.requests} requests)", f"{rate:.0f}/s"]
        if self.retries:
            parts.append(f"retries so far: {self.retries}")
        if self.newest:
            parts.append(f"up to {_date(self.newest)}")
        if self.waited >= 1:
            parts.append(f"waited {self.waited:.0f}s to keep below the rate limit")
        _log.info(
            "Tenant %s, stream %s: %s.",
            self.tenant_id,
            self.stream,
            ", ".join(parts),
            extra=self._fields("progress") | {"records_per_second": round(rate, 1)},
        )

    def row(self, bookmark: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Return its row of the table at the end, and the same as fields.

        Args:
            bookmark: Where it goes on.
        """
        date = bookmark.get("replication_key_value")
        until = _date(datetime.fromisoformat(date)) if date else "-"
        cells = [
            self.tenant_id,
            self.stream,
            self.outcome,
            str(self.records),
            str(self.requests),
            str(self.retries),
            f"{self.waited:.0f}s",
            f"{self.seconds:.1f}s",
            until,
        ]
        return cells, self._fields("summary") | {"outcome": self.outcome, "bookmark": date}

    def _fields(self, kind: str) -> dict[str, Any]:
        return {
            "kind": kind,  # `event` and `level` are taken: Meltano passes the fields on as arguments beside these two
            "tenant_id": self.tenant_id,
            "stream_name": self.stream,
            "records": self.records,
            "pages": self.pages,
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "seconds_waited": round(self.waited, 3),
            "newest": self.newest and self.newest.isoformat(),
        }


_HEAD = ["tenant", "stream", "outcome", "records", "requests", "retries", "waited", "took", "bookmark"]
_FIGURES = {"records", "requests", "retries", "waited", "took"}


class Progress:
    """How far a run has come."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], StreamProgress] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._logged = (self._started, 0)
        self._step: Callable[[], None] = lambda: None
        """Is called when a stream of a tenant is over."""

    def of(self, endpoint: Endpoint, tenant_id: str) -> StreamProgress:
        """Return the progress of a stream of a tenant, which begins with the first call."""
        key = (endpoint.name, tenant_id)
        with self._lock:
            if key not in self._streams:
                self._streams[key] = StreamProgress(endpoint, tenant_id, lambda: self._step())  # noqa: PLW0108 -- the run's later
            return self._streams[key]

    @contextmanager
    def logged_every(self, interval: float, total: int) -> Iterator[None]:
        """Log a line on all and one for each stream that is being read, meanwhile; show a bar on a terminal.

        Args:
            interval: Seconds between; 0 for none.
            total: Streams of all tenants that this run reads.
        """
        over = threading.Event()

        def log_now_and_then() -> None:
            while not over.wait(interval):
                self._log(total)

        if interval:
            threading.Thread(target=log_now_and_then, name="progress", daemon=True).start()
        try:
            with progress_bar(total, "Streams", hidden=sys.stdout.isatty()) as self._step:
                yield
        finally:
            over.set()

    def summary(self, bookmark: Callable[[str, str], Mapping[str, Any]]) -> None:
        """Log a table of what was read, by tenant; streams without records and failures are only counted.

        Args:
            bookmark: Says where a stream of a tenant goes on.
        """
        streams = sorted(self._all(), key=lambda each: (each.tenant_id, each.outcome != "complete"))
        news = [each for each in streams if each.records or each.outcome != "complete" or each.retries]
        rows = [each.row(bookmark(each.stream, each.tenant_id)) for each in news]
        head, *lines = text_table.lines(_HEAD, (cells for cells, _ in rows), right=_FIGURES)
        if rows:
            _log.info(head)
        for line, (_, fields) in zip(lines, rows, strict=True):
            _log.info(line, extra=fields)
        if quiet := len(streams) - len(news):
            _log.info("Nothing new in %d %sstream%s.", quiet, "other " if rows else "", "s" * (quiet > 1))
        totals = self._totals("total")
        _log.info("Total: %(records)d records, %(requests)d requests, %(seconds).1fs.", totals, extra=totals)

    def _log(self, total: int) -> None:
        streams = self._all()
        reading = [each for each in streams if each.reading]
        fields = self._totals("overall") | {"done": len(streams) - len(reading), "reading": len(reading), "of": total}
        now = time.monotonic()
        (then, before), self._logged = self._logged, (now, fields["records"])
        fields["records_per_second"] = round((fields["records"] - before) / max(now - then, 0.001), 1)
        _log.info(
            "%(done)d of %(of)d streams done, %(reading)d being read: %(records)d records in %(requests)d requests, "
            "%(records_per_second).0f/s.",
            fields,
            extra=fields,
        )
        for each in reading[:LINES]:
            each.log()

    def _totals(self, kind: str) -> dict[str, Any]:
        streams = self._all()
        return {
            "kind": kind,
            "records": sum(each.records for each in streams),
            "requests": sum(each.requests for each in streams),
            "retries": sum(each.retries for each in streams),
            "seconds": round(time.monotonic() - self._started, 3),
        }

    def _all(self) -> list[StreamProgress]:
        with self._lock:
            return list(self._streams.values())


def _date(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")

"""What a run says about itself: the SDK's request metrics, a line now and then for each stream, a table at the end.

Each line carries its figures as fields too, which the SDK's structured log writes as JSON.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics
from typing_extensions import override

from tap_servicetitan import bookmarks, tables
from tap_servicetitan.endpoint import Nested
from tap_servicetitan.http import Observer

if TYPE_CHECKING:
    import requests

    from tap_servicetitan.endpoint import Endpoint

_log = logging.getLogger("tap-servicetitan.progress")


class StreamProgress(Observer):
    """How far the reading of a stream of a tenant has come; several threads may ask the API for it at once."""

    def __init__(self, endpoint: Endpoint, tenant_id: str) -> None:
        """Make the progress of a stream that is about to be read.

        Args:
            endpoint: What is read.
            tenant_id: Whose.
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
        """``complete``, ``failed``, or ``stopped`` if the run ended before the stream did."""
        self._endpoint = endpoint
        self._started = time.monotonic()
        self._ended: float | None = None
        self._waiting = 0
        self._waiting_since = 0.0
        self._waited = 0.0
        self._lock = threading.Lock()
        self._told = (self._started, 0)

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
        self.newest = bookmarks.later(self.newest, newest)

    def end(self, outcome: str) -> None:
        """Take note that it is over."""
        self.outcome = outcome
        self._ended = time.monotonic()

    @override
    def answered(self, response: requests.Response) -> None:
        with self._lock:
            self.requests += 1
        tags: dict[str, Any] = {
            metrics.Tag.STREAM: self.stream,
            metrics.Tag.ENDPOINT: self._endpoint.path,
            metrics.Tag.CONTEXT: {"tenant_id": self.tenant_id},
            metrics.Tag.HTTP_STATUS_CODE: response.status_code,
            metrics.Tag.STATUS: metrics.Status.SUCCEEDED if response.ok else metrics.Status.FAILED,
        }
        logger = metrics.get_metrics_logger()
        if isinstance(self._endpoint, Nested) and not logger.isEnabledFor(logging.DEBUG):
            return  # a line for each parent would drown all others
        seconds = response.elapsed.total_seconds()
        metrics.log(logger, metrics.Point("timer", metrics.Metric.HTTP_REQUEST_DURATION, seconds, tags))

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

    def tell(self) -> None:
        """Log a line: what there is so far, how fast it comes, how far it has got."""
        now = time.monotonic()
        (then, before), self._told = self._told, (now, self.records)
        rate = (self.records - before) / max(now - then, 0.001)
        parts = [f"{self.records} records in {self.pages} pages ({self.requests} requests)", f"{rate:.0f}/s"]
        if self.newest:
            parts.append(f"up to {_date(self.newest)}")
        if self.waited >= 1:
            parts.append(f"waited {self.waited:.0f}s for the rate limit")
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
            "kind": kind,  # `event` and `level` are taken: Meltano hands the fields on as arguments beside these two
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

    def of(self, endpoint: Endpoint, tenant_id: str) -> StreamProgress:
        """Return the progress of a stream of a tenant, which begins when it is first asked for."""
        key = (endpoint.name, tenant_id)
        with self._lock:
            if key not in self._streams:
                self._streams[key] = StreamProgress(endpoint, tenant_id)
            return self._streams[key]

    @contextmanager
    def told_every(self, interval: float) -> Iterator[None]:
        """Log a line for each stream that is being read, meanwhile.

        Args:
            interval: Seconds between; 0 for none.
        """
        over = threading.Event()

        def tell() -> None:
            while not over.wait(interval):
                for progress in self._all():
                    if progress.reading:
                        progress.tell()

        if interval:
            threading.Thread(target=tell, name="progress", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def summary(self, bookmark: Callable[[str, str], Mapping[str, Any]]) -> None:
        """Log a table of what was read; streams that brought nothing and went well are just counted.

        Args:
            bookmark: Says where a stream of a tenant goes on.
        """
        streams = self._all()
        news = [each for each in streams if each.records or each.outcome != "complete" or each.retries]
        rows = [each.row(bookmark(each.stream, each.tenant_id)) for each in news]
        head, *lines = tables.lines(_HEAD, (cells for cells, _ in rows), right=_FIGURES)
        if rows:
            _log.info(head)
        for line, (_, fields) in zip(lines, rows, strict=True):
            _log.info(line, extra=fields)
        if quiet := len(streams) - len(news):
            _log.info("Nothing new in %d %sstreams.", quiet, "other " if rows else "")

    def _all(self) -> list[StreamProgress]:
        with self._lock:
            return list(self._streams.values())


def _date(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")

"""Asynchronous queries of reports: what STATE keeps of one, and what is known of a tenant's.

``POST …/data/query`` answers 200 with the rows, or 202 with a token; ``GET /data-queries/{token}`` answers 202 until the
rows are there. Runs of a report are limited, polls are not. STATE keeps the token, so that a run of the tap that is
killed while it polls costs no other run of the report::

    {"query": {"token": "…", "asked": "2026-01-31T08:00:00Z", "report_id": "7", "parameters": {"From": "2026-01-01"}}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

import msgspec

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.dates import parsed_or_none
from tap_servicetitan.reports.relative_dates import DAY
from tap_servicetitan.streams.state.bookmarks import DateBookmark

MAX_AGE = timedelta(hours=6)
"""A query that was asked longer ago is not polled any more: its rows would be too old."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was answered with a token."""

    token: str
    asked: datetime
    """When, by the API's clock: the rows are of this time."""

    report_id: str
    parameters: dict[str, Any]
    """As they were sent: the bounds of the window among them."""

    @classmethod
    def load(cls, stored: Any, now: datetime) -> Self | None:
        """Read what STATE kept; None if that is nothing, or a query that is too old."""
        try:
            query = msgspec.convert(stored, cls)
            return query if abs(now - query.asked) <= MAX_AGE else None
        except (msgspec.ValidationError, TypeError):  # a date without a time zone
            return None

    def dump(self) -> dict[str, Any]:
        """Return what STATE keeps."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept

    def is_of(self, report_id: str, parameters: dict[str, Any]) -> bool:
        """Return whether it runs this report with these parameters."""
        return (self.report_id, self.parameters) == (report_id, parameters)


@dataclass(frozen=True)
class ReportBookmark:
    """The last finished day that was read, and the query that is under way."""

    newest: DateBookmark
    pending: Callable[[], Query | None]
    """Returns the query of rows behind this bookmark, when STATE is written."""

    read_on: date | None = None
    """The day of the last run that read a backfill to its end, when that was over."""

    end: date | None = None
    """The last day that this run reads."""

    @classmethod
    def load(cls, stored: Mapping[str, Any], replication_key: str | None, pending: Callable[[], Query | None]) -> Self:
        """Read the bookmark of a tenant, which is empty on a first run."""
        read_on = parsed_or_none(stored.get("read_on"))
        return cls(DateBookmark.load(stored, replication_key), pending, read_on.date() if read_on else None)

    @property
    def day(self) -> date | None:
        """The last finished day that was read."""
        return self.newest.date.date() if self.newest.date else None

    def advance(self, finished: date, today: date) -> Self:
        """Move to a day that is over, which was read today."""
        newest = self.newest.advance(_midnight(finished), _midnight(today - DAY))
        return replace(self, newest=newest, read_on=today if finished == self.end else self.read_on)

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE."""
        query = self.pending()
        return {
            **self.newest.dump(),
            **({"read_on": self.read_on.isoformat()} if self.read_on else {}),
            **({"query": query.dump()} if query else {}),
        }


class Pending(msgspec.Struct):
    """The answer 202: the rows come later."""

    token: str = ""


@dataclass
class QuerySupport:
    """What this run has learnt of a tenant's asynchronous queries; all reports of the tenant share it."""

    available: bool = True
    """Whether the tenant has them."""

    repeats_pages: bool = False
    """Whether an answer said that there is more, and the next one was the same."""

    one_at_a_time: bool = False
    """Whether a query was refused (409) while another one of the tenant was under way."""

    under_way: set[str] = field(default_factory=set)
    """The reports whose queries are sent or polled."""

    waiting: list[str] = field(default_factory=list)
    """The reports that wait until the others' queries have ended, the next one first."""

    polls: RateLimiter = field(default_factory=lambda: RateLimiter(setting="reports_per_minute"))
    """Pauses when the API asks polls to wait; other requests go on."""

    def wait_for_turn(self, report: str, wait: Callable[[], None]) -> None:
        """Wait until a report may send a query, and count it as under way.

        Reports take turns: one that has many windows to read does not keep the others from theirs.

        Args:
            report: Its name.
            wait: Waits for a while.
        """
        self.waiting.append(report)
        try:
            while self.one_at_a_time and (self.under_way or self.waiting[0] != report):
                wait()
        finally:
            self.waiting.remove(report)
        self.under_way.add(report)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

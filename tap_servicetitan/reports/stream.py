"""How a custom report is run."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan import bookmarks
from tap_servicetitan.listings import PagedStream
from tap_servicetitan.pagination import Page, followed
from tap_servicetitan.records import Decoder
from tap_servicetitan.reports import cells, dates
from tap_servicetitan.reports.description import Rows, places
from tap_servicetitan.reports.endpoint import ROW, Edition, Report
from tap_servicetitan.reports.parameters import checked
from tap_servicetitan.reports.schedule import spans
from tap_servicetitan.settings import parse_date
from tap_servicetitan.windows import FIRST_DAYS

if TYPE_CHECKING:
    from tap_servicetitan.tap import TapServiceTitan


class ReportStream(PagedStream):
    """A custom report: run as it stands each time, or once for each date or window from where the last run ended."""

    endpoint: ClassVar[Report]
    mostly_waits = True

    def __init__(self, tap: TapServiceTitan) -> None:
        super().__init__(tap)
        self._told: set[str] = set()

    @property
    @override
    def json_schema(self) -> dict[str, Any]:
        return self.endpoint.schema

    @property
    @override
    def tenant_ids(self) -> list[str]:
        return list(self.endpoint.editions)

    @functools.cached_property
    @override
    def _decode(self) -> Callable[[bytes], Any]:
        return Decoder(Rows, list[Any], self.misfits)

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        edition = self.endpoint.editions[tenant_id]
        parameters = self._parameters(tenant_id)
        if not self.endpoint.dates:
            yield from self._run(tenant_id, parameters, {})
            return
        requests = [
            dict(zip(self.endpoint.dates, (span.first.isoformat(), span.last.isoformat()), strict=False))
            for span in spans(self._window(edition), self._start(tenant_id), self._end(edition))
        ]
        if self.ABORT_AT_RECORD_COUNT is not None:
            requests = requests[-1:]
        self._announce_length(tenant_id, len(requests))
        for bounds in requests:
            yield from self._run(tenant_id, {**parameters, **bounds}, bounds)

    @override
    def probe(self, tenant_id: str) -> None:
        # It was described at discovery, which needs the same scope; a run would cost one of the few a minute.
        self._parameters(tenant_id)

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if not page.has_more:
            # Yesterday at the latest: a day that is over in UTC may still go on where the tenant is.
            yesterday = datetime.combine(self.today - dates.DAY, time(), UTC)
            bookmarks.move_date(bookmark, self.endpoint.cursor, page.newest, yesterday)

    @property
    def today(self) -> date:
        """The run's day, in UTC."""
        return self.started.date()

    def run_report(self, tenant_id: str, parameters: Mapping[str, Any], number: int) -> Rows[list[Any]]:
        """Ask for a page of a report's data, counted from 0.

        All that depends on how data are asked for is here. Should ServiceTitan withdraw the operation that answers at
        once, this is where to start a query and ask for it until it is ready.
        """
        edition = self.endpoint.editions[tenant_id]
        answer: Rows[list[Any]] = self.fetch(
            tenant_id,
            self.numbered(number),
            parent=places(edition.report.category, edition.report.report_id),
            body={"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
            budget=edition.budget,
        )
        return answer

    def _parameters(self, tenant_id: str) -> dict[str, Any]:
        """Return the parameters of a run, as the report wants them."""
        edition = self.endpoint.editions[tenant_id]
        return checked(edition.report.parameters, edition.description, self.endpoint.dates, self.today)

    def _run(self, tenant_id: str, parameters: Mapping[str, Any], bounds: Mapping[str, str]) -> Iterator[Page]:
        """Yield all pages of a run."""
        last = parse_date(list(bounds.values())[-1]) if bounds else None
        rows = 0
        for answer, more in followed(self.run_report(tenant_id, parameters, number) for number in itertools.count()):
            records = self._records(answer, bounds, rows)
            rows += len(records)
            yield Page(records, more, newest=last)

    def _records(self, answer: Rows[list[Any]], bounds: Mapping[str, str], before: int) -> list[Any]:
        """Make a page's records, numbered where there were so many rows before in this run."""
        names = self.endpoint.columns(header.name for header in answer.fields)
        self._compare(names)
        made = cells.records(names, self.endpoint.types, answer.data, self.effective_schema["properties"])
        if bounds:
            made = ({**bounds, ROW: row, **record} for row, record in enumerate(made, start=before + 1))
        return self._lines.fitted(list(made)) if self._lines else list(made)

    def _window(self, edition: Edition) -> str:
        return edition.report.window if len(self.endpoint.dates) > 1 else "day"

    def _start(self, tenant_id: str) -> date:
        """Return the first day to ask for."""
        report = self.endpoint.editions[tenant_id].report
        start = self.tap.settings.start_date or self.started - timedelta(days=FIRST_DAYS)
        written = report.parameters.get(self.endpoint.dates[0])
        first = dates.resolve(written, self.today) if written else start.date()
        bookmark = self.bookmark(tenant_id).get("replication_key_value")
        if not bookmark:
            return first
        done = parse_date(bookmark).date()
        # The look-back does not go before the start; a start that moves with the day leaves no gap.
        return max(done - report.lookback_days * dates.DAY, min(first, done))

    def _end(self, edition: Edition) -> date:
        """Return the last day to ask for: what the setting says of a pair's end, else today."""
        written = edition.report.parameters.get(self.endpoint.dates[-1]) if len(self.endpoint.dates) > 1 else None
        return dates.resolve(written, self.today) if written else self.today

    def _announce_length(self, tenant_id: str, runs: int) -> None:
        minutes = runs / self.tap.settings.reports_per_minute
        if minutes > 1:
            self.log(
                "Tenant %s, stream %s: at least %d runs, which takes some %d minutes at %g a minute.",
                tenant_id,
                self.name,
                runs,
                minutes,
                self.tap.settings.reports_per_minute,
            )

    def _compare(self, names: list[str]) -> None:
        """Tell, once, in which columns the report differs from the catalog: its owner may have changed it."""
        known = self.effective_schema["properties"]
        one_tenant = len(self.endpoint.editions) == 1  # else each may lack some of the columns that others have
        gone = [name for name in known if name not in names and name not in self.endpoint.added] if one_tenant else []
        for text, columns in (
            ("column %s is not in the catalog and left out. Discover again to have it.", set(names).difference(known)),
            ("the report has no column %s any more.", set(gone)),
        ):
            if news := sorted(columns - self._told):
                self._told.update(news)
                self.log(f"Stream %s: {text}", self.name, ", ".join(news), level=logging.WARNING)

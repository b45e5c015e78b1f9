"""How a custom report is run."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import parse_date
from tap_servicetitan.errors import RefusedRequestError, ReportError
from tap_servicetitan.output.decoder import Decoder
from tap_servicetitan.reports import cells, dates
from tap_servicetitan.reports.description import Rows, number_duplicates
from tap_servicetitan.reports.endpoint import ROW, Report, TenantReport
from tap_servicetitan.reports.parameters import checked
from tap_servicetitan.reports.schedule import spans
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.listing import PagedStream
from tap_servicetitan.streams.pagination import Page, iter_pages
from tap_servicetitan.streams.window import FIRST_DAYS

if TYPE_CHECKING:
    from tap_servicetitan.errors import Failure, StreamError
    from tap_servicetitan.tap import TapServiceTitan


YEAR_AHEAD = timedelta(days=366)
"""How far into the future windows reach, whatever the end is said to be."""


class ReportStream(PagedStream):
    """A custom report: run as it stands each time, or once for each date or window from where the last run ended."""

    endpoint: ClassVar[Report]
    throttled_separately = True

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
        return list(self.endpoint.tenant_reports)

    @functools.cached_property
    @override
    def _decode(self) -> Callable[[bytes], Any]:
        return Decoder(Rows, list[Any], self.violations)

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        edition = self.endpoint.tenant_reports[tenant_id]
        parameters = self._parameters(tenant_id)
        self._check_catalog()
        if not self.endpoint.dates:
            yield from self._run(tenant_id, parameters, {})
            return
        start, end = self._start(tenant_id), self._end(edition)
        requests = [
            dict(zip(self.endpoint.dates, (span.first.isoformat(), span.last.isoformat()), strict=False))
            for span in spans(self._window(edition), start, end)
        ]
        if not requests:
            text = "Tenant %s, stream %s: nothing to ask for, since %s, where it would start, comes after %s."
            self.log(text, tenant_id, self.name, start, end, level=logging.WARNING)
        if self.ABORT_AT_RECORD_COUNT is not None:
            requests = requests[-1:]
        self._announce_length(tenant_id, len(requests))
        for bounds in requests:
            yield from self._run(tenant_id, {**parameters, **bounds}, bounds)

    @override
    def probe(self, tenant_id: str) -> None:
        # It was described at discovery, which needs the same scope; a run would cost one of the few a minute.
        self._check_catalog()
        self._parameters(tenant_id)

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if not page.has_more:
            # Yesterday at the latest: a day that is over in UTC may still go on where the tenant is.
            yesterday = datetime.combine(self.today - dates.DAY, time(), UTC)
            bookmarks.advance_date(bookmark, self.endpoint.replication_key, page.newest, yesterday)

    @property
    def today(self) -> date:
        """The run's day, in UTC."""
        return self.started.date()

    def run_report(self, tenant_id: str, parameters: Mapping[str, Any], number: int) -> Rows[list[Any]]:
        """Ask for a page of a report's data, counted from 0.

        All that depends on how data are asked for is here. Should ServiceTitan withdraw the operation that answers at
        once, this is where to start a query and ask for it until it is ready.
        """
        edition = self.endpoint.tenant_reports[tenant_id]
        answer: Rows[list[Any]] = self.fetch(
            tenant_id,
            self.numbered(number),
            parent={"report_category": edition.report.category, "report_id": edition.report.report_id},
            body={"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
            budget=edition.budget,
        )
        return answer

    @override
    def failure(self, tenant_id: str, error: StreamError) -> Failure:
        failure = super().failure(tenant_id, error)
        if not isinstance(error, RefusedRequestError):
            return failure
        return replace(failure, remedy="Compare the parameters in custom_reports with what --list-reports shows.")

    def _check_catalog(self) -> None:
        """Refuse a catalog from before a setting that changes what records are made of.

        Raises:
            ReportError: Records would lack their key, or the date that they belong to.
        """
        known, needed = self.effective_schema["properties"], self.endpoint.schema["properties"]
        odd = [name for name in self.endpoint.added_fields if name not in known]
        odd += [name for name in self.primary_keys or () if name not in needed]
        if odd:
            msg = f"The catalog does not fit the setting custom_reports: see the column {', '.join(odd)}."
            raise ReportError(msg, remedy="Discover again, since backfill_date_parameter changes the columns.")

    def _parameters(self, tenant_id: str) -> dict[str, Any]:
        """Return the parameters of a run, as the report wants them."""
        edition = self.endpoint.tenant_reports[tenant_id]
        return checked(edition.report.parameters, edition.description, self.endpoint.dates, self.today)

    def _run(self, tenant_id: str, parameters: Mapping[str, Any], bounds: Mapping[str, str]) -> Iterator[Page]:
        """Yield all pages of a run."""
        last = parse_date(list(bounds.values())[-1]) if bounds else None
        rows = 0
        for answer, more in iter_pages(self.run_report(tenant_id, parameters, number) for number in itertools.count()):
            records = self._records(tenant_id, answer, bounds, rows)
            rows += len(records)
            yield Page(records, more, newest=last)

    def _records(
        self, tenant_id: str, answer: Rows[list[Any]], bounds: Mapping[str, str], before: int
    ) -> list[dict[str, Any]]:
        """Make a page's records, numbered where there were so many rows before in this run."""
        headers = [header.name for header in answer.fields]
        if headers or answer.data:
            self._compare(tenant_id, headers)
        names = [self.endpoint.columns[tenant_id].get(place) for place in number_duplicates(headers)]
        try:
            made = list(cells.records(names, answer.data, self.effective_schema["properties"], before=before))
        except ReportError as error:
            if not bounds:
                raise
            msg = f"{str(error).removesuffix('.')} of {' to '.join(dict.fromkeys(bounds.values()))}."
            raise ReportError(msg, remedy=error.remedy) from None
        if bounds:
            made = [{**bounds, ROW: row, **record} for row, record in enumerate(made, start=before + 1)]
        return self._lines.fitted(made) if self._lines else made

    def _window(self, edition: TenantReport) -> str:
        return edition.report.window if len(self.endpoint.dates) > 1 else "day"

    def _start(self, tenant_id: str) -> date:
        """Return the first day to ask for."""
        report = self.endpoint.tenant_reports[tenant_id].report
        start = self.tap.settings.start_date or self.started - timedelta(days=FIRST_DAYS)
        written = report.parameters.get(self.endpoint.dates[0])
        first = dates.resolve(written, self.today) if written else start.date()
        bookmark = self.bookmark(tenant_id).get("replication_key_value")
        if not bookmark:
            return first
        done = min(parse_date(bookmark).date(), self.today)
        back = done - report.lookback_days * dates.DAY
        # The look-back does not go before the start, unless that moves with the day.
        return back if written and dates.relative(written, self.today) else max(back, min(first, done))

    def _end(self, edition: TenantReport) -> date:
        """Return the last day to ask for: what the setting says of a pair's end, a year ahead at most; else today."""
        written = edition.report.parameters.get(self.endpoint.dates[-1]) if len(self.endpoint.dates) > 1 else None
        return min(dates.resolve(written, self.today), self.today + YEAR_AHEAD) if written else self.today

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

    def _compare(self, tenant_id: str, headers: list[str]) -> None:
        """Tell, once, in which columns an answer differs from the catalog: the report's owner may have changed it."""
        known = self.effective_schema["properties"]
        columns = self.endpoint.columns[tenant_id]
        names = {columns[place] for place in number_duplicates(headers) if place in columns}
        one_tenant = len(self.endpoint.tenant_reports) == 1  # else each may lack some of the columns that others have
        gone = (
            {name for name in known if name not in names and name not in self.endpoint.added_fields}
            if one_tenant
            else set()
        )
        undescribed = {place[0] for place in number_duplicates(headers) if place not in columns}
        for text, columns_told in (
            ("column %s is not in the catalog and left out. Discover again to have it.", names.difference(known)),
            ("ServiceTitan does not describe the column %s, which is left out.", undescribed),
            ("the report has no column %s any more.", gone),
        ):
            if news := sorted(columns_told - self._told):
                self._told.update(news)
                self.log(f"Stream %s: {text}", self.name, ", ".join(news), level=logging.WARNING)

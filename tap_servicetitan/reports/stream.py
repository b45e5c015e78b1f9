"""The stream of a custom report."""

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
from tap_servicetitan.reports import relative_dates
from tap_servicetitan.reports.date_windows import calendar_windows
from tap_servicetitan.reports.endpoint import ROW, Report, TenantReport
from tap_servicetitan.reports.metadata import Rows, number_duplicates
from tap_servicetitan.reports.report_parameters import validate_parameters
from tap_servicetitan.reports.rows import make_records
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.listing import PagedStream
from tap_servicetitan.streams.pagination import Page, iter_pages
from tap_servicetitan.streams.window import FIRST_DAYS

if TYPE_CHECKING:
    from tap_servicetitan.errors import Failure, StreamError


YEAR_AHEAD = timedelta(days=366)
"""Windows end at most this far in the future."""


class ReportStream(PagedStream):
    """A custom report: run once, or once for each date or window since the bookmark."""

    endpoint: ClassVar[Report]
    throttled_separately = True

    @functools.cached_property
    def _reported_columns(self) -> set[str]:
        """Columns for which there was a warning already."""
        return set()

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
        return self.shape.decoder(Rows, rows=list[Any])

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        parameters = self._parameters(tenant_id)
        self._check_catalog()
        if not self.endpoint.dates:
            yield from self._run(tenant_id, parameters, {})
            return
        start, end = self._start(tenant_id), self._end(tenant_report)
        requests = [
            dict(zip(self.endpoint.dates, (span.first.isoformat(), span.last.isoformat()), strict=False))
            for span in calendar_windows(self._window(tenant_report), start, end)
        ]
        if not requests:
            text = "Tenant %s, stream %s: nothing to read, since its start, %s, is after its end, %s."
            self.log(text, tenant_id, self.name, start, end, level=logging.WARNING)
        if self.ABORT_AT_RECORD_COUNT is not None:
            requests = requests[-1:]
        self._log_duration(tenant_id, len(requests))
        for bounds in requests:
            yield from self._run(tenant_id, {**parameters, **bounds}, bounds)

    @override
    def probe(self, tenant_id: str) -> None:
        # Discovery requested the metadata, which needs the same scope; a run would use up the limit of runs.
        self._check_catalog()
        self._parameters(tenant_id)

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if not page.has_more:
            # Yesterday at most: a day that is over in UTC may not be over in the tenant's time zone.
            yesterday = datetime.combine(self.today - relative_dates.DAY, time(), UTC)
            bookmarks.advance_date(bookmark, self.endpoint.replication_key, page.newest, yesterday)

    @property
    def today(self) -> date:
        """The day of the run, in UTC."""
        return self.started.date()

    def run_report(self, tenant_id: str, parameters: Mapping[str, Any], number: int) -> Rows[list[Any]]:
        """Request a page of a report's data.

        Args:
            tenant_id: Whose report.
            parameters: Values by name.
            number: Of the page, counted from 0.
        """
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        page: Rows[list[Any]] = self.fetch(
            tenant_id,
            self.numbered(number),
            parent={"report_category": tenant_report.report.category, "report_id": tenant_report.report.report_id},
            body={"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
            budget=tenant_report.budget,
        )
        return page

    @override
    def failure(self, tenant_id: str, error: StreamError) -> Failure:
        failure = super().failure(tenant_id, error)
        if not isinstance(error, RefusedRequestError):
            return failure
        return replace(failure, remedy="Compare the parameters in custom_reports with what --list-reports shows.")

    def _check_catalog(self) -> None:
        """Check that the catalog was discovered with the same ``backfill_date_parameter``.

        Raises:
            ReportError: Records would have no key, or no date.
        """
        known, required = self.effective_schema["properties"], self.endpoint.schema["properties"]
        differing = [name for name in self.endpoint.added_fields if name not in known]
        differing += [name for name in self.primary_keys or () if name not in required]
        if differing:
            msg = f"The catalog does not fit the setting custom_reports: see the column {', '.join(differing)}."
            raise ReportError(msg, remedy="Discover again, since backfill_date_parameter changes the columns.")

    def _parameters(self, tenant_id: str) -> dict[str, Any]:
        """Return the parameters of a run."""
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        return validate_parameters(
            tenant_report.report.parameters, tenant_report.metadata, self.endpoint.dates, self.today
        )

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
        """Make a page's records; they are numbered from ``before``, the rows of earlier pages."""
        headers = [header.name for header in answer.fields]
        if headers or answer.data:
            self._compare_columns(tenant_id, headers)
        names = [self.endpoint.columns[tenant_id].get(key) for key in number_duplicates(headers)]
        try:
            records = list(make_records(names, answer.data, self.effective_schema["properties"], before=before))
        except ReportError as error:
            if not bounds:
                raise
            msg = f"{str(error).removesuffix('.')} of {' to '.join(dict.fromkeys(bounds.values()))}."
            raise ReportError(msg, remedy=error.remedy) from None
        if bounds:
            records = [{**bounds, ROW: row, **record} for row, record in enumerate(records, start=before + 1)]
        return self.shape.to_structs(records)

    def _window(self, tenant_report: TenantReport) -> str:
        return tenant_report.report.window if len(self.endpoint.dates) > 1 else "day"

    def _start(self, tenant_id: str) -> date:
        """Return the first day to read."""
        report = self.endpoint.tenant_reports[tenant_id].report
        start = self.tap.settings.start_date or self.started - timedelta(days=FIRST_DAYS)
        written = report.parameters.get(self.endpoint.dates[0])
        first = relative_dates.resolve(written, self.today) if written else start.date()
        bookmark = self.bookmark(tenant_id).get("replication_key_value")
        if not bookmark:
            return first
        done = min(parse_date(bookmark).date(), self.today)
        back = done - report.lookback_days * relative_dates.DAY
        # The look-back does not go before the start, unless that moves with the day.
        return back if written and relative_dates.relative(written, self.today) else max(back, min(first, done))

    def _end(self, tenant_report: TenantReport) -> date:
        """Return the last day to read: the value of ``To``, or a year from today if that is earlier; else today."""
        written = tenant_report.report.parameters.get(self.endpoint.dates[-1]) if len(self.endpoint.dates) > 1 else None
        return min(relative_dates.resolve(written, self.today), self.today + YEAR_AHEAD) if written else self.today

    def _log_duration(self, tenant_id: str, runs: int) -> None:
        minutes = runs / self.tap.settings.reports_per_minute
        if minutes > 1:
            self.log(
                "Tenant %s, stream %s: at least %d runs, about %d minutes at %g a minute.",
                tenant_id,
                self.name,
                runs,
                minutes,
                self.tap.settings.reports_per_minute,
            )

    def _compare_columns(self, tenant_id: str, headers: list[str]) -> None:
        """Warn, once, of columns that differ from the catalog: the report's owner may have changed them."""
        known = self.effective_schema["properties"]
        columns = self.endpoint.columns[tenant_id]
        names = {columns[key] for key in number_duplicates(headers) if key in columns}
        one_tenant = len(self.endpoint.tenant_reports) == 1  # else each tenant may lack columns of others
        gone = (
            {name for name in known if name not in names and name not in self.endpoint.added_fields}
            if one_tenant
            else set()
        )
        without_metadata = {key[0] for key in number_duplicates(headers) if key not in columns}
        for text, reported in (
            ("column %s is not in the catalog and is ignored. Discover again to have it.", names.difference(known)),
            ("column %s is not in the report's metadata and is ignored.", without_metadata),
            ("the report has no column %s any more.", gone),
        ):
            if news := sorted(reported - self._reported_columns):
                self._reported_columns.update(news)
                self.log(f"Stream %s: {text}", self.name, ", ".join(news), level=logging.WARNING)

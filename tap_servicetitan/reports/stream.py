"""The stream of a custom report."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.errors import RefusedRequestError, ReportError, StreamError, shown_names
from tap_servicetitan.reports.date_windows import DateWindow, calendar_windows, days_to_read
from tap_servicetitan.reports.endpoint import ROW, Report
from tap_servicetitan.reports.metadata import Rows, number_duplicates
from tap_servicetitan.reports.relative_dates import DAY, relative
from tap_servicetitan.reports.report_parameters import date_range, validate_parameters
from tap_servicetitan.reports.report_run import ReportRun, read_pages
from tap_servicetitan.reports.rows import make_records
from tap_servicetitan.settings.custom_reports import by_tenant
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.state.bookmarks import DateBookmark

if TYPE_CHECKING:
    from tap_servicetitan.failures import Failure


class ReportStream(EndpointStream):
    """A custom report: run once, or once for each date or window since the bookmark."""

    endpoint: ClassVar[Report]
    may_keep_unknown_fields = False
    throttled_separately = True

    @property
    @override
    def always_partial(self) -> str | None:
        if self.endpoint.dates:
            return "a run reads windows of time, never all of it"
        values = (value for one in self.endpoint.tenant_reports.values() for value in one.report.parameters.values())
        today = self.run_context.started.date()
        moving = any(isinstance(value, str) and relative(value, today) for value in values)
        return "the parameters move with the day" if moving else None

    @functools.cached_property
    def _reported_columns(self) -> set[tuple[str, str]]:
        """Tenants and columns for which there was a warning already."""
        return set()

    @functools.cached_property
    def _inconsistent(self) -> set[str]:
        """Tenants with rows that moved between pages: their bookmarks stay before these rows."""
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
    def decode(self) -> Callable[[bytes], Any]:
        return self.shape.decoder(Rows, rows=list[Any])

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        tenant_id = api.tenant_id
        bookmark = DateBookmark.load(stored, self.endpoint.replication_key)
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        parameters = self._parameters(tenant_id)
        self._check_catalog()
        if not self.endpoint.dates:
            days = date_range(tenant_report.report.parameters, self.today(tenant_id))
            if days and days.first > days.last:
                self._log_nothing_to_read(tenant_id, days)
                yield Page([], incomplete="there is nothing to read")
            else:
                yield from self._run(api, parameters)
            return
        days = days_to_read(
            tenant_report.report,
            self.endpoint.dates,
            bookmark=bookmark.date.date() if bookmark.date else None,
            today=self.today(tenant_id),
            start_date=start_date.date() if start_date else None,
        )
        windows = list(calendar_windows(tenant_report.report.window if len(self.endpoint.dates) > 1 else "day", days))
        if not windows:
            self._log_nothing_to_read(tenant_id, days)
        if self.ABORT_AT_RECORD_COUNT is not None:
            windows = windows[-1:]
        self._log_duration(tenant_id, len(windows))
        for window in windows:
            bounds = self._bounds(self.endpoint.stepped(tenant_id), window)
            finished = DateWindow(max(days.first, window.first), window.last).finished(self.today(tenant_id))
            if finished:
                bookmark = bookmark.advance(_midnight(finished), _midnight(self.today(tenant_id) - DAY))
            yield from self._run(api, {**parameters, **bounds}, window, bookmark)

    @override
    def probe(self, api: ApiReader) -> None:
        # Discovery requested the metadata, which needs the same scope; a run would use up the limit of runs.
        self._check_catalog()
        self._parameters(api.tenant_id)

    def today(self, tenant_id: str) -> date:
        """Return the day of the run, in the tenant's time zone."""
        tenants = self.run_context.settings.tenants
        return next(one for one in tenants if one.tenant_id == tenant_id).day(self.run_context.started)

    def run_report(self, api: ApiReader, parameters: Mapping[str, Any], number: int) -> Rows[list[Any]]:
        """Request a page of a report's data.

        Args:
            api: Requests the tenant's pages.
            parameters: Values by name.
            number: Of the page, counted from 0.
        """
        tenant_report = self.endpoint.tenant_reports[api.tenant_id]
        page: Rows[list[Any]] = api.fetch(
            {**api.page_params(number), "includeTotal": "true"},
            path_values={"report_category": tenant_report.report.category, "report_id": tenant_report.report.report_id},
            body={"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
            rate_limiter=tenant_report.budget,
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
            msg = f"The catalog does not fit the setting custom_reports: see the column {shown_names(differing)}."
            raise ReportError(msg, remedy="Discover again, since backfill_date_parameter changes the columns.")

    def _parameters(self, tenant_id: str) -> dict[str, Any]:
        """Return the parameters of a run."""
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        return validate_parameters(
            tenant_report.report.parameters,
            tenant_report.metadata,
            self.endpoint.stepped(tenant_id),
            self.today(tenant_id),
        )

    def _bounds(self, names: tuple[str, ...], window: DateWindow) -> dict[str, str]:
        """Return the first and the last day of a window under these names."""
        return dict(zip(names, (window.first.isoformat(), window.last.isoformat()), strict=False))

    def _run(
        self,
        api: ApiReader,
        parameters: Mapping[str, Any],
        window: DateWindow | None = None,
        bookmark: DateBookmark | None = None,
    ) -> Iterator[Page]:
        """Yield all pages of a run.

        Args:
            api: Requests the tenant's pages.
            parameters: Values by name.
            window: The days that are read; None if the report is not stepped.
            bookmark: Behind the last of them that is over.
        """
        try:
            run = self._consistent_run(api, parameters, window)
            complete = api.tenant_id not in self._inconsistent
            rows = 0
            for page in run.pages:
                records = self._records(api.tenant_id, page, window, rows)
                rows += len(records)
                behind = bookmark if complete and page is run.pages[-1] else None
                yield Page(
                    records,
                    behind,
                    newest=bookmark.date if bookmark else None,
                    incomplete=None if complete else "rows moved between its pages",
                )
        except StreamError as error:
            if window:
                error.args = (f"For {window}: {error}",)
            raise

    def _consistent_run(self, api: ApiReader, parameters: Mapping[str, Any], window: DateWindow | None) -> ReportRun:
        """Run a report, twice if rows move between its pages; if they move again, the bookmark stays where it is."""
        for attempt in range(2):
            run = read_pages(functools.partial(self.run_report, api, parameters))
            if run.inconsistency is None:
                return run
            text = "Tenant %s, stream %s: rows were added or removed while reading%s: %s. %s"
            what_follows = "The next run reads them again." if attempt else "They are read again now."
            days = f" {window}" if window else ""
            level = logging.WARNING if attempt else logging.INFO
            self.log(text, api.tenant_id, self.name, days, run.inconsistency, what_follows, level=level)
        self._inconsistent.add(api.tenant_id)
        return run

    def _records(
        self, tenant_id: str, answer: Rows[list[Any]], window: DateWindow | None, before: int
    ) -> list[dict[str, Any]]:
        """Make a page's records; they are numbered from ``before``, the rows of earlier pages."""
        headers = [header.name for header in answer.fields]
        if headers or answer.data:
            self._compare_columns(tenant_id, headers)
        names = [self.endpoint.columns[tenant_id].get(key) for key in number_duplicates(headers)]
        declared = self.endpoint.declared_types(tenant_id)
        properties = self.effective_schema["properties"]
        records = list(make_records(names, answer.data, properties, declared_now=declared, before=before))
        if window:
            bounds = self._bounds(self.endpoint.dates, window)
            records = [{**bounds, ROW: row, **record} for row, record in enumerate(records, start=before + 1)]
        return self.shape.to_structs(records)

    def _log_nothing_to_read(self, tenant_id: str, days: DateWindow) -> None:
        text = "Tenant %s, stream %s: nothing to read, since its first day, %s, is after its last day, %s."
        level = logging.WARNING if days.first > self.today(tenant_id) else logging.INFO
        self.log(text, tenant_id, self.name, days.first, days.last, level=level)

    def _log_duration(self, tenant_id: str, runs: int) -> None:
        minutes = runs / self.run_context.settings.reports_per_minute
        if minutes > 1:
            self.log(
                "Tenant %s, stream %s: at least %d runs, about %d minutes at %g a minute.",
                tenant_id,
                self.name,
                runs,
                minutes,
                self.run_context.settings.reports_per_minute,
            )

    def _compare_columns(self, tenant_id: str, headers: list[str]) -> None:
        """Warn, once, of columns that differ from the catalog: the report's owner may have changed them."""
        keys = list(number_duplicates(headers))
        columns = self.endpoint.columns[tenant_id]
        present = {columns[key] for key in keys if key in columns}
        known = self.effective_schema["properties"].keys() - self.endpoint.added_fields
        for text, names in (
            ("column %s is not in the catalog and is ignored. Discover again to have it.", present - known),
            (
                "column %s is newer than the metadata that this run requested, and is ignored. Discover again to have it.",
                {name for name, number in keys if (name, number) not in columns},
            ),
            ("the report has no column %s any more.", known & (self._expected_columns(tenant_id) - present)),
        ):
            if news := sorted(name for name in names if (tenant_id, name) not in self._reported_columns):
                self._reported_columns.update((tenant_id, name) for name in news)
                self.log(
                    f"Tenant %s, stream %s: {text}", tenant_id, self.name, shown_names(news), level=logging.WARNING
                )

    def _expected_columns(self, tenant_id: str) -> set[str]:
        """Return the columns of a tenant's metadata, and those of the catalog if no other tenant has the report."""
        own = set(self.endpoint.columns[tenant_id].values())
        settings = self.run_context.settings
        sharing = [one for one in settings.tenants if self.name in by_tenant(settings.custom_reports, one.tenant_id)]
        return (
            own if len(sharing) > 1 else own | self.effective_schema["properties"].keys() - self.endpoint.added_fields
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

"""The stream of a custom report."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.errors import RefusedRequestError, ReportError, StreamError, shown_names
from tap_servicetitan.reports.date_windows import DateWindow, calendar_windows, days_to_read, windows_left
from tap_servicetitan.reports.endpoint import ROW, Report
from tap_servicetitan.reports.metadata import Rows, number_duplicates
from tap_servicetitan.reports.query import Query, ReportBookmark
from tap_servicetitan.reports.relative_dates import moves
from tap_servicetitan.reports.report_parameters import date_range, validate_parameters
from tap_servicetitan.reports.report_run import ReportRun
from tap_servicetitan.reports.rows import column_changes, make_columns
from tap_servicetitan.reports.runner import ReportRunner
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
        return "the parameters move with the day" if any(map(moves, values)) else None

    @functools.cached_property
    def _reported_columns(self) -> set[tuple[str, str]]:
        """Tenants and columns for which there was a warning already."""
        return set()

    @functools.cached_property
    def _inconsistent(self) -> set[str]:
        """Tenants with rows that moved between pages: their bookmarks stay before these rows."""
        return set()

    @functools.cached_property
    def _pending(self) -> dict[str, Query]:
        """The query that is under way, by tenant."""
        return {}

    @property
    @override
    def keeps_bookmark(self) -> bool:
        return True  # a query that is under way, also where each run reads everything

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
        return self.shape.decoder(Rows, rows=tuple[Any, ...])

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        tenant_id = api.tenant_id
        pending = functools.partial(self._pending.get, tenant_id)
        if self.reads_incrementally:
            bookmark = ReportBookmark.load(stored, self.endpoint.replication_key, pending)
        else:
            bookmark = ReportBookmark(DateBookmark(None), pending)
        tenant_report = self.endpoint.tenant_reports[tenant_id]
        parameters = self._parameters(tenant_id)
        self._check_catalog()
        runner = self._runner(api)
        if not self.endpoint.dates:
            days = date_range(tenant_report.report.parameters, self.today(tenant_id))
            if days and days.first > days.last:
                self._log_nothing_to_read(tenant_id, days)
                yield Page([], incomplete="there is nothing to read")
            else:
                runner.resume(stored.get("query"), [parameters])
                yield from self._run(runner, parameters, bookmark)
            return
        days = days_to_read(
            tenant_report.report,
            self.endpoint.dates,
            bookmark=bookmark,
            today=self.today(tenant_id),
            start_date=start_date.date() if start_date else None,
        )
        bookmark = replace(bookmark, end=days.last)
        windows = list(calendar_windows(tenant_report.report.window if len(self.endpoint.dates) > 1 else "day", days))
        if not windows:
            self._log_nothing_to_read(tenant_id, days)
        if self.ABORT_AT_RECORD_COUNT is not None:
            windows = windows[-1:]
        stepped = self.endpoint.stepped(tenant_id)
        runs = {window: {**parameters, **self._bounds(stepped, window)} for window in windows}
        resumed = runner.resume(stored.get("query"), runs.values())
        if resumed is not None and not self.config.get("batch_config"):  # a file may have been lost with what it held
            windows = windows_left(windows, next(one for one in runs if runs[one] == resumed), bookmark.day)
        self._log_duration(tenant_id, len(windows))
        for window in windows:
            asked_days = DateWindow(max(days.first, window.first), window.last)
            bookmark = yield from self._run(runner, runs[window], bookmark, window, asked_days)

    @override
    def probe(self, api: ApiReader) -> None:
        # Discovery requested the metadata, which needs the same scope; a run would use up the limit of runs.
        self._check_catalog()
        self._parameters(api.tenant_id)

    def today(self, tenant_id: str, moment: datetime | None = None) -> date:
        """Return the day of the run, or of a moment, in the tenant's time zone."""
        tenants = self.run_context.settings.tenants
        return next(one for one in tenants if one.tenant_id == tenant_id).day(moment or self.run_context.started)

    def _runner(self, api: ApiReader) -> ReportRunner:
        return ReportRunner(
            self.endpoint,
            api.tenant_id,
            lambda endpoint, decode: self.reader_of(endpoint, api.tenant_id, decode),
            lambda body_type: self.shape.decoder(body_type, rows=tuple[Any, ...]),
            functools.partial(self._keep_query, api.tenant_id),
            wait_factor=self.run_context.wait_factor,
        )

    def _keep_query(self, tenant_id: str, query: Query | None) -> None:
        """Put the query that is under way into STATE, or remove it."""
        self._pending.pop(tenant_id, None)
        if self.ABORT_AT_RECORD_COUNT is not None:
            return
        partition = self.partition_state(tenant_id)
        partition.pop("query", None)
        if query and tenant_id not in self._inconsistent:  # else the next run would go on behind rows that moved
            self._pending[tenant_id] = query
            partition["query"] = query.dump()
        self.run_context.checkpoints.write()

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
        runner: ReportRunner,
        parameters: Mapping[str, Any],
        bookmark: ReportBookmark,
        window: DateWindow | None = None,
        days: DateWindow | None = None,
    ) -> Generator[Page, None, ReportBookmark]:
        """Yield all pages of a run; return the bookmark behind them.

        Args:
            runner: Runs the report.
            parameters: Values by name.
            bookmark: Before the run.
            window: The days that are read; None if the report is not stepped.
            days: Those of them by which the bookmark moves: it starts with the first day that is to be read.
        """
        tenant_id = runner.tenant_id
        try:
            run = self._consistent_run(runner, parameters, window)
            complete = tenant_id not in self._inconsistent
            today = self.today(tenant_id, run.asked)
            if complete and days and (finished := days.finished(today)):
                bookmark = bookmark.advance(finished, today)
            rows = 0
            for page in run.pages:
                records = self._records(tenant_id, page, window, rows)
                rows += len(records)
                yield Page(
                    records,
                    bookmark if page is run.pages[-1] else None,
                    newest=bookmark.newest.date,
                    incomplete=None if complete else "rows moved between its pages",
                )
        except StreamError as error:
            if window:
                error.args = (f"For {window}: {error}",)
            raise
        return bookmark

    def _consistent_run(
        self, runner: ReportRunner, parameters: Mapping[str, Any], window: DateWindow | None
    ) -> ReportRun:
        """Run a report, twice if rows move between its pages; if they move again, the bookmark stays where it is."""
        for attempt in range(2):
            run = runner.run(parameters)
            self._pending.pop(runner.tenant_id, None)  # STATE loses the query with the bookmark behind its rows
            if run.inconsistency is None:
                return run
            text = "Tenant %s, stream %s: rows were added or removed while reading%s: %s. %s"
            what_follows = "The next run reads them again." if attempt else "They are read again now."
            days = f" {window}" if window else ""
            level = logging.WARNING if attempt else logging.INFO
            self.log(text, runner.tenant_id, self.name, days, run.inconsistency, what_follows, level=level)
        self._inconsistent.add(runner.tenant_id)
        return run

    def _records(
        self, tenant_id: str, answer: Rows[tuple[Any, ...]], window: DateWindow | None, before: int
    ) -> list[Any]:
        """Make a page's records; they are numbered from ``before``, the rows of earlier pages."""
        headers = [header.name for header in answer.fields]
        if headers or answer.data:
            self._compare_columns(tenant_id, headers)
        names = [self.endpoint.columns[tenant_id].get(key) for key in number_duplicates(headers)]
        declared = self.endpoint.declared_types(tenant_id)
        properties = self.effective_schema["properties"]
        columns: dict[str, Iterable[Any]] = dict(
            make_columns(names, answer.data, properties, declared_now=declared, before=before)
        )
        if window:
            columns |= {key: itertools.repeat(day) for key, day in self._bounds(self.endpoint.dates, window).items()}
            columns[ROW] = itertools.count(before + 1)
        return self.shape.from_columns(columns, len(answer.data))

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
        known = self.effective_schema["properties"].keys() - self.endpoint.added_fields
        expected = self.endpoint.expected_columns(tenant_id, known, self.run_context.settings)
        changes = column_changes(headers, self.endpoint.columns[tenant_id], known, expected)
        for text, names in changes:
            if news := sorted(name for name in names if (tenant_id, name) not in self._reported_columns):
                self._reported_columns.update((tenant_id, name) for name in news)
                self.log(
                    f"Tenant %s, stream %s: {text}", tenant_id, self.name, shown_names(news), level=logging.WARNING
                )

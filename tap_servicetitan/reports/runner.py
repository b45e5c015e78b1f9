"""Runs a report of a tenant: asynchronously where the tenant has that, else in one request for each page."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.errors import (
    APIError,
    NotFoundError,
    RefusedRequestError,
    ReportError,
    StreamError,
    WrongStateError,
)
from tap_servicetitan.reports.metadata import PascalRows, Rows, fetch_metadata
from tap_servicetitan.reports.query import Pending, Query
from tap_servicetitan.reports.report_run import Page, ReportRun, read_pages

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.reports.endpoint import Report
    from tap_servicetitan.streams.reading.api_reader import ApiReader

POLL_SECONDS = 5.0
"""Between two polls of a query."""

PATIENCE = 1800.0
"""Seconds that a query is polled before it is cancelled."""

MAX_QUERIES = 2
"""Queries for the same rows, where the API forgets their tokens."""

_PASCAL = re.compile(rb'\s*\{\s*"[A-Z]')

_log = logging.getLogger("tap-servicetitan.reports")

_decode_pending = msgspec.json.Decoder(Pending).decode


class ReportRunner:
    """Runs a report of a tenant."""

    def __init__(  # noqa: PLR0913 -- the report, the tenant, and what a stream lends
        self,
        endpoint: Report,
        tenant_id: str,
        reader_of: Callable[[Endpoint, Callable[[bytes], Any]], ApiReader],
        decoder_of: Callable[[Any], Callable[[bytes], Any]],
        keep: Callable[[Query | None], None],
        *,
        wait_factor: float,
    ) -> None:
        """Make the runner of a report.

        Args:
            endpoint: The report.
            tenant_id: The tenant.
            reader_of: Makes what requests an endpoint, given what decodes the answers.
            decoder_of: Makes what decodes answers of a struct type that is generic over the rows.
            keep: Puts the query that is under way into STATE, or removes it.
            wait_factor: Factor on the seconds between polls, and on how long a query is polled.
        """
        decode, decode_pascal = decoder_of(Rows), decoder_of(PascalRows)

        def decode_rows(body: bytes) -> Page:
            if not _PASCAL.match(body):
                return decode(body)  # type: ignore[no-any-return]  # the decoder is typed at run time
            rows: Page = decode_pascal(body).rows()
            return rows

        self.tenant_id = tenant_id
        self._tenant_report = endpoint.tenant_reports[tenant_id]
        self._support = self._tenant_report.support
        report = self._tenant_report.report
        self._path_values = {"report_category": report.category, "report_id": report.report_id}
        self._data = reader_of(endpoint, decode)
        self._query = reader_of(replace(endpoint, path=f"{endpoint.path}/query"), decode_rows)
        self._result = reader_of(replace(endpoint, path="data-queries/{query_token}"), decode_rows)
        self._page_size = endpoint.page_size
        self._name = f"Tenant {tenant_id}, stream {endpoint.name}"
        self._keep = keep
        self._wait_factor = wait_factor
        self._resumed: tuple[Query, Page] | None = None
        """A query of an earlier run of the tap, and its result."""

    def resume(self, stored: Any, wanted: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Wait for the query that an earlier run of the tap left in STATE, if this one wants its rows; else cancel it.

        Args:
            stored: What STATE has of the query.
            wanted: The parameters of each run that will follow.

        Returns:
            The query's parameters, if its rows are there.
        """
        if stored is None:
            return None
        query = Query.load(stored, self._result.now())
        report_id = self._tenant_report.report.report_id
        if query is None or not any(query.is_of(report_id, dict(parameters)) for parameters in wanted):
            if isinstance(stored, Mapping) and isinstance(token := stored.get("token"), str) and token:
                self._cancel(token)
            self._keep(None)
            return None
        _log.info("%s: goes on to wait for the query that the run before this one began.", self._name)
        self._support.under_way.add(self._name)
        try:
            if rows := self._poll(query):
                self._resumed = query, rows
        finally:
            self._support.under_way.discard(self._name)
        return self._resumed and query.parameters

    def run(self, parameters: Mapping[str, Any]) -> ReportRun:
        """Run the report, or use the result of the query that was resumed."""
        asked: datetime | None = None

        def page(number: int, before: ReportRun) -> Page | None:
            nonlocal asked
            if self._resumed and self._resumed[0].is_of(self._tenant_report.report.report_id, dict(parameters)):
                (query, rows), self._resumed = self._resumed, None
                asked = query.asked
                return self._checked(rows, before)
            answer = None
            if self._support.available:
                self._wait_for_turn()
                try:
                    answer = self._run_query(parameters, number)
                finally:
                    self._support.under_way.discard(self._name)
            return self._run_at_once(parameters, number) if answer is None else self._checked(answer, before)

        run = read_pages(page)
        run.asked = asked
        return run

    def _run_at_once(self, parameters: Mapping[str, Any], number: int) -> Page:
        """Request a page of the data by the synchronous operation."""
        page: Page = self._data.fetch(
            {**self._data.page_params(number), "includeTotal": "true"},
            path_values=self._path_values,
            body=_body(parameters),
            rate_limiter=self._tenant_report.budget,
            retry_conflict=True,
        )
        return page

    def _run_query(self, parameters: Mapping[str, Any], number: int) -> Page | None:
        """Run the report asynchronously; None if the tenant has no asynchronous queries."""
        for _ in range(MAX_QUERIES):
            asked = self._query.now()
            try:
                answer = self._send_query(parameters, number)
            except NotFoundError:
                self._without_queries()
                return None
            if isinstance(answer, Rows):
                return answer
            query = Query(
                token=answer.token,
                asked=asked,
                report_id=self._tenant_report.report.report_id,
                parameters=dict(parameters),
            )
            if number == 0:  # a later page is of no use to a run that begins with the first
                self._keep(query)
            if rows := self._poll(query, wait_first=True):
                return rows
        msg = "The API knows none of the tokens that it answered the report's queries with."
        raise ReportError(msg, remedy="If it lasts, ask ServiceTitan's support.")

    def _wait_for_turn(self) -> None:
        """Wait until a query may be sent, and count it as under way."""
        self._support.wait_for_turn(self._name, lambda: self._query.wait(POLL_SECONDS * self._wait_factor))

    def _send_query(self, parameters: Mapping[str, Any], number: int) -> Page | Pending:
        """Send a query; if the tenant's other ones are in its way, after them."""
        send = functools.partial(
            self._query.fetch,
            self._query.page_params(number),
            path_values=self._path_values,
            body=_body(parameters),
            rate_limiter=self._tenant_report.budget,
            decode_pending=_decode_pending,
        )
        support = self._support
        while True:
            try:
                answer: Page | Pending = send()
            except WrongStateError:
                if support.under_way == {self._name}:  # something else is in the way
                    return send(retry_conflict=True)  # type: ignore[no-any-return]  # likewise
                support.one_at_a_time = True
                _log.info("%s: waits until the tenant's other reports have run.", self._name)
                support.under_way.discard(self._name)
                self._wait_for_turn()
            else:
                return answer

    def _without_queries(self) -> None:
        """Note that the tenant has no asynchronous queries.

        Raises:
            NotFoundError: It has no such report any more.
        """
        report, budget = self._tenant_report.report, self._tenant_report.budget
        budget.give_back()
        with self._data.released():
            fetch_metadata(self._data.client, report.category, report.report_id, self._support.polls)
        if self._support.available:
            self._support.available = False
            _log.info("%s: the tenant has no asynchronous report queries; its reports run at once.", self._name)

    def _poll(self, query: Query, *, wait_first: bool = False) -> Page | None:
        """Wait for the rows of a query; None if the API does not know its token, or not any more.

        Raises:
            APIError: They did not come in time.
        """
        seconds = POLL_SECONDS * self._wait_factor
        deadline = time.monotonic() + PATIENCE * self._wait_factor
        while True:
            if wait_first:
                self._result.wait(seconds)
            wait_first = True
            try:
                answer = self._result.fetch(
                    {},
                    path_values={"query_token": query.token},
                    rate_limiter=self._support.polls,
                    decode_pending=_as_pending,
                    retry_conflict=True,
                )
            except (NotFoundError, RefusedRequestError) as error:
                _log.info("%s: the query is run again. %s", self._name, error)
                self._keep(None)
                return None
            if isinstance(answer, Rows):
                return answer
            if time.monotonic() >= deadline:
                if self._cancel(query.token):
                    self._keep(None)
                msg = f"The report did not end within {PATIENCE / 60:.0f} minutes."
                raise APIError(msg, remedy="Choose a smaller window or other parameters, or run again later.")

    def _cancel(self, token: str) -> bool:
        """Cancel a query, so that its slot is free; return whether it has ended."""
        try:
            status = self._result.delete({"query_token": token})
        except StreamError as error:
            _log.info("%s: the query could not be cancelled. %s", self._name, error)
            return False
        if status == HTTPStatus.FORBIDDEN:
            _log.info("%s: the query was not cancelled, which needs the scope tn.rpr.reports:w.", self._name)
        return status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_FOUND

    def _checked(self, page: Page, before: ReportRun) -> Page | None:
        """Decide whether another page follows an asynchronous one; None if it repeats an earlier one.

        Live tenants send the whole result at once, whatever page was requested, and may say ``HasMore`` of it.
        """
        if before.has(page):
            self._support.repeats_pages = True
            return None
        if page.hasMore:
            if isinstance(page.totalCount, int):
                page.hasMore = before.row_count + len(page.data) < page.totalCount
            elif self._support.repeats_pages:
                page.hasMore = False
            else:
                page.hasMore = len(page.data) == (page.pageSize or self._page_size)
        return page


def _body(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]}


def _as_pending(_: bytes) -> Pending:
    """Read the answer to a poll by its status alone."""
    return Pending()

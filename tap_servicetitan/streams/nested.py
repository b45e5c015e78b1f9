"""Collections of which there is one for each record of another."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_servicetitan.dates import format_api_date, latest, parse_dates
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested, Paged
from tap_servicetitan.errors import APIError, NotFoundError, StreamError
from tap_servicetitan.output.decoder import Decoder
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import body_type, wrap_bare_body
from tap_servicetitan.streams.reading.list_reader import ListReader
from tap_servicetitan.streams.reading.parents import (
    MAX_PARENT_FAILURES,
    PARENT_PAGE_SIZE,
    ParentFailures,
    Parents,
    PathValues,
    estimate,
    have_ids,
    path_values,
)
from tap_servicetitan.streams.state.bookmarks import ParentBookmark

RECORD_BATCH_SIZE = 1000
"""Records of several parents that are written together."""

MODIFIED_ON = "modifiedOn"
"""The parents' date by which the API lists those that changed."""

LONG_SECONDS = 60
"""A reading that takes longer is announced."""

EARLIEST = "2000-01-01T00:00:00Z"
"""Where a range of dates begins without ``start_date``; ServiceTitan was founded in 2007."""


class NestedStream(EndpointStream):
    """At least one request for each parent."""

    endpoint: ClassVar[Nested]

    @property
    @override
    def keeps_bookmark(self) -> bool:
        # A stream that is always read in full goes on at the page of parents where a run was interrupted.
        return self.endpoint.replication_key is None or super().keeps_bookmark

    @property
    @override
    def bounded_by_start_date(self) -> bool:
        return self.endpoint.replication_key is not None or self.endpoint.date_range_params is not None

    @property
    @override
    def reads_incrementally(self) -> bool:
        return super().reads_incrementally or self._asks_changed_parents

    @property
    @override
    def partial_without_full_reads(self) -> str | None:
        return "only changed parents are asked; name the stream in full_reads" if self._asks_changed_parents else None

    @functools.cached_property
    def _asks_changed_parents(self) -> bool:
        """Whether later runs ask for the records of changed parents only."""
        endpoint = self.endpoint
        if endpoint.replication_key and self.replication_method == REPLICATION_FULL_TABLE:  # forced
            return False
        words = self.run_context.settings.nested_parents
        word = words.get(self.name) or words.get("*") or endpoint.nested_parents
        return word == "changed" and table.lists_changed_parents(endpoint)

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        changed = self._asks_changed_parents
        bookmark = ParentBookmark.load(stored, self.endpoint.replication_key).for_parents(changed=changed)
        params = self._params(bookmark.newest.start(start_date), start_date)
        failures = ParentFailures()
        newest: datetime | None = None
        without_id = 0
        incomplete: str | None = None
        for number, page in enumerate(self._parents(api).read(bookmark)):
            if not number and page.total and not isinstance(table.parent(self.endpoint), Nested):
                self._log_estimate(api.tenant_id, page.total - page.number * PARENT_PAGE_SIZE)
            values = [path_values(self.endpoint, parent) for parent in page.parents]
            requestable = [each for each in values if have_ids(each)]
            without_id += len(values) - len(requestable)
            for records in batched(self._records(api, params, requestable, failures)):
                newest = latest(newest, self.newest(records))
                yield Page(records, newest=newest)
            if changed:
                dates = (parent.get(MODIFIED_ON) for parent in page.parents)
                bookmark = bookmark.asked(max(parse_dates(dates), default=None))
            incomplete = incomplete or page.incomplete
            if page.last:
                self._raise_or_warn(api.tenant_id, failures, without_id, few=bookmark.parents_since is not None)
                if incomplete:
                    self.warn_of_moved_rows(api.tenant_id, f"of its parents, {incomplete}")
                # Parents that were all refused are asked again until one answers: it may be the collection that is gone.
                complete = incomplete is None and not failures.none_answered
                yield Page(
                    [],
                    bookmark.finish(newest, api.began(), complete=complete, changed=changed),
                    newest,
                    incomplete=incomplete or _not_read(failures, without_id),
                )
            elif page.settled and not failures.block_bookmark:
                # Not behind a parent that failed; nor behind parents that were all refused: if the rest of them are
                # refused too, only all of them show it.
                bookmark = bookmark.advance(page.number + 1, page.highest_id, page.total, api.began())
                yield Page([], bookmark, newest, incomplete=incomplete or _not_read(failures, without_id))

    def _log_estimate(self, tenant_id: str, parents: int) -> None:
        """Log how long the requests for parents take, if it is longer than the log is silent otherwise."""
        per_second = self.run_context.settings.requests_per_second
        if parents / per_second >= LONG_SECONDS:
            self.log("Tenant %s, stream %s: %s.", tenant_id, self.name, estimate(parents, per_second))

    def _raise_or_warn(self, tenant_id: str, failures: ParentFailures, without_id: int, *, few: bool) -> None:
        """Report parents without an answer.

        Args:
            tenant_id: Whose.
            failures: What became of the requests.
            without_id: Parents that could not be requested.
            few: Whether only changed parents were asked, so that by chance all of them may have no records.

        Raises:
            APIError: Some failed; or all were refused, so that it is the collection that does not exist.
        """
        if without_id:
            self.log(
                "Tenant %s, stream %s: %d of its parents have no id, so that their records cannot be requested.",
                tenant_id,
                self.name,
                without_id,
                level=logging.WARNING,
            )
        if not failures.last:
            return
        if failures.failed:
            text = (
                f"{failures.failed} of the {failures.requested} parents could not be read, the last one: "
                f"{failures.last}"
            )
            raise APIError(text, remedy=failures.last.remedy)
        text = (
            f"{failures.not_found} of the {failures.requested} parents were refused, the last one with: {failures.last}"
        )
        if failures.none_answered and failures.not_found > MAX_PARENT_FAILURES and not few:
            raise NotFoundError(text)
        self.log("Tenant %s, stream %s: %s", tenant_id, self.name, text, level=logging.WARNING)

    @override
    def probe(self, api: ApiReader) -> None:
        parent = self._parents(api).first()
        values = path_values(self.endpoint, parent) if parent else {}
        if parent is not None and have_ids(values):
            with suppress(NotFoundError):
                api.fetch({**self._params(None, None), **api.page_params(0, size=1)}, path_values=values)

    def _parents(self, api: ApiReader) -> Parents:
        def reader_of(endpoint: Paged) -> ApiReader:
            decoder: Decoder[Any] = Decoder(body_type(endpoint), dict[str, Any], self.violations)
            decode = decoder if endpoint.records_path is not None else lambda body: decoder(wrap_bare_body(body))
            return self.reader_of(endpoint, api.tenant_id, decode)

        return Parents(self.endpoint, reader_of)

    def _params(self, since: str | None, start_date: datetime | None) -> dict[str, str]:
        if self.endpoint.date_range_params:
            first, last = self.endpoint.date_range_params
            start = format_api_date(start_date) if start_date else EARLIEST
            return {first: since or start, last: format_api_date(self.run_context.started)}
        return {self.endpoint.since_param: since} if since else {}

    def _records(
        self, api: ApiReader, params: Mapping[str, str], parents: list[PathValues], failures: ParentFailures
    ) -> Iterator[list[Any]]:
        """Yield the records of parent after parent, page by page; first pages are requested at the same time."""
        date_range = {key: params[key] for key in self.endpoint.date_range_params or ()}
        types = self.schema["properties"]
        request = functools.partial(self._request_first, api, params)
        for parent, first in zip(parents, self.run_context.prefetcher.map(request, parents), strict=True):
            failures.requested += 1
            ids = {key: value if "integer" in types[key]["type"] else str(value) for key, value in parent.items()}
            try:
                if isinstance(first, StreamError):
                    raise first
                for rows in self._list_reader(api, params, parent, first).read():
                    records = self.records_of(rows.records)
                    self.shape.set_fields(records, {**ids, **date_range})
                    yield records
                    if rows.incomplete:
                        failures.add(APIError(rows.incomplete, remedy="Run again."))
            except StreamError as error:
                failures.add(error)

    def _request_first(self, api: ApiReader, params: Mapping[str, str], parent: PathValues) -> Any | StreamError:
        try:
            return api.request({**params, **api.page_params(0)}, path_values=parent)
        except StreamError as error:
            return error

    def _list_reader(self, api: ApiReader, params: Mapping[str, str], parent: PathValues, first: Any) -> ListReader:
        """Return what reads a parent's pages, the first of which has been requested."""
        return ListReader(
            api,
            params,
            self.shape.values,
            path_values=parent,
            date_field=self.endpoint.replication_key,
            first_body=first,
        )


def _not_read(failures: ParentFailures, without_id: int) -> str | None:
    """Return why rows of parents may be left out, though they exist."""
    if without_id:
        return f"{without_id} parents have no id"
    if failures.inactive:
        return f"{failures.inactive} parents are inactive"
    if failures.requested and failures.not_found == failures.requested:
        return f"none of {failures.requested} parents has an answer"  # it may be the collection that is gone
    return None


def batched(lists: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Join short lists into longer ones, so that they are written together."""
    batch: list[Any] = []
    for records in lists:
        batch += records
        if len(batch) >= RECORD_BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch

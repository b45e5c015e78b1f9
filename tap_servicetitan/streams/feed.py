"""Export feeds: resumed by their own continuation token."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL
from typing_extensions import override

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.errors import PaginationError, RefusedRequestError
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import FeedPage
from tap_servicetitan.streams.reading.pagination import ContinuationPaginator
from tap_servicetitan.streams.state.bookmarks import FeedBookmark


class ExportStream(EndpointStream):
    """A change feed."""

    endpoint: ClassVar[Export]
    body_type = FeedPage
    bounded_by_start_date = True

    @property
    @override
    def replication_method(self) -> str:
        # The token alone makes a feed incremental, with or without a date in its records.
        return str(self.forced_replication_method or REPLICATION_INCREMENTAL)

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        recent = {"includeRecentChanges": "true"} if self.run_context.settings.include_recent_changes else {}
        bookmark = FeedBookmark.load(stored, self.endpoint.replication_key)
        paginator = ContinuationPaginator(bookmark.start(start_date))
        restarted_at: datetime | bool | None = False  # not yet
        while not paginator.finished:
            since = {"from": paginator.current_value} if paginator.current_value else {}
            try:
                body: FeedPage[Any] = api.fetch({**since, **recent})
            except RefusedRequestError as error:
                start = bookmark.restart(start_date)
                if start == paginator.current_value or bookmark.newest.date == restarted_at:
                    raise  # no token was refused, or reading came no further since the last restart
                restarted_at = bookmark.newest.date
                self._log_restart(api.tenant_id, start, error)
                paginator = ContinuationPaginator(start)
                continue
            if "\ufffd" in (body.continueFrom or ""):  # the decoder's replacement; the API would get another token
                msg = "A continueFrom is not valid Unicode, so it cannot be sent back."
                raise PaginationError(msg)
            records = self.records_of(body.data)
            newest = self.newest(records)
            bookmark = bookmark.advance(body.continueFrom, newest, api.now(), has_more=body.hasMore)
            yield Page(records, bookmark, newest)
            paginator.advance(body)  # type: ignore[arg-type]  # a page takes the response's place

    @property
    @override
    def transforms_rows(self) -> bool:
        return bool(self.endpoint.explode) or super().transforms_rows

    @override
    def transform_rows(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        explode = self.endpoint.explode
        return super().transform_rows(list(items(rows, explode)) if explode else rows)

    @override
    def probe(self, api: ApiReader) -> None:
        api.fetch({"from": format_api_date(self.run_context.started)})

    def _log_restart(self, tenant_id: str, start: str | None, error: RefusedRequestError) -> None:
        self.log(
            "Tenant %s, stream %s: the API refused the continuation token (%s). Starting again from %s; records since "
            "then are read again.",
            tenant_id,
            self.name,
            error,
            start or "the beginning",
            level=logging.WARNING,
        )


def items(rows: list[dict[str, Any]], explode: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a list that each row holds, each item with the row's other fields."""
    for row in rows:
        rest = {key: value for key, value in row.items() if key != explode}
        inner = [] if row.get(explode) is None else row[explode]
        for item in inner if isinstance(inner, list) else [inner]:
            yield {**rest, **(item if isinstance(item, dict) else {explode: item})}

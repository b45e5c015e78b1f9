"""Export feeds: resumed by their own continuation token."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL
from typing_extensions import override

from tap_servicetitan.dates import format_api_date, latest, parse_dates
from tap_servicetitan.errors import PaginationError, RefusedRequestError
from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.pagination import ContinuationPaginator, Page

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Export


class ExportStream(EndpointStream):
    """A change feed."""

    endpoint: ClassVar[Export]
    envelope = FeedPage

    @property
    @override
    def replication_method(self) -> str:
        # The token alone makes a feed incremental, with or without a date in its records.
        return str(self.forced_replication_method or REPLICATION_INCREMENTAL)

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        settings = self.run_context.settings
        recent = {"includeRecentChanges": "true"} if settings.include_recent_changes else {}
        paginator = ContinuationPaginator(bookmarks.start_of_feed(self.bookmark(tenant_id), settings.start_date))
        newest = bookmarks.date_of(self.bookmark(tenant_id))
        restart: datetime | bool | None = False  # none yet
        while not paginator.finished:
            since = {"from": paginator.current_value} if paginator.current_value else {}
            try:
                answer = self.fetch(tenant_id, {**since, **recent})
            except RefusedRequestError as error:
                start = bookmarks.start_by_date(self.bookmark(tenant_id), settings.start_date)
                if start == paginator.current_value or newest == restart:
                    raise  # not a token that was refused, or no way forward since the last restart
                restart = newest
                self._tell_restart(tenant_id, start, error)
                paginator = ContinuationPaginator(start)
                continue
            if "\ufffd" in (answer.continueFrom or ""):  # the decoder's replacement; the API would get another token
                msg = "A continueFrom is not valid Unicode, so it cannot be sent back."
                raise PaginationError(msg)
            records = self.records_of(answer)
            dates = parse_dates(self.dates(records))
            page = Page(
                records,
                answer.hasMore,
                answer.continueFrom,
                newest=max(dates, default=None),
                in_order=bookmarks.in_order(dates, newest),
                empty=not records,
            )
            newest = latest(newest, page.newest)
            yield page
            paginator.advance(page)

    @property
    @override
    def transforms_rows(self) -> bool:
        return bool(self.endpoint.explode) or super().transforms_rows

    @override
    def transform_rows(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        each = self.endpoint.explode
        return super().transform_rows(list(items(rows, each)) if each else rows)

    @override
    def probe(self, tenant_id: str) -> None:
        self.fetch(tenant_id, {"from": format_api_date(self.started)})

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        bookmarks.advance_feed(bookmark, page, self.endpoint.replication_key)

    def _tell_restart(self, tenant_id: str, start: str | None, error: RefusedRequestError) -> None:
        self.log(
            "Tenant %s, stream %s: the continuation token was refused (%s). Starting again from %s; records since "
            "then come again.",
            tenant_id,
            self.name,
            error,
            start or "the beginning",
            level=logging.WARNING,
        )


def items(rows: list[dict[str, Any]], each: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a list that each row holds, each item with the row's other fields."""
    for row in rows:
        rest = {key: value for key, value in row.items() if key != each}
        inner = [] if row.get(each) is None else row[each]
        for item in inner if isinstance(inner, list) else [inner]:
            yield {**rest, **(item if isinstance(item, dict) else {each: item})}

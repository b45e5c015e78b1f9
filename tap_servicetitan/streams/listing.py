"""Collections in numbered pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import latest
from tap_servicetitan.endpoints.kinds import Paged
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.list_reader import ListReader
from tap_servicetitan.streams.state.bookmarks import DateBookmark


class ListingStream(EndpointStream):
    """A collection in numbered pages: incremental where it has a replication key, else read in full."""

    endpoint: ClassVar[Paged]

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        bookmark = DateBookmark.load(stored, self.endpoint.replication_key)
        since = bookmark.start(start_date)
        reader = ListReader(
            api,
            {self.endpoint.since_param: since} if since else {},
            self.shape.values,
            date_field=self.endpoint.replication_key,
            prefetcher=self.run_context.prefetcher,
        )
        newest: datetime | None = None
        for rows in reader.read():
            records = self.records_of(rows.records)
            newest = latest(newest, self.newest(records))
            if rows.incomplete:
                self.warn_of_moved_rows(api.tenant_id, rows.incomplete)
            # Pages are not in order of dates: the bookmark can only move after the last one.
            finished = rows.last and not rows.incomplete
            yield Page(
                records,
                bookmark.advance(newest, api.began()) if finished else None,
                newest,
                incomplete=rows.incomplete,
            )

    @override
    def probe(self, api: ApiReader) -> None:
        api.fetch(api.page_params(0, size=1))

"""Collections that are read by time windows."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints.kinds import Window
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.pagination import iter_pages
from tap_servicetitan.streams.state.bookmarks import DateBookmark

FIRST_DAYS = 365
"""Days that a first run reads without ``start_date``: the API cannot return everything."""


class WindowStream(EndpointStream):
    """A collection that is read window by window, from the bookmark to the start of the run."""

    endpoint: ClassVar[Window]

    @property
    @override
    def always_partial(self) -> str:
        return "a run reads windows of time, never all of it"

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        bookmark = DateBookmark.load(stored, self.endpoint.replication_key)
        windows = list(self.windows(bookmark.date, start_date))
        paged = self.endpoint.page_size is not None
        request = functools.partial(self._request_first, api)
        first_pages = self.run_context.prefetcher.map(request, map(self.bounds, windows))
        for window, first in zip(windows, first_pages, strict=True):
            bounds = self.bounds(window)
            added = {key: value for key, value in bounds.items() if key in self.endpoint.added_fields}
            rest = (api.fetch({**bounds, **api.page_params(number)}) for number in itertools.count(1))
            bodies = iter_pages(itertools.chain([first], rest), paged=paged, keyed=bool(self.endpoint.keys))
            for body, more in bodies:
                records = self.records_of(body.data)
                self.shape.set_fields(records, added)
                if not more:
                    bookmark = bookmark.advance(window[1], api.began())
                yield Page(records, None if more else bookmark, window[1])

    @override
    def probe(self, api: ApiReader) -> None:
        today = self.run_context.started.replace(hour=0, minute=0, second=0, microsecond=0)
        bounds = self.bounds((today, today + timedelta(days=self.endpoint.days)))
        api.fetch({**bounds, **api.page_params(0, size=1)})

    def bounds(self, window: tuple[datetime, datetime]) -> dict[str, str]:
        """Return the parameters for a window's start and end."""
        start, end = window
        return {
            self.endpoint.start: format_api_date(start),
            self.endpoint.end: format_api_date(end),
        }

    def windows(self, bookmark: datetime | None, start_date: datetime | None) -> Iterator[tuple[datetime, datetime]]:
        """Yield the bounds of each window, complete days in UTC, up to the start of the run."""
        started = self.run_context.started
        if bookmark:
            again = min(bookmark, started) - timedelta(days=self.endpoint.lookback_days)
            first = max(again, start_date) if start_date else again
        else:
            first = start_date or started - timedelta(days=FIRST_DAYS)
        start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while start < started:
            end = start + timedelta(days=self.endpoint.days)
            yield start, end
            start = end

    def _request_first(self, api: ApiReader, bounds: Mapping[str, str]) -> Any:
        return api.request({**bounds, **api.page_params(0)})

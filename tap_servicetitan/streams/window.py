"""Collections that are read by time windows."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import format_api_date, parse_date
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.listing import PagedStream, walked
from tap_servicetitan.streams.pagination import Page

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Window

FIRST_DAYS = 365
"""Days that a first run reads without ``start_date``: the API cannot return everything."""


class WindowStream(PagedStream):
    """A collection that is read window by window, from the bookmark to the start of the run."""

    endpoint: ClassVar[Window]

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        windows = list(self.windows(tenant_id))
        request = functools.partial(self._ask_page, tenant_id)
        first_pages = self.run_context.prefetcher.map(request, map(self.bounds, windows))
        for window, first in zip(windows, first_pages, strict=True):
            bounds = self.bounds(window)
            added = {key: value for key, value in bounds.items() if key in self.endpoint.added_fields}
            rest = (self.fetch(tenant_id, {**bounds, **self.numbered(number)}) for number in itertools.count(1))
            for answer, more in walked(self.endpoint, itertools.chain([first], rest)):
                records = self.records_of(answer)
                self.shape.set_fields(records, added)
                yield Page(records, more, newest=window[1])

    @override
    def probe(self, tenant_id: str) -> None:
        today = self.started.replace(hour=0, minute=0, second=0, microsecond=0)
        bounds = self.bounds((today, today + timedelta(days=self.endpoint.days)))
        self.fetch(tenant_id, {**bounds, **self.numbered(0, size=1)})

    def bounds(self, window: tuple[datetime, datetime]) -> dict[str, str]:
        """Return the parameters for a window's start and end."""
        start, end = window
        return {
            self.endpoint.start: format_api_date(start),
            self.endpoint.end: format_api_date(end),
        }

    def windows(self, tenant_id: str) -> Iterator[tuple[datetime, datetime]]:
        """Yield the bounds of each window, complete days in UTC, up to the start of the run."""
        bookmark = self.bookmark(tenant_id).get("replication_key_value")
        start_date = self.run_context.settings.start_date
        if bookmark:
            again = min(parse_date(bookmark), self.started) - timedelta(days=self.endpoint.lookback_days)
            first = max(again, start_date) if start_date else again
        else:
            first = start_date or self.started - timedelta(days=FIRST_DAYS)
        start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while start < self.started:
            end = start + timedelta(days=self.endpoint.days)
            yield start, end
            start = end

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if not page.has_more:
            bookmarks.advance_date(bookmark, self.endpoint.replication_key, page.newest, self.started)

    def _ask_page(self, tenant_id: str, bounds: Mapping[str, str]) -> Any:
        return self.ask(tenant_id, {**bounds, **self.numbered(0)})

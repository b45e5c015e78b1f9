"""What happened between two moments, asked for window by window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan import bookmarks
from tap_servicetitan.listings import PagedStream
from tap_servicetitan.pagination import Page, Walk
from tap_servicetitan.settings import parse_date

if TYPE_CHECKING:
    from tap_servicetitan.endpoint import Window

FIRST_DAYS = 365
"""Days that a first run reads if no start_date says where to begin: the API has no parameter for "everything"."""


class WindowStream(PagedStream):
    """A collection that is read day by day, say, from the bookmark to now."""

    endpoint: ClassVar[Window]

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        for start, end in self.windows(tenant_id):
            bounds = {self.endpoint.start: bookmarks.to_api(start), self.endpoint.end: bookmarks.to_api(end)}
            number, more, walk = 0, True, Walk()
            while more:
                answer = self.fetch(tenant_id, {**bounds, **self.numbered(number)})
                records = self.records_of(answer)
                more = self.has_more(answer, walk)
                number += 1
                self.add(records, {key: value for key, value in bounds.items() if key in self.endpoint.added})
                yield Page(records, more, newest=end)

    @override
    def probe(self, tenant_id: str) -> None:
        today = self.started.replace(hour=0, minute=0, second=0, microsecond=0)
        bounds = {self.endpoint.start: today, self.endpoint.end: today + timedelta(days=self.endpoint.days)}
        self.fetch(tenant_id, {name: bookmarks.to_api(at) for name, at in bounds.items()} | self.numbered(0, size=1))

    def windows(self, tenant_id: str) -> Iterator[tuple[datetime, datetime]]:
        """Yield the bounds of each window, whole days in UTC, up to the run's start."""
        done = self.bookmark(tenant_id).get("replication_key_value")
        first = self.tap.settings.start_date or self.started - timedelta(days=FIRST_DAYS)
        if done:
            again = parse_date(done) - timedelta(days=self.endpoint.lookback_days)
            first = min(again, self.started)
        start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while start < self.started:
            end = start + timedelta(days=self.endpoint.days)
            yield start, end
            start = end

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if not page.has_more:
            bookmarks.move_date(bookmark, self.endpoint.cursor, page.newest, self.started)

"""Collections that are read by time windows."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
from typing_extensions import override

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints.kinds import Window
from tap_servicetitan.errors import RefusedRequestError
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.pagination import iter_pages
from tap_servicetitan.streams.state.bookmarks import WindowBookmark

FIRST_DAYS = 365
"""Days that a first run reads without ``start_date``: the API cannot return everything."""


QUESTION_WINDOWS = 366
"""Windows that one request asks about, to skip them if it has no rows: a year of days."""

MIN_QUESTION_WINDOWS = 32
"""Windows of a first run that are worth the question: more than a month of days."""

TimeWindow = tuple[datetime, datetime]


class WindowStream(EndpointStream):
    """A collection that is read window by window, from the bookmark to the start of the run.

    Where many windows have not been read yet, or the last run found no rows, one request asks about all of them first.
    """

    endpoint: ClassVar[Window]

    @property
    @override
    def always_partial(self) -> str:
        return "a run reads windows of time, never all of it"

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        before = bookmark = WindowBookmark.load(stored, self.endpoint.replication_key)
        windows = list(self.windows(before.date, self.run_context.settings.windows_start_date or start_date))
        any_rows = False
        for number in range(0, len(windows), QUESTION_WINDOWS):
            part = windows[number : number + QUESTION_WINDOWS]
            is_new = before.date is None or part[0][0] >= before.date
            ask = len(part) > 1 and (before.no_rows or (is_new and len(part) >= MIN_QUESTION_WINDOWS))
            if ask and self._is_empty(api, (part[0][0], part[-1][1])):
                bookmark = bookmark.advance(part[-1][1], api.began(), no_rows=not any_rows)
                yield Page([], bookmark, part[-1][1])
                continue
            for window, records, more in self._records(api, part):
                any_rows = any_rows or bool(records)
                if not more:
                    bookmark = bookmark.advance(window[1], api.began(), no_rows=not any_rows)
                yield Page(records, None if more else bookmark, window[1])

    def _records(self, api: ApiReader, windows: Sequence[TimeWindow]) -> Iterator[tuple[TimeWindow, list[Any], bool]]:
        """Yield the windows' records page by page, with whether the window has more of them."""
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
                yield window, records, more

    def _is_empty(self, api: ApiReader, window: TimeWindow) -> bool:
        """Return whether a long window, asked for as one, has no rows, so that none of its days has; one request."""
        raw = self.reader_of(self.endpoint, api.tenant_id, msgspec.json.decode)
        try:
            body = raw.fetch({**self.bounds(window), **raw.page_params(0, size=1)})
        except RefusedRequestError as error:  # the API may have a limit, of which its documents say nothing
            self.log("Tenant %s, stream %s: %s Reading by day.", api.tenant_id, self.name, error)
            return False
        if not isinstance(body, dict):
            return False
        if self.endpoint.records_path is None:  # one object of figures
            return bool(body) and all(value is None or value == 0 for value in body.values())
        return body.get(self.endpoint.records_path) == [] and not body.get("hasMore")

    @override
    def probe(self, api: ApiReader) -> None:
        today = self.run_context.started.replace(hour=0, minute=0, second=0, microsecond=0)
        bounds = self.bounds((today, today + timedelta(days=self.endpoint.days)))
        api.fetch({**bounds, **api.page_params(0, size=1)})

    def bounds(self, window: TimeWindow) -> dict[str, str]:
        """Return the parameters for a window's start and end."""
        start, end = window
        return {
            self.endpoint.start: format_api_date(start),
            self.endpoint.end: format_api_date(end),
        }

    def windows(self, bookmark: datetime | None, start_date: datetime | None) -> Iterator[TimeWindow]:
        """Yield the bounds of each window, complete days in UTC, up to the end of the day on which the run started."""
        started = self.run_context.started
        if bookmark:
            again = min(bookmark, started) - timedelta(days=self.endpoint.lookback_days)
            first = max(again, start_date) if start_date else again
        else:
            first = start_date or started - timedelta(days=FIRST_DAYS)
        start = _midnight(first)
        end_of_today = _midnight(started) + timedelta(days=1)
        while start < started:
            end = min(start + timedelta(days=self.endpoint.days), end_of_today)
            yield start, end
            start = end

    def _request_first(self, api: ApiReader, bounds: Mapping[str, str]) -> Any:
        return api.request({**bounds, **api.page_params(0)})


def _midnight(date: datetime) -> datetime:
    return date.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

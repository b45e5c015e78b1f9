"""Collections that are listed: in numbered pages, or all in one answer."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import format_api_date, latest
from tap_servicetitan.errors import PaginationError
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.pagination import AvailabilitiesBody, ItemsBody, ListBody, ListPage, Page, iter_pages

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Capacity, Paged

MAX_PAGES_FACTOR = 20
"""So many times the pages that were counted make a listing endless: the count may leave out inactive records."""

_ENVELOPES: Mapping[str | None, Any] = {"items": ItemsBody, "availabilities": AvailabilitiesBody}


class WholeStream(EndpointStream):
    """A collection that comes in one answer, or an object that is the only one of its tenant."""

    @property
    @override
    def envelope(self) -> Any:
        return _ENVELOPES.get(self.endpoint.records_path, ListBody)

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        answer = self.fetch(tenant_id, {}, body=self.body)
        yield Page(self.records_of(answer))

    @override
    def probe(self, tenant_id: str) -> None:
        self.fetch(tenant_id, {}, body=self.body)

    @property
    def body(self) -> dict[str, Any] | None:
        """What is sent by POST, if not GET."""
        return None

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        return  # read in full each time


class CapacityStream(WholeStream):
    """Availability in the days ahead, asked for by POST."""

    endpoint: ClassVar[Capacity]

    @property
    @override
    def body(self) -> dict[str, Any]:
        end = self.started + timedelta(days=self.endpoint.days)
        return {
            "startsOnOrAfter": format_api_date(self.started),
            "endsOnOrBefore": format_api_date(end),
            "skillBasedAvailability": False,
        }


def envelope_of(endpoint: Paged) -> Any:
    """Return the struct type of an answer."""
    paged = endpoint.page_size is not None and endpoint.has_more_flag
    return ListPage if paged else _ENVELOPES.get(endpoint.records_path, ListBody)


def walked(endpoint: Paged, answers: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield an endpoint's pages up to the last, each with whether another follows."""
    return iter_pages(answers, paged=endpoint.page_size is not None)


class PagedStream(EndpointStream):
    """What listings, nested collections and windows share: numbered pages."""

    endpoint: ClassVar[Paged]

    @property
    @override
    def envelope(self) -> Any:
        return envelope_of(self.endpoint)

    def numbered(self, number: int, *, size: int | None = None) -> dict[str, str]:
        """Return the parameters that ask for a page, counted from 0, with so many records if not the usual number."""
        if self.endpoint.page_size is None:
            return {}
        return {"page": str(self.endpoint.first_page + number), "pageSize": str(size or self.endpoint.page_size)}


class ListingStream(PagedStream):
    """A collection in numbered pages: incremental where it has a cursor, else read in full."""

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        since = self.since(tenant_id)
        total_wanted = {"includeTotal": "true"} if self.endpoint.has_total and self.endpoint.has_more_flag else {}
        first = self.fetch(tenant_id, {**since, **total_wanted, **self.numbered(0)})
        newest: datetime | None = None
        received = 0
        for answer, more in walked(self.endpoint, self._answers(tenant_id, first, since)):
            records = self.records_of(answer)
            received += len(records)
            newest = latest(newest, self.newest(records))
            whole = more or self.received_all(tenant_id, received, first)
            yield Page(records, more, newest=newest, whole=whole)

    def received_all(self, tenant_id: str, received: int, first: Any) -> bool:
        """Tell whether as many records came as the first page announced; if not, say so."""
        total = getattr(first, "total", None)
        if total is None or received >= total:
            return True
        self.log(
            "Tenant %s, stream %s: received %d of %d records, since some moved between pages meanwhile. The next run "
            "reads again what this one should have.",
            tenant_id,
            self.name,
            received,
            total,
            level=logging.WARNING,
        )
        return False

    @override
    def probe(self, tenant_id: str) -> None:
        self.fetch(tenant_id, self.numbered(0, size=1))

    def since(self, tenant_id: str) -> dict[str, str]:
        """Return the parameter that asks for what is new."""
        start = bookmarks.start_by_date(self.bookmark(tenant_id), self.run_context.settings.start_date)
        return {self.endpoint.since_param: start} if self.endpoint.replication_key and start else {}

    def _answers(self, tenant_id: str, first: Any, since: Mapping[str, str]) -> Iterator[Any]:
        """Yield page after page; those that are known of are asked for side by side."""
        yield first
        known, most = 1, math.inf
        if (total := getattr(first, "total", None)) and self.endpoint.page_size:
            # A server may send fewer records a page than it is asked for.
            known = max(2, math.ceil(total / max(1, len(first.data))))
            most = MAX_PAGES_FACTOR * known
            ask = functools.partial(self._ask_page, tenant_id, since)
            yield from self.run_context.prefetcher.map(ask, range(1, known))
        for number in itertools.count(known):  # pages that nobody counted, or that came while the others were read
            if number >= most:
                msg = f"{number} pages are far more than {total} records need, and the last says hasMore."
                raise PaginationError(msg)
            yield self.fetch(tenant_id, {**since, **self.numbered(number)})

    def _ask_page(self, tenant_id: str, since: Mapping[str, str], number: int) -> Any:
        return self.ask(tenant_id, {**since, **self.numbered(number)})

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        # Pages are in no order of dates: only the last one tells how far the reading has come.
        if not page.has_more and page.whole:
            bookmarks.advance_date(bookmark, self.endpoint.replication_key, page.newest, self.started)

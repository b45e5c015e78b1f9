"""Reads a listing in numbered pages, and proves that no row was skipped while rows moved between them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_servicetitan.endpoints.kinds import Paged
from tap_servicetitan.errors import PaginationError
from tap_servicetitan.runtime.prefetch import Prefetcher
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import Body
from tap_servicetitan.streams.reading.id_coverage import PROBE_SIZES, Gap, IdCoverage, probe_page
from tap_servicetitan.streams.reading.pagination import iter_pages
from tap_servicetitan.streams.reading.row_versions import RowVersions

MAX_PAGES_FACTOR = 20
"""A listing with so many times the pages that its total needs is endless; a total may leave out inactive records."""

Values = Callable[[list[Any], str], Iterator[Any]]
"""Returns the values of a field of records: :meth:`RecordShape.values`, or its like for dicts."""


@dataclass
class Rows:
    """Rows that are written together."""

    records: list[Any]
    number: int
    """The page that they are from, counted from 0."""

    total: int | None = None
    """How many rows there are in all, if the API has said so."""

    last: bool = False
    """Whether no more rows follow."""

    incomplete: str | None = None
    """With the last rows: why these may not be all rows."""

    settled: bool = True
    """Whether all rows up to these have been read: an interrupted run may go on behind them."""

    highest_id: int | None = None
    """The id up to which all rows have been read, where they are in order of their ids."""


@dataclass
class _Answer:
    body: Body
    number: int
    size: int
    requested: float
    """By the monotonic clock, like the next one."""

    answered: float

    @property
    def start(self) -> int:
        """Position of the first row, counted from 0."""
        return self.number * self.size


class ListReader:
    """Reads all rows of one listing."""

    def __init__(  # noqa: PLR0913 -- what to read, and how
        self,
        api: ApiReader,
        params: Mapping[str, str],
        values: Values,
        *,
        path_values: Mapping[str, Any] | None = None,
        page_size: int | None = None,
        date_field: str | None = None,
        prefetcher: Prefetcher | None = None,
        first_body: Body | None = None,
    ) -> None:
        """Make the reader of a listing.

        Args:
            api: Requests the pages.
            params: Query parameters besides those of the table and of the page.
            values: Returns the values of a field of records.
            path_values: Values of the path's parameters.
            page_size: Rows a page; as many as the API allows if not given.
            date_field: The field whose date decides which of two versions of a row is newer.
            prefetcher: Requests pages at the same time; None to request each when the one before is used.
            first_body: The answer to the request for the first page, if it has been sent already.
        """
        endpoint = api.endpoint
        assert isinstance(endpoint, Paged)  # noqa: S101 -- narrows: other kinds have no numbered pages
        self._api = api
        self._endpoint = endpoint
        self._params = params
        self._values = values
        self._path_values = path_values or {}
        self._date_field = date_field
        self._prefetcher = prefetcher
        self._first_body = first_body
        self._asked_size = min(page_size or endpoint.page_size or 0, endpoint.page_size or 0)
        self._size = self._asked_size
        """Rows that a page has in fact: a server may send fewer than it is asked for."""
        self._versions = RowVersions()
        self._read_again: list[tuple[int, set[Any]]] = []
        """Positions and ids of rows whose newest version has to be read again."""

    def read(self, first: int = 0, after: int | None = None) -> Iterator[Rows]:
        """Yield all rows; rows that moved between two pages follow.

        Args:
            first: The page to begin with, counted from 0.
            after: The id up to which an earlier run has read all rows.

        Raises:
            PaginationError: Pages repeat, are empty, or are far more than the total needs, and never end.
        """
        coverage = IdCoverage()
        received, total = 0, None
        for answer, more in self._pages(first):
            records = list(answer.body.data)
            if answer.number == first:
                coverage, received = IdCoverage(after, answer.start), answer.start
                total = getattr(answer.body, "total", None)
            received += len(records)
            if not first and not answer.number and not more and after is None:  # one answer holds everything
                yield Rows(records, 0, total, last=True, incomplete=_missing(received, total))
                return
            ids = self._cover(coverage, answer, last=not more)
            if ids:
                if first == answer.number and first and after is None:
                    coverage.assume_below(ids[0])
                records = self._news(records, ids, answer, after)
            proved_later = self._endpoint.has_ids_in_pages and coverage.in_order
            yield Rows(records, answer.number, total, settled=not proved_later)
            if ids and self._prefetcher is None:  # each border at once, so that an interrupted run can go on behind it
                yield from self._close(coverage, coverage.gaps_below(ids[0]))
                yield Rows([], answer.number, total, highest_id=coverage.read_up_to)
        yield from self._end(coverage, received, total)

    def _end(self, coverage: IdCoverage, received: int, total: int | None) -> Iterator[Rows]:
        """Yield what moved between pages, and whether anything may be missing."""
        if self._endpoint.has_ids_in_pages and coverage.in_order:
            yield from self._close(coverage, coverage.gaps())
            yield from self._newest_versions()
            gaps = len(coverage.gaps()) if coverage.in_order else 1
            incomplete = f"rows moved between its pages at {gaps} places" if gaps else None
            yield Rows([], 0, total, last=True, incomplete=incomplete, highest_id=coverage.read_up_to)
            return
        if total is not None:
            total = max(total, getattr(self._request(0, 1, count=True).body, "total", None) or 0)
        yield Rows([], 0, total, last=True, incomplete=_missing(received, total))

    # Pages

    def _pages(self, first: int) -> Iterator[tuple[_Answer, bool]]:
        """Yield answers up to the last page, each with whether another follows."""
        answers: list[_Answer] = []

        def bodies() -> Iterator[Body]:
            for answer in self._answers(first):
                answers.append(answer)
                yield answer.body

        paged, keyed = self._endpoint.page_size is not None, bool(self._endpoint.keys)
        for _, more in iter_pages(bodies(), paged=paged, keyed=keyed):
            yield answers.pop(), more

    def _answers(self, first: int) -> Iterator[_Answer]:
        """Yield page after page; those that are known of are requested at the same time."""
        if self._first_body is None:
            answer = self._request(first, count=True)
        else:  # it is not known when it was requested
            answer = _Answer(self._first_body, first, self._size, -math.inf, time.monotonic())
        if self._size and getattr(answer.body, "hasMore", False):
            self._size = answer.size = max(1, len(answer.body.data))
        yield answer
        known, most = first + 1, math.inf
        if (total := getattr(answer.body, "total", None)) and self._size:
            pages = max(first + 2, math.ceil(total / self._size))
            most = MAX_PAGES_FACTOR * pages
            if self._prefetcher:
                known = pages
                yield from self._prefetcher.map(self._request_unlocked, range(first + 1, known))
        for number in itertools.count(known):  # pages beyond the total, or that came while the others were read
            if number >= most:
                msg = f"{number} pages are far more than {total} records need, and the last says hasMore."
                raise PaginationError(msg)
            yield self._request(number)

    def _request(self, number: int, size: int | None = None, *, count: bool = False) -> _Answer:
        """Request a page of so many rows; ``count`` asks for the total where the API has one."""
        return self._send(self._api.fetch, number, size, count=count)

    def _request_unlocked(self, number: int, size: int | None = None) -> _Answer:
        """Request a page, in a thread without the worker lock."""
        return self._send(self._api.request, number, size)

    def _send(self, send: Callable[..., Body], number: int, size: int | None, *, count: bool = False) -> _Answer:
        requested = time.monotonic()
        has_total = self._endpoint.has_total and self._endpoint.has_more_flag and self._endpoint.page_size
        total = {"includeTotal": "true"} if count and has_total else {}
        page = self._api.page_params(number, size=size or self._asked_size)
        body = send({**self._params, **total, **page}, path_values=self._path_values)
        return _Answer(body, number, size or self._size, requested, time.monotonic())

    # The proof

    def _cover(self, coverage: IdCoverage, answer: _Answer, *, last: bool) -> list[Any]:
        """Note the ids of an answer; return them if they can prove that no row was skipped."""
        if not self._endpoint.has_ids_in_pages:
            return []
        ids = list(self._values(list(answer.body.data), "id"))
        coverage.add(ids, answer.start, last=last)
        return ids if coverage.in_order else []

    def _news(self, records: list[Any], ids: list[Any], answer: _Answer, after: int | None) -> list[Any]:
        """Leave out the rows of earlier runs, and versions that are not newer than the ones that were written."""
        dates = list(self._values(records, self._date_field)) if self._date_field else [None] * len(ids)
        news = self._versions.news(records, ids, dates, answer.requested, answer.answered)
        if self._versions.undecided:
            self._read_again.append((answer.start, self._versions.undecided))
            self._versions.undecided = set()
        if after is None or ids[0] > after:
            return news
        return [record for record, row_id in zip(news, self._values(news, "id"), strict=True) if row_id > after]

    def _close(self, coverage: IdCoverage, gaps: Sequence[Gap]) -> Iterator[Rows]:
        """Read what lies between pages: a few rows around each border, more where rows moved further."""
        borders = [probe_page(gap.position, self._probe_size(PROBE_SIZES[0])) for gap in gaps]
        if self._prefetcher:
            answers = self._prefetcher.map(lambda border: self._request_unlocked(*border), borders)
        else:
            answers = (self._request(*border) for border in borders)
        for gap, answer in zip(gaps, answers, strict=True):
            yield from self._close_one(coverage, gap, answer)

    def _close_one(self, coverage: IdCoverage, gap: Gap, answer: _Answer) -> Iterator[Rows]:
        for size in (*PROBE_SIZES[1:], None):
            gaps = coverage.gaps()
            ids = self._cover(coverage, answer, last=not getattr(answer.body, "hasMore", True))
            if not coverage.in_order:
                return
            # Rows of other gaps too: rows that moved far are around a border that is not theirs, and close that gap.
            rows = zip(answer.body.data, ids, strict=True)
            found = [record for record, row_id in rows if any(one.contains(row_id) for one in gaps)]
            if found:
                yield Rows(found, answer.number, settled=False)
            if size is None or not coverage.has_gap_within(gap):
                return
            # The rows have moved further: look where the nearest ones are now.
            position = answer.start if not ids or ids[0] > gap.low else answer.start + len(ids)
            answer = self._request(*probe_page(position, self._probe_size(size)))

    def _newest_versions(self) -> Iterator[Rows]:
        """Read again the rows that two pages had when nothing showed which version was newer."""
        for position, ids in self._read_again:
            for size in PROBE_SIZES:
                answer = self._request(*probe_page(max(1, position), self._probe_size(size)))
                found = list(self._values(list(answer.body.data), "id"))
                if ids <= set(found) or size >= self._size:
                    break  # the rest of them is gone
            records = [record for record, row_id in zip(answer.body.data, found, strict=True) if row_id in ids]
            yield Rows(records, answer.number, settled=False)

    def _probe_size(self, size: int) -> int:
        return max(2, min(size, self._size))


def _missing(received: int, total: int | None) -> str | None:
    return None if total is None or received >= total else f"received {received} of {total} records"

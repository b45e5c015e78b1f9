"""Reads a listing in numbered pages, and proves that no row was skipped while rows moved between them."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_servicetitan.errors import PaginationError
from tap_servicetitan.runtime.prefetch import Prefetcher
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import Body
from tap_servicetitan.streams.reading.id_coverage import PROBE_SIZES, Gap, IdCoverage, probe_page
from tap_servicetitan.streams.reading.pagination import iter_pages

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
    requested: float = field(default_factory=time.monotonic)

    @property
    def start(self) -> int:
        """Position of the first row."""
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
    ) -> None:
        """Make the reader of a listing.

        Args:
            api: Where to request pages.
            params: Query parameters besides those of the table and of the page.
            values: Returns the values of a field of records.
            path_values: Values of the path's parameters.
            page_size: Rows a page; as many as the API allows if not given.
            date_field: The field whose date decides which of two versions of a row is newer.
            prefetcher: Requests pages at the same time; None to request each when the one before is used.
        """
        self._api = api
        self._params = params
        self._values = values
        self._path_values = path_values or {}
        endpoint: Any = api.endpoint
        self._size = min(page_size or endpoint.page_size or 0, endpoint.page_size or 0)
        self._step = self._size
        """Rows that a page has in fact."""
        self._counts = bool(endpoint.has_total and endpoint.has_more_flag and endpoint.page_size)
        self._paged = endpoint.page_size is not None
        self._keyed = bool(endpoint.keys)
        self._provable = endpoint.has_ids_in_pages
        self._date_field = date_field
        self._prefetcher = prefetcher
        self._versions: dict[Any, tuple[Any, float]] = {}
        """Date and time of request of the rows of the page before, by id."""

    def read(self, first: int = 0, after: int | None = None) -> Iterator[Rows]:
        """Yield all rows; those that moved between pages follow as soon as the pages around them are there.

        Args:
            first: The page to begin with, counted from 0.
            after: The id up to which an earlier run has read all rows.

        Raises:
            PaginationError: Pages repeat, are empty, or are far more than the total needs, and never end.
        """
        coverage = IdCoverage(after, first * self._size)
        received, total = first * self._size, None
        for answer, more in self._pages(first):
            if answer.number == first:
                total = getattr(answer.body, "total", None)
            records = list(answer.body.data)
            received += len(records)
            single = after is None and first == 0 == answer.number and not more
            ids = self._note(coverage, answer, last=not more) if self._provable and not single else []
            if ids and first and after is None and answer.number == first:
                coverage.assume_below(ids[0])
            if ids:
                records = self._new_versions(records, ids, answer.requested, after)
            if single:
                yield Rows(records, answer.number, total, last=True, incomplete=_missing(received, total))
                return
            yield Rows(records, answer.number, total, settled=not ids)
            if ids and self._prefetcher is None:  # each border at once, so that an interrupted run can go on behind it
                yield from self._close(coverage, coverage.gaps_below(ids[0]))
                yield Rows([], answer.number, total, highest_id=_covered(coverage))
        yield from self._end(coverage, received, total, after)

    def _end(self, coverage: IdCoverage, received: int, total: int | None, after: int | None) -> Iterator[Rows]:
        """Yield what moved between pages, and whether anything may be missing."""
        if not self._provable or not coverage.in_order:
            if total is not None:
                total = max(total, getattr(self._request(0, 1), "total", None) or 0)
            yield Rows([], 0, total, last=True, incomplete=_missing(received, total))
            return
        yield from self._close(coverage, coverage.gaps())
        gaps = len(coverage.gaps()) if coverage.in_order else 1
        incomplete = f"rows moved between its pages at {gaps} places" if gaps else None
        yield Rows([], 0, total, last=True, incomplete=incomplete, highest_id=_covered(coverage) or after)

    def _pages(self, first: int) -> Iterator[tuple[_Answer, bool]]:
        answers: list[_Answer] = []

        def bodies() -> Iterator[Body]:
            for answer in self._answers(first):
                answers.append(answer)
                yield answer.body

        for _, more in iter_pages(bodies(), paged=self._paged, keyed=self._keyed):
            yield answers.pop(), more

    def _answers(self, first: int) -> Iterator[_Answer]:
        """Yield page after page; those that are known of are requested at the same time."""
        answer = self._answer(first, count=self._counts)
        yield answer
        known, most = first + 1, math.inf
        total = getattr(answer.body, "total", None)
        if total and self._size:
            # A server may send fewer records a page than it is asked for.
            if getattr(answer.body, "hasMore", False):
                self._step = max(1, len(answer.body.data))
            known = max(first + 2, math.ceil(total / self._step))
            most = MAX_PAGES_FACTOR * known
            if self._prefetcher:
                yield from self._prefetcher.map(self._prefetched, range(first + 1, known))
            else:
                known = first + 1
        for number in itertools.count(known):  # pages beyond the total, or that came while the others were read
            if number >= most:
                msg = f"{number} pages are far more than {total} records need, and the last says hasMore."
                raise PaginationError(msg)
            yield self._answer(number)

    def _answer(self, number: int, *, count: bool = False) -> _Answer:
        requested = time.monotonic()
        params = {"includeTotal": "true"} if count else {}
        body = self._api.fetch(
            {**self._params, **params, **self._api.page_params(number, size=self._size)}, path_values=self._path_values
        )
        return _Answer(body, number, self._step, requested)

    def _prefetched(self, number: int) -> _Answer:
        requested = time.monotonic()
        params = {**self._params, **self._api.page_params(number, size=self._size)}
        body = self._api.request(params, path_values=self._path_values)
        return _Answer(body, number, self._step, requested)

    def _request(self, number: int, size: int) -> Body:
        params = {**self._params, "includeTotal": "true", **self._api.page_params(number, size=size)}
        body: Body = self._api.fetch(params, path_values=self._path_values)
        return body

    def _note(self, coverage: IdCoverage, answer: _Answer, *, last: bool) -> list[Any]:
        """Add an answer to what is covered; return its ids if they are in order."""
        ids = list(self._values(list(answer.body.data), "id"))
        coverage.add(ids, answer.start, last=last)
        return ids if coverage.in_order else []

    def _close(self, coverage: IdCoverage, gaps: Sequence[Gap]) -> Iterator[Rows]:
        """Read what lies between pages: a few rows around each border, more where rows moved further."""
        first = functools.partial(self._probe, size=PROBE_SIZES[0])
        positions = [gap.position for gap in gaps]
        if self._prefetcher:
            answers = self._prefetcher.map(functools.partial(first, release=False), positions)
        else:
            answers = map(first, positions)
        for gap, answer in zip(gaps, answers, strict=True):
            yield from self._close_one(coverage, gap, answer)

    def _close_one(self, coverage: IdCoverage, gap: Gap, answer: _Answer) -> Iterator[Rows]:
        for size in (*PROBE_SIZES[1:], 0):
            body = answer.body
            ids = self._note(coverage, answer, last=not getattr(body, "hasMore", True))
            if not coverage.in_order:
                return
            found = [record for record, row_id in zip(body.data, ids, strict=True) if gap.contains(row_id)]
            if found:
                yield Rows(found, answer.number, settled=False)
            if not size or not any(gap.low < each.high and each.low < gap.high for each in coverage.gaps()):
                return
            # The rows have moved further: look where the nearest ones are now.
            position = answer.start if not ids or ids[0] > gap.low else answer.start + len(ids)
            answer = self._probe(position, size=size)

    def _probe(self, position: int, *, size: int, release: bool = True) -> _Answer:
        number, size = probe_page(position, max(2, min(size, self._step)))
        send = self._api.fetch if release else self._api.request
        requested = time.monotonic()
        params = {**self._params, **self._api.page_params(number, size=size)}
        return _Answer(send(params, path_values=self._path_values), number, size, requested)

    def _new_versions(self, records: list[Any], ids: Sequence[Any], requested: float, after: int | None) -> list[Any]:
        """Leave out rows of earlier runs, and older versions of rows of the page before: pages overtake each other."""
        field_name = self._date_field
        dates = list(self._values(records, field_name)) if field_name else [None] * len(ids)
        earlier, self._versions = (
            self._versions,
            {row_id: (date, requested) for row_id, date in zip(ids, dates, strict=True)},
        )
        if not (earlier.keys() & self._versions.keys()) and (after is None or ids[0] > after):
            return records
        return [
            record
            for record, row_id, date in zip(records, ids, dates, strict=True)
            if (after is None or row_id > after) and not _is_older((date, requested), earlier.get(row_id))
        ]


def _is_older(version: tuple[Any, float], other: tuple[Any, float] | None) -> bool:
    if other is None:
        return False
    if isinstance(version[0], str) and isinstance(other[0], str):
        return version[0] <= other[0]
    return version[1] <= other[1]


def _covered(coverage: IdCoverage) -> int | None:
    """Return the id up to which all rows were read."""
    gaps = coverage.gaps() if coverage.in_order else []
    low = gaps[0].low if gaps else math.nan
    return int(low) if math.isfinite(low) else None


def _missing(received: int, total: int | None) -> str | None:
    return None if total is None or received >= total else f"received {received} of {total} records"

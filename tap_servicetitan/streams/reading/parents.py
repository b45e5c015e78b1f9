"""The parents of a nested stream: their own list is read, whether its stream is selected or not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested, Paged
from tap_servicetitan.errors import CredentialsError, MissingScopeError, NotFoundError, StreamError
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.list_reader import ListReader
from tap_servicetitan.streams.state.bookmarks import ParentBookmark

PARENT_PAGE_SIZE = 500
"""Parents in one request for them, and so what an interrupted run reads again at most."""

MAX_PARENT_FAILURES = 10
"""Parents that may fail, or be gone, by chance; more of them mean that the collection itself fails."""

PathValues = Mapping[str, Any]
"""Values of the parameters in the nested collection's path."""

Parent = dict[str, Any]


@dataclass(frozen=True)
class ParentPage:
    """Some parents, in the order of their list."""

    parents: list[Parent]
    number: int
    """The page of the list that they are from, counted from 0."""

    last: bool
    total: int | None = None
    """How many parents there are in all, if the list says so."""

    incomplete: str | None = None
    """With the last ones: why these may not be all parents."""

    settled: bool = True
    """Whether all parents up to these have been read: an interrupted run may go on behind them."""

    highest_id: int | None = None
    """The id up to which all parents have been read, where they are in order of their ids."""


def path_values(endpoint: Nested, parent: Mapping[str, Any]) -> PathValues:
    """Return what stands in the path of a parent's collection."""
    return {name: parent.get(field) for name, field in endpoint.path_params.items()}


def have_ids(values: PathValues) -> bool:
    """Return whether a parent's collection can be requested."""
    return all(isinstance(value, (int, str, Decimal)) and value != "" for value in values.values())


def estimate(parents: int, requests_per_second: float) -> str:
    """Return how long the requests for the records of so many parents take, in words."""
    seconds = parents / requests_per_second
    minutes = round(seconds / 60)
    time = f"{minutes:,} minute{'s' * (minutes != 1)}" if minutes else f"{math.ceil(seconds)} s"
    return f"{parents:,} parents, about {time} at {requests_per_second:g} requests/s"


def _since(endpoint: Paged, date: str | None) -> dict[str, str]:
    return {endpoint.since_param: date} if date else {}


def _values(records: list[Any], key: str) -> Iterator[Any]:
    return (record.get(key) for record in records)


class Parents:
    """The list of a nested endpoint's parents, which may itself be nested."""

    def __init__(self, endpoint: Nested, reader_of: Callable[[Paged], ApiReader]) -> None:
        """Make the list.

        Args:
            endpoint: The nested endpoint.
            reader_of: Returns what requests the pages of a list of parents.
        """
        self._endpoint = table.parent(endpoint)
        self._reader_of = functools.cache(reader_of)

    def read(self, bookmark: ParentBookmark) -> Iterator[ParentPage]:
        """Yield all parents from the bookmark on."""
        return self._pages(self._endpoint, bookmark)

    def first(self) -> Parent | None:
        """Return some parent, if there is one."""
        return self._first(self._endpoint)

    def _pages(self, endpoint: Paged, bookmark: ParentBookmark) -> Iterator[ParentPage]:
        if not isinstance(endpoint, Nested):
            yield from self._listed(endpoint, bookmark)
            return
        for page in self._pages(table.parent(endpoint), bookmark):
            parents: list[Parent] = []
            incomplete = page.incomplete
            answered = 0
            for grandparent in page.parents:
                values = path_values(endpoint, grandparent)
                if not have_ids(values):
                    incomplete = "some parents have no id"
                    continue
                try:
                    for rows in self._reader(endpoint, values).read():
                        parents += ({**parent, **values} for parent in rows.records)
                        incomplete = rows.incomplete or incomplete
                    answered += 1
                except NotFoundError as error:
                    incomplete = incomplete if error.is_gone else str(error)
            if page.parents and not answered:
                incomplete = incomplete or f"none of {len(page.parents)} {endpoint.parent} has an answer"
            yield ParentPage(parents, page.number, page.last, page.total, incomplete, page.settled, page.highest_id)

    def _listed(self, endpoint: Paged, bookmark: ParentBookmark) -> Iterator[ParentPage]:
        first = bookmark.page
        if first and bookmark.parent_id is None and bookmark.parents:
            # Parents without an order by id may have moved onto earlier pages, if there are fewer of them now.
            total = getattr(self._request_one(endpoint, since=bookmark.parents_since), "total", None)
            if total is not None and total < bookmark.parents:
                first = max(0, first - math.ceil((bookmark.parents - total) / PARENT_PAGE_SIZE))
        reader = self._reader(endpoint, {}, _since(endpoint, bookmark.parents_since))
        for rows in reader.read(first, bookmark.parent_id):
            yield ParentPage(
                rows.records, rows.number, rows.last, rows.total, rows.incomplete, rows.settled, rows.highest_id
            )

    def _reader(
        self, endpoint: Paged, values: PathValues, params: Mapping[str, str] = MappingProxyType({})
    ) -> ListReader:
        api = self._reader_of(endpoint)
        return ListReader(api, params, _values, path_values=values, page_size=PARENT_PAGE_SIZE)

    def _request_one(self, endpoint: Paged, values: PathValues | None = None, *, since: str | None = None) -> Any:
        api = self._reader_of(endpoint)
        count = {"includeTotal": "true"} if endpoint.has_total and endpoint.has_more_flag and endpoint.page_size else {}
        params = {**count, **_since(endpoint, since), **api.page_params(0, size=1)}
        return api.fetch(params, path_values=values)

    def _first(self, endpoint: Paged) -> Parent | None:
        values: PathValues = {}
        if isinstance(endpoint, Nested):
            grandparent = self._first(table.parent(endpoint))
            if grandparent is None:
                return None
            values = path_values(endpoint, grandparent)
            if not have_ids(values):
                return None
        records = self._request_one(endpoint, values).data
        return {**records[0], **values} if records else None


class ParentFailures:
    """Parents without an answer: deleted (404), inactive (409), or failing for another reason."""

    def __init__(self) -> None:
        self.requested = 0
        self.not_found = 0
        self.inactive = 0
        """Of those not found, the ones that still exist: their records are in the target and were not read."""
        self.failed = 0
        self.last: StreamError | None = None

    def add(self, error: StreamError) -> None:
        """Count a parent without an answer.

        Raises:
            StreamError: The error is not about this parent alone.
        """
        if isinstance(error, NotFoundError):
            self.not_found += 1
            self.inactive += not error.is_gone
        else:
            self.failed += 1
            if isinstance(error, (CredentialsError, MissingScopeError)) or self.failed > MAX_PARENT_FAILURES:
                raise error
        if not self.failed or not isinstance(error, NotFoundError):
            self.last = error

    @property
    def block_bookmark(self) -> bool:
        """Whether the parents so far have to be requested again: one failed, or none had an answer."""
        return self.failed > 0 or self.not_found == self.requested

    @property
    def none_answered(self) -> bool:
        """Whether parents were asked, and each was refused."""
        return 0 < self.requested == self.not_found

"""Collections of which there is one for each record of another."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import format_api_date, latest, parse_date
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested, Paged
from tap_servicetitan.errors import APIError, CredentialsError, MissingScopeError, NotFoundError, StreamError
from tap_servicetitan.output.decoder import Decoder
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.listing import PagedStream, envelope_of, walked
from tap_servicetitan.streams.pagination import Page, wrap_bare_body

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_servicetitan.runtime.context import RunContext

PARENT_PAGE_SIZE = 500
"""Parents asked for at once, and so what an interrupted run reads again at most."""

RECORD_BATCH_SIZE = 1000
"""Records gathered from several parents before they are written."""

MAX_PARENT_FAILURES = 10
"""Up to so many may all be gone by chance."""

Parent = Mapping[str, Any]
"""Values of the placeholders in the nested collection's path."""


_ID = (int, str, Decimal)


@dataclass(frozen=True)
class _ParentPage:
    """A page of the parents' list."""

    number: int
    parents: list[dict[str, Any]]
    has_more: bool
    total: int | None = None
    """How many parents there are in all, if the list says so."""
    whole: bool = True
    """Whether this and the pages before it held as many as the list had announced."""


class ParentFailures:
    """The parents without an answer: deleted (404) or inactive (409) since they were listed, or not to be had."""

    def __init__(self) -> None:
        self.asked = 0
        self.count = 0
        self.failed = 0
        self.last: StreamError | None = None

    def add(self, error: StreamError) -> None:
        """Count one.

        Raises:
            StreamError: It is not for this parent alone.
        """
        if isinstance(error, NotFoundError):
            self.count += 1
        else:
            self.failed += 1
            if isinstance(error, (CredentialsError, MissingScopeError)) or self.failed > MAX_PARENT_FAILURES:
                raise error
        if not self.failed or not isinstance(error, NotFoundError):
            self.last = error

    @property
    def open(self) -> bool:
        """Whether the parents so far are to be asked for again: one failed, or none was answered for."""
        return self.failed > 0 or self.count == self.asked


class NestedStream(PagedStream):
    """A request for each parent at least; the parents' own list is paged, selected or not."""

    endpoint: ClassVar[Nested]

    def __init__(self, tap: Tap, run_context: RunContext) -> None:
        super().__init__(tap, run_context)
        self._parents_decoder = functools.cache(self._decoder_of)

    @property
    @override
    def keeps_bookmark(self) -> bool:
        # What is always read in full goes on at the page of parents where a run was interrupted.
        return self.endpoint.replication_key is None or super().keeps_bookmark

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        bookmark = self.bookmark(tenant_id)
        params = self._params(bookmark)
        newest = None
        refusals = ParentFailures()
        expected = bookmark.get("parents", 0)
        first = bookmark.get("parent_page", 0)
        for page in self._parent_pages(tenant_id, table.parent(self.endpoint), first, expected):
            parents = self._with_ids(tenant_id, [self._placeholders(parent) for parent in page.parents])
            for records in batched(self._records(tenant_id, params, parents, refusals)):
                newest = latest(newest, self.newest(records))
                yield Page(records, has_more=True)
            if not page.has_more:
                self._raise_or_warn(tenant_id, refusals)
            # Not past a parent that failed; nor past parents that were all refused, since if the rest are as well, all
            # of them are to be judged again.
            done = None if refusals.open else page.number + 1
            yield Page([], page.has_more, parent_page=done, parents=page.total, newest=newest, whole=page.whole)

    def _raise_or_warn(self, tenant_id: str, refusals: ParentFailures) -> None:
        """Tell of parents that were refused; if all were, it is the collection that does not exist.

        Raises:
            APIError: That, or some could not be read for another reason.
        """
        if not refusals.last:
            return
        if refusals.failed:
            text = f"{refusals.failed} of the {refusals.asked} parents could not be read, the last one: {refusals.last}"
            raise APIError(text, remedy=refusals.last.remedy)
        text = f"{refusals.count} of the {refusals.asked} parents were refused, the last one with: {refusals.last}"
        if refusals.open and refusals.count > MAX_PARENT_FAILURES:
            raise NotFoundError(text)
        self.log("Tenant %s, stream %s: %s", tenant_id, self.name, text, level=logging.WARNING)

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        if page.has_more:
            if page.parent_page is not None:
                bookmark["parent_page"] = page.parent_page
                if page.parents is not None:
                    bookmark["parents"] = page.parents
                bookmark.setdefault("started", format_api_date(self.started))
            return
        bookmark.pop("parent_page", None)
        bookmark.pop("parents", None)
        started = parse_date(bookmark.pop("started", format_api_date(self.started)))
        if self.endpoint.replication_key and page.whole:
            bookmarks.advance_date(bookmark, self.endpoint.replication_key, page.newest, started)

    @override
    def probe(self, tenant_id: str) -> None:
        parent = self._some_parent(tenant_id, table.parent(self.endpoint))
        if parent is not None and self._with_ids(tenant_id, [self._placeholders(parent)]):
            with suppress(NotFoundError):
                params = {**self._params({}), **self.numbered(0, size=1)}
                self.fetch(tenant_id, params, parent=self._placeholders(parent))

    def _some_parent(self, tenant_id: str, endpoint: Paged) -> Mapping[str, Any] | None:
        ids: Parent = {}
        if isinstance(endpoint, Nested):
            grandparent = self._some_parent(tenant_id, table.parent(endpoint))
            if grandparent is None:
                return None
            ids = {name: grandparent.get(field) for name, field in endpoint.path_params.items()}
            if not self._with_ids(tenant_id, [ids]):
                return None
        page = next(self._listed(tenant_id, endpoint, ids, 0, size=1))
        return {**ids, **page.parents[0]} if page.parents else None

    def _params(self, bookmark: Mapping[str, Any]) -> dict[str, str]:
        start = bookmarks.start_by_date(bookmark, self.run_context.settings.start_date)
        if self.endpoint.date_range_params:
            first, last = self.endpoint.date_range_params
            return {first: start or "2000-01-01T00:00:00Z", last: format_api_date(self.started)}
        return {self.endpoint.since_param: start} if self.endpoint.replication_key and start else {}

    def _placeholders(self, parent: Mapping[str, Any]) -> Parent:
        return {name: parent.get(field) for name, field in self.endpoint.path_params.items()}

    def _with_ids(self, tenant_id: str, parents: Sequence[Parent]) -> list[Parent]:
        """Return the parents that say who they are; tell how many others there are."""
        askable = [
            parent for parent in parents if all(isinstance(value, _ID) and value != "" for value in parent.values())
        ]
        if missing := len(parents) - len(askable):
            self.log(
                "Tenant %s, stream %s: %d of its parents have no id, so that their records cannot be asked for.",
                tenant_id,
                self.name,
                missing,
                level=logging.WARNING,
            )
        return askable

    def _records(
        self, tenant_id: str, params: Mapping[str, str], parents: Sequence[Parent], refusals: ParentFailures
    ) -> Iterator[list[Any]]:
        """Yield the records of parent after parent, page by page; parents' first pages are asked for side by side."""
        between = {key: params[key] for key in self.endpoint.date_range_params or ()}
        types = self.schema["properties"]
        ask = functools.partial(self._ask_page, tenant_id, params)
        for parent, first in zip(parents, self.run_context.prefetcher.map(ask, parents), strict=True):
            refusals.asked += 1
            ids = {key: value if "integer" in types[key]["type"] else str(value) for key, value in parent.items()}
            try:
                for answer, _ in walked(self.endpoint, self._answers(tenant_id, params, parent, first)):
                    records = self.records_of(answer)
                    self.shape.set_fields(records, {**ids, **between})
                    yield records
            except StreamError as error:
                refusals.add(error)

    def _ask_page(self, tenant_id: str, params: Mapping[str, str], parent: Parent) -> Any | StreamError:
        try:
            return self.ask(tenant_id, {**params, **self.numbered(0)}, parent=parent)
        except StreamError as error:
            return error

    def _answers(
        self, tenant_id: str, params: Mapping[str, str], parent: Parent, first: Any | StreamError
    ) -> Iterator[Any]:
        """Yield a parent's pages, of which the first was asked for."""
        if isinstance(first, StreamError):
            raise first
        yield first
        for number in itertools.count(1):
            yield self.fetch(tenant_id, {**params, **self.numbered(number)}, parent=parent)

    def _parent_pages(self, tenant_id: str, endpoint: Paged, first: int, expected: int) -> Iterator[_ParentPage]:
        """Yield the pages of the parents' list.

        Args:
            tenant_id: Whose.
            endpoint: The list.
            first: The page to begin with.
            expected: Parents that there were when the pages before it were read. If there are fewer now, some of them
                have moved onto those pages, unseen.
        """
        if not isinstance(endpoint, Nested):
            size = self._size(endpoint)
            pages = self._listed(tenant_id, endpoint, {}, first)
            begin = next(pages)
            if first and begin.total is not None and begin.total < expected:
                first = max(0, first - math.ceil((expected - begin.total) / size))
                yield from self._listed(tenant_id, endpoint, {}, first)
                return
            yield begin
            yield from pages
            return
        for page in self._parent_pages(tenant_id, table.parent(endpoint), first, expected):
            parents: list[dict[str, Any]] = []
            above = [{name: each.get(field) for name, field in endpoint.path_params.items()} for each in page.parents]
            for ids in self._with_ids(tenant_id, above):
                try:
                    for listed in self._listed(tenant_id, endpoint, ids, 0):
                        parents += ({**ids, **parent} for parent in listed.parents)
                except NotFoundError:
                    continue
            yield dataclasses.replace(page, parents=parents)

    def _decoder_of(self, endpoint: Paged) -> Callable[[bytes], Any]:
        decoder: Decoder[Any] = Decoder(envelope_of(endpoint), dict[str, Any], self.violations)
        return decoder if endpoint.records_path is not None else lambda body: decoder(wrap_bare_body(body))

    def _listed(
        self, tenant_id: str, endpoint: Paged, ids: Parent, first: int, *, size: int = PARENT_PAGE_SIZE
    ) -> Iterator[_ParentPage]:
        """Page over the list of parents."""
        size = self._size(endpoint, size)
        counted = (
            {"includeTotal": "true"} if endpoint.has_total and endpoint.has_more_flag and endpoint.page_size else {}
        )
        path = endpoint.url_for(tenant_id, ids)
        decode = self._parents_decoder(endpoint)

        def ask(number: int) -> Any:
            params = {"page": str(endpoint.first_page + number), "pageSize": str(size)} if endpoint.page_size else {}
            params |= counted if number == first else {}
            with self.run_context.worker_lock.released():
                return self.run_context.clients[tenant_id].request(
                    path, {**endpoint.query, **params}, decode, hooks=self.progress(tenant_id)
                )

        total, received = None, first * size
        for number, (answer, more) in enumerate(walked(endpoint, map(ask, itertools.count(first))), start=first):
            if number == first:
                total = getattr(answer, "total", None)
            received += len(answer.data)
            whole = more or total is None or received >= total
            if not whole:
                self.log(
                    "Tenant %s, stream %s: only %d of the %d parents were listed, since some moved between pages "
                    "meanwhile. The next run asks for all again.",
                    tenant_id,
                    self.name,
                    received,
                    total,
                    level=logging.WARNING,
                )
            yield _ParentPage(number, answer.data, more, total, whole)

    def _size(self, endpoint: Paged, size: int = PARENT_PAGE_SIZE) -> int:
        return min(endpoint.page_size or size, size)


def batched(lists: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Join short lists into longer ones, so that they are written together."""
    batch: list[Any] = []
    for records in lists:
        batch += records
        if len(batch) >= RECORD_BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch

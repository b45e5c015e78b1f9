"""How a collection is walked: the page, and which page comes next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, KeysView, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec
from singer_sdk.pagination import BaseAPIPaginator

from tap_servicetitan.errors import PaginationError

if TYPE_CHECKING:
    import requests


R = TypeVar("R")

MAX_EMPTY_PAGES = 10
"""Empty pages in a row that say hasMore before numbered pages are taken for endless."""

MAX_EMPTY_FEED_PAGES = 1000
"""The same of a feed, whose tokens are new each time: it may have much to pass over."""

SAMPLE = 50
"""Records of a page, its last among them, that are compared with those of the page before."""


@dataclass(slots=True)
class Page:
    """One answer of the API: fetched, written, then committed, in that order."""

    records: list[Any]
    """Structs of the record type, or dicts of records that do not fit it."""

    has_more: bool = False

    continue_from: str | None = None
    """Where an export feed goes on after this page; also on its last page."""

    newest: datetime | None = None
    """Newest modification date among the records."""

    in_order: bool = True
    """Whether the records' dates follow each other, and those of earlier pages."""

    empty: bool = False
    """Whether there were no records, before they were written and let go."""

    whole: bool = True
    """Whether this and the pages before it are all that there should be, as far as is known."""

    parent_page: int | None = None
    """Where a nested stream goes on, if this page ends a page of its parents; counted from 0."""

    parents: int | None = None
    """How many parents there were in all at that time."""

    received: datetime = field(default_factory=lambda: datetime.now(UTC))


class ListPage(msgspec.Struct, Generic[R]):
    """What a listing wraps around the records of a page."""

    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    totalCount: Any = None  # noqa: N815 -- as on the wire; only if includeTotal was sent

    @property
    def total(self) -> int | None:
        """How many records there are in all, if the answer says so; what contradicts it is no number of them."""
        total = self.totalCount
        if not isinstance(total, int) or total < len(self.data) or (self.hasMore and total == len(self.data)):
            return None
        return total


class ListBody(msgspec.Struct, Generic[R]):
    """An answer that holds all there is."""

    data: list[R]


class ItemsBody(msgspec.Struct, Generic[R], rename={"data": "items"}):
    """The same, under another name."""

    data: list[R]


class AvailabilitiesBody(msgspec.Struct, Generic[R], rename={"data": "availabilities"}):
    """The same, under yet another name."""

    data: list[R]


def wrap_bare_body(body: bytes, known: Collection[str] = ()) -> bytes:
    """Wrap an answer that is the array of records itself, or the one record, as :class:`ListBody` is.

    Args:
        body: The answer.
        known: Names of which the one record has some; if it has none of them, it is an error in a record's place.

    Raises:
        msgspec.ValidationError: It is no such record.
    """
    first = body.lstrip()[:1]
    if not first:
        return body  # nothing at all, which is not JSON, rather than an empty list
    if first == b"[":
        return b'{"data":%s}' % body
    if known:
        names: KeysView[str] | None = None
        with suppress(msgspec.DecodeError, UnicodeDecodeError):  # the decoder's business
            names = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).keys()
        if names and names.isdisjoint(known):
            msg = "Object has none of the documented fields"
            raise msgspec.ValidationError(msg)
    return b'{"data":[%s]}' % body


class Answer(Protocol):
    """An answer that holds a page; where the API says whether another follows, it has ``hasMore`` too."""

    @property
    def data(self) -> Sequence[Any]:
        """What is on the page."""


A = TypeVar("A", bound=Answer)


def iter_pages(answers: Iterable[A], *, paged: bool = True) -> Iterator[tuple[A, bool]]:
    """Yield numbered pages up to the last, each with whether another follows.

    Args:
        answers: Pages in order, each asked for when it is drawn. Without ``hasMore``, an empty one is the last.
        paged: Whether there is more than one page at all.

    Raises:
        PaginationError: Pages repeat, or stay empty, and there should be more of them.
    """
    empty, seen = 0, Landmark[tuple[int, int]]()
    for number, answer in enumerate(answers, start=1):
        records = answer.data
        more = paged and bool(getattr(answer, "hasMore", records))
        if more:
            empty = 0 if records else empty + 1
            if empty == MAX_EMPTY_PAGES:
                msg = f"{empty} pages in a row are empty and say hasMore: following them would never end."
                raise PaginationError(msg)
            if records and seen.again(_looks(records)):
                if not hasattr(answer, "hasMore"):
                    return  # all of it came at once, whatever page was asked for
                msg = f"Page {number} is the same as an earlier one, and there should be more: it would never end."
                raise PaginationError(msg)
        yield answer, more
        if not more:
            return


def _looks(records: Sequence[Any]) -> tuple[int, int]:
    """Return what tells a page from the next: its length and a sample of it, since all of it is costly to compare."""
    sample = records[:: -(len(records) // SAMPLE + 1)]
    return len(records), hash(msgspec.json.encode(sample, enc_hook=str))


class Landmark(Generic[R]):
    """Finds cycles by comparing with the last thing and with a landmark that moves on at every power of two (Brent).

    Memory does not grow with what was seen.
    """

    def __init__(self, *seen: R) -> None:
        self._seen = set(seen)
        self._landmark: R | None = next(iter(seen), None)
        self._count = 0

    def again(self, thing: R) -> bool:
        """Tell whether it was seen before, and take note of it."""
        if thing in self._seen:
            return True
        self._count += 1
        if self._count & (self._count - 1) == 0:
            self._landmark = thing
        self._seen = {one for one in (thing, self._landmark) if one is not None}
        return False


class ContinuationPaginator(BaseAPIPaginator["str | None"]):
    """Follows an export feed: while ``hasMore``, its ``continueFrom`` is the next request's ``from``.

    It goes on through empty pages and never asks again after ``hasMore: false``. It is fed with decoded pages rather
    than responses, which would be parsed twice.
    """

    def __init__(self, start: str | None) -> None:
        """Start a walk.

        Args:
            start: A continuation token, an ISO date, or None for the beginning of history.
        """
        super().__init__(start)
        self._tokens = Landmark(start)
        self._empty = 0

    def has_more(self, response: Page | requests.Response) -> bool:
        """Tell whether the API has more right now."""
        assert isinstance(response, Page)  # noqa: S101 -- narrows what the SDK types as a response
        return response.has_more

    def get_next(self, response: Page | requests.Response) -> str:
        """Return the token of the next page.

        Raises:
            PaginationError: It is missing, or was met before, or a thousand pages were empty.
        """
        assert isinstance(response, Page)  # noqa: S101 -- narrows what the SDK types as a response
        token = response.continue_from
        self._empty = self._empty + 1 if response.empty else 0
        if not token:
            msg = f"Page {self.count} says hasMore without a continueFrom to go on with."
            raise PaginationError(msg)
        if self._tokens.again(token):
            msg = f"Page {self.count} repeats an earlier continueFrom and says hasMore: following it would never end."
            raise PaginationError(msg)
        if self._empty == MAX_EMPTY_FEED_PAGES:
            msg = f"{self._empty} pages in a row are empty and say hasMore: following them would never end."
            raise PaginationError(msg)
        return token

    def advance(self, response: Page | requests.Response) -> None:
        """Go on to the next page, or finish."""
        super().advance(response)  # type: ignore[arg-type]  # a page takes the response's place, see above

"""Which page comes next, and when pages never end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from singer_sdk.pagination import BaseAPIPaginator

from tap_servicetitan.errors import PaginationError
from tap_servicetitan.streams.reading.bodies import Body, FeedPage

MAX_EMPTY_PAGES = 10
"""Empty numbered pages in a row that say ``hasMore`` before reading ends."""

MAX_EMPTY_FEED_PAGES = 1000
"""Empty feed pages in a row before reading ends: a feed, whose tokens are new each time, may have much to skip."""

MAX_EQUAL_PAGES = 1000
"""Equal pages in a row before reading ends, where records without a key may be equal."""

SAMPLE = 50
"""Records of a page, its last among them, that are compared with those of earlier pages."""

B = TypeVar("B", bound=Body)


def iter_pages(bodies: Iterable[B], *, paged: bool = True, keyed: bool = True) -> Iterator[tuple[B, bool]]:
    """Yield numbered pages up to the last, each with whether another follows.

    Args:
        bodies: Pages in order, each requested when it is drawn. Without ``hasMore``, an empty one is the last.
        paged: Whether there is more than one page at all.
        keyed: Whether records have a key, so that two pages are never equal.

    Raises:
        PaginationError: Pages repeat, or stay empty, and the last one says ``hasMore``.
    """
    empty = equal = 0
    seen: set[tuple[int, int]] = set()
    for number, body in enumerate(bodies, start=1):
        records = body.data
        more = paged and bool(getattr(body, "hasMore", records))
        if more:
            empty = 0 if records else empty + 1
            if empty == MAX_EMPTY_PAGES:
                msg = f"{empty} pages in a row are empty and say hasMore: following them would never end."
                raise PaginationError(msg)
            sample = _sample(records)
            if records and sample in seen:
                equal += 1
                if not hasattr(body, "hasMore"):
                    return  # everything came at once, whatever page was requested
                if keyed or equal == MAX_EQUAL_PAGES:
                    msg = f"Page {number} is the same as an earlier one, and there should be more: it would never end."
                    raise PaginationError(msg)
            seen.add(sample)
        yield body, more
        if not more:
            return


def _sample(records: Sequence[Any]) -> tuple[int, int]:
    """Return a page's length and a hash of a sample, since comparing whole pages is slow."""
    sample = records[:: -(len(records) // SAMPLE + 1)]
    return len(records), hash(msgspec.json.encode(sample, enc_hook=str))


class ContinuationPaginator(BaseAPIPaginator["str | None"]):
    """Follows an export feed: while ``hasMore``, its ``continueFrom`` is the next request's ``from``.

    It goes on through empty pages and sends no request after ``hasMore: false``. It takes decoded pages rather than
    responses, which would be parsed twice. An answer::

        {"data": [{"id": 1}], "hasMore": true, "continueFrom": "MjAyNi0wMS0zMQ"}
    """

    def __init__(self, start: str | None) -> None:
        """Start with a continuation token, an ISO date, or None for the beginning of history."""
        super().__init__(start)
        self._tokens = {start}
        self._empty = 0

    def has_more(self, response: Any) -> bool:
        """Return whether the API has more at once."""
        page: FeedPage[Any] = response
        return page.hasMore

    def get_next(self, response: Any) -> str:
        """Return the token of the next page.

        Raises:
            PaginationError: It is missing, or came before, or a thousand pages were empty.
        """
        page: FeedPage[Any] = response
        token = page.continueFrom
        self._empty = 0 if page.data else self._empty + 1
        if not token:
            msg = f"Page {self.count} says hasMore without a continueFrom to go on with."
            raise PaginationError(msg)
        if token in self._tokens:
            msg = f"Page {self.count} repeats an earlier continueFrom and says hasMore: following it would never end."
            raise PaginationError(msg)
        if self._empty == MAX_EMPTY_FEED_PAGES:
            msg = f"{self._empty} pages in a row are empty and say hasMore: following them would never end."
            raise PaginationError(msg)
        self._tokens.add(token)
        return token

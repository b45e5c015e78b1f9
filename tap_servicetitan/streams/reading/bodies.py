"""The JSON around the records of an answer, as generic structs."""

from __future__ import annotations

from collections.abc import Collection, KeysView, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tap_servicetitan.endpoints.kinds import Endpoint, Paged

R = TypeVar("R")


class Body(Protocol):
    """An answer with records; it has ``hasMore`` too where the API says whether another page follows."""

    @property
    def data(self) -> Sequence[Any]:
        """The records."""


class FeedPage(msgspec.Struct, Generic[R]):
    """A page of an export feed."""

    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    continueFrom: str | None = None  # noqa: N815 -- as on the wire; the documents say it is always there


class ListPage(msgspec.Struct, Generic[R]):
    """A page of a listing."""

    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    totalCount: Any = None  # noqa: N815 -- as on the wire; only if includeTotal was sent

    @property
    def total(self) -> int | None:
        """How many records there are in all; None if the answer does not say so, or contradicts itself."""
        total = self.totalCount
        if not isinstance(total, int) or total < len(self.data) or (self.hasMore and total == len(self.data)):
            return None
        return total


class ListBody(msgspec.Struct, Generic[R]):
    """An answer with all records."""

    data: list[R]


class ItemsBody(msgspec.Struct, Generic[R], rename={"data": "items"}):
    """An answer with all records in the field ``items``."""

    data: list[R]


class AvailabilitiesBody(msgspec.Struct, Generic[R], rename={"data": "availabilities"}):
    """An answer with all records in the field ``availabilities``."""

    data: list[R]


_BY_RECORDS_PATH: Mapping[str | None, Any] = {"items": ItemsBody, "availabilities": AvailabilitiesBody}


def body_type(endpoint: Endpoint) -> Any:
    """Return the struct type of an endpoint's answers that are not pages of a feed."""
    if isinstance(endpoint, Paged) and endpoint.page_size is not None and endpoint.has_more_flag:
        return ListPage
    return _BY_RECORDS_PATH.get(endpoint.records_path, ListBody)


def wrap_bare_body(body: bytes, known: Collection[str] = ()) -> bytes:
    """Wrap an answer that is itself the array of records, or the one record, so that it is a :class:`ListBody`.

    Args:
        body: The answer.
        known: Fields of which the one record has some; if it has none of them, it is an error in a record's place.

    Raises:
        msgspec.ValidationError: It is not such a record.
    """
    first = body.lstrip()[:1]
    if not first:
        return body  # an empty answer is not JSON, rather than an empty list
    if first == b"[":
        return b'{"data":%s}' % body
    if known:
        names: KeysView[str] | None = None
        with suppress(msgspec.DecodeError, UnicodeDecodeError):  # the decoder reports it
            names = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).keys()
        if names and names.isdisjoint(known):
            msg = "Object has none of the documented fields"
            raise msgspec.ValidationError(msg)
    return b'{"data":[%s]}' % body

"""Bookmarks: where a stream of a tenant goes on.

An export feed's is ``{"continue_from": token, "replication_key": "modifiedOn", "replication_key_value": newest}``. The
token alone is exact; the date stands in for it when the API refuses the token, and when STATE comes from a tap that
keeps dates only. While a feed is being read it also holds ``pass_from``, the date before the first page, and
``unsorted`` if the feed turned out not to be in order of dates: then no date within it is one to start again from.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tap_servicetitan.dates import format_api_date, latest, parse_date, parse_dates, parsed_or_none
from tap_servicetitan.errors import StateError

if TYPE_CHECKING:
    from tap_servicetitan.streams.pagination import Page

OVERLAP = timedelta(minutes=30)
"""How far before a date bookmark reading starts: the feed shows a change 15 minutes late, and is only "usually" in
order of modification (ServiceTitan's pages on export APIs)."""

_log = logging.getLogger("tap-servicetitan.bookmarks")


def newest(dates: Iterable[Any]) -> datetime | None:
    """Return the newest of the dates that are known."""
    return max(parse_dates(dates), default=None)


def in_order(dates: list[datetime], before: datetime | None) -> bool:
    """Tell whether dates follow each other, give or take the overlap, and one that was newest before."""
    if before:
        dates = [before, *dates]
    if dates == sorted(dates):
        return True
    newest_so_far = itertools.accumulate(dates, max)
    return all(date >= so_far - OVERLAP for date, so_far in zip(dates, newest_so_far, strict=True))


def date_of(bookmark: Mapping[str, Any]) -> datetime | None:
    """Return a bookmark's date."""
    return parsed_or_none(bookmark.get("replication_key_value"))


def start_of_feed(bookmark: Mapping[str, Any], start_date: datetime | None) -> str | None:
    """Return what a feed's first request sends as ``from``: token, else date, else nothing, for everything.

    Args:
        bookmark: The bookmark of the stream and tenant, empty on a first run.
        start_date: The setting.
    """
    return bookmark.get("continue_from") or start_by_date(bookmark, start_date)


def start_by_date(bookmark: Mapping[str, Any], start_date: datetime | None) -> str | None:
    """Return the date to start from, less the overlap where it is a bookmark's."""
    if date := parsed_or_none(bookmark.get("pass_from" if bookmark.get("unsorted") else "replication_key_value")):
        # A date that lies ahead of now would hide every change until then.
        return format_api_date(min(date, datetime.now(UTC)) - OVERLAP)
    return format_api_date(start_date) if start_date else None


def advance_feed(bookmark: dict[str, Any], page: Page, cursor: str | None) -> None:
    """Move a feed's bookmark past a page that was written.

    Args:
        bookmark: Changed in place.
        page: What was written.
        cursor: Name of the date field, if the feed has one.
    """
    began = bookmark.pop("pass_from", bookmark.get("replication_key_value"))
    unsorted = bookmark.pop("unsorted", False) or not page.in_order
    if page.has_more:
        bookmark["pass_from"] = began
        if unsorted:
            bookmark["unsorted"] = True
    if page.continue_from:
        bookmark["continue_from"] = page.continue_from
    advance_date(bookmark, cursor, page.newest, datetime.now(UTC))


def advance_date(bookmark: dict[str, Any], cursor: str | None, seen: datetime | None, started: datetime) -> None:
    """Move a bookmark that is a date to the newest one seen, but not past the run's start.

    What changes while pages are read may be missed by them, and is newer than the run's start.
    """
    if cursor and (date := latest(date_of(bookmark), seen)):
        bookmark["replication_key"] = cursor
        bookmark["replication_key_value"] = format_api_date(min(date, started))


def normalize_state(state: Mapping[str, Any], tenant_ids: Iterable[str], known: Container[str]) -> dict[str, Any]:
    """Return a state that was handed in, in this tap's form.

    A bookmark at stream level, as a tap for a single tenant writes it, becomes that of the only tenant. With several
    tenants nobody knows whose it is, so it is left aside with a warning: nothing is lost, all is read again.

    Args:
        state: Its ``bookmarks`` by stream.
        tenant_ids: The tenants of this run.
        known: Names of the tap's streams; bookmarks of others are kept as they are.

    Raises:
        StateError: The state is not of a Singer state's shape.
    """
    try:
        msgspec.json.encode(state)
    except (RecursionError, UnicodeEncodeError, TypeError):
        msg = "The STATE is not usable: it holds text that is no Unicode, or is nested without end. Start without."
        raise StateError(msg) from None
    for wrapper in ("value", "singer_state"):  # a STATE message, and what Meltano prints
        if "bookmarks" not in state and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if state and "bookmarks" not in state:
        _log.warning("The STATE has no 'bookmarks', so that everything is read from the start.")
    bookmarks = {} if state.get("bookmarks") is None else state["bookmarks"]
    if not isinstance(bookmarks, dict):
        msg = "The STATE is not usable: 'bookmarks' is not an object. Mend it, or start without."
        raise StateError(msg)
    tenants = list(tenant_ids)
    for stream, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            raise _unusable(stream, "it is not an object")
    return {
        "bookmarks": {
            stream: _normalize_stream(stream, bookmark, tenants) if stream in known else bookmark
            for stream, bookmark in bookmarks.items()
        }
    }


def _normalize_stream(stream: str, bookmark: dict[str, Any], tenant_ids: list[str]) -> dict[str, Any]:
    partitions = bookmark.get("partitions") or []
    try:
        if partitions or not bookmark:
            msgspec.convert(partitions, list[_Partition])
            adopted = [_canonical(partition) for partition in partitions]
            contexts = {msgspec.json.encode(partition["context"], order="deterministic") for partition in adopted}
            if len(contexts) < len(adopted):
                raise _unusable(stream, "it has two bookmarks of one tenant")
            return {**bookmark, "partitions": adopted}
        date = msgspec.convert(bookmark, _DateBookmark).replication_key_value
        if date is None or len(tenant_ids) != 1:
            without = "date" if date is None else "tenant"
            _log.warning("Stream %s: STATE has a bookmark without a %s, which is left aside.", stream, without)
            return {}
        own = {"context": {"tenant_id": tenant_ids[0]}, "replication_key_value": format_api_date(parse_date(date))}
    except msgspec.ValidationError as error:
        raise _unusable(stream, str(error)) from None
    except ValueError:
        raise _unusable(stream, "it holds something else in place of a date") from None
    return {"partitions": [own]}


class _DateBookmark(msgspec.Struct, kw_only=True):
    """What a bookmark of another tap holds that is of use."""

    replication_key_value: str | None = None


class _Partition(_DateBookmark, kw_only=True):
    """The bookmark of a tenant, as far as the tap relies on it."""

    context: dict[str, Any]
    continue_from: str | None = None
    pass_from: str | None = None
    unsorted: bool = False
    parent_page: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    parents: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    started: str | msgspec.UnsetType = msgspec.UNSET


_DATES = ("replication_key_value", "pass_from", "started")


def _canonical(partition: dict[str, Any]) -> dict[str, Any]:
    """Return a bookmark with its dates as the tap writes them."""
    dates = {key: format_api_date(parse_date(partition[key])) for key in _DATES if partition.get(key) is not None}
    tenant_id = partition["context"].get("tenant_id")
    context = partition["context"] | ({"tenant_id": str(tenant_id)} if isinstance(tenant_id, int) else {})
    return partition | dates | {"context": context}


def _unusable(stream: str, reason: str) -> StateError:
    msg = f"The STATE of stream '{stream}' is not usable: {reason}. Mend it, or remove the stream's."
    return StateError(msg)

"""Bookmarks: where a stream of a tenant goes on.

An export feed's is ``{"continue_from": token, "replication_key": "modifiedOn", "replication_key_value": newest}``. The
token alone is exact; the date stands in for it when the API refuses the token, and when STATE comes from a tap that
keeps dates only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_servicetitan.errors import StateError
from tap_servicetitan.settings import parse_date

OVERLAP = timedelta(minutes=30)
"""How far before a date bookmark reading starts: the feed shows a change 15 minutes late, and is only "usually" in
order of modification (ServiceTitan's pages on export APIs)."""

_log = logging.getLogger("tap-servicetitan.bookmarks")


def to_api(date: datetime) -> str:
    """Write a date-time as the API takes it everywhere: in UTC, with ``Z``."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def newest(dates: Iterable[Any]) -> datetime | None:
    """Return the newest of the dates; what is not a date, null among it, counts as none."""
    parsed = (_parsed(date) for date in dates)
    return max((date for date in parsed if date), default=None)


def start_of_feed(bookmark: Mapping[str, Any], start_date: datetime | None) -> str | None:
    """Return what a feed's first request sends as ``from``: token, else date, else nothing, for everything.

    Args:
        bookmark: The bookmark of the stream and tenant, empty on a first run.
        start_date: The setting.
    """
    return bookmark.get("continue_from") or start_by_date(bookmark, start_date)


def start_by_date(bookmark: Mapping[str, Any], start_date: datetime | None) -> str | None:
    """Return the date to start from, less the overlap where it is a bookmark's."""
    if date := _parsed(bookmark.get("replication_key_value")):
        # A date that lies ahead of now would hide every change until then.
        return to_api(min(date, datetime.now(UTC)) - OVERLAP)
    return to_api(start_date) if start_date else None


def move_feed(bookmark: dict[str, Any], token: str | None, cursor: str | None, seen: datetime | None) -> None:
    """Move a feed's bookmark past a page that was written.

    Args:
        bookmark: Changed in place.
        token: The page's ``continueFrom``.
        cursor: Name of the date field, if the feed has one.
        seen: Newest date of the page.
    """
    if token:
        bookmark["continue_from"] = token
    move_date(bookmark, cursor, seen, datetime.now(UTC))


def move_date(bookmark: dict[str, Any], cursor: str | None, seen: datetime | None, started: datetime) -> None:
    """Move a bookmark that is a date to the newest one seen, but not past the run's start.

    What changes while pages are read may be missed by them, and is newer than the run's start.
    """
    before = _parsed(bookmark.get("replication_key_value"))
    if cursor and (date := max(filter(None, (before, seen)), default=None)):
        bookmark["replication_key"] = cursor
        bookmark["replication_key_value"] = to_api(min(date, started))


def adopt(state: Mapping[str, Any], tenant_ids: Iterable[str]) -> dict[str, Any]:
    """Return a state that was handed in, in this tap's form.

    A bookmark at stream level, as a tap for a single tenant writes it, becomes that of the only tenant. With several
    tenants nobody knows whose it is, so it is left aside with a warning: nothing is lost, all is read again.

    Args:
        state: Its ``bookmarks`` by stream; streams that the tap does not know are kept as they are.
        tenant_ids: The tenants of this run.

    Raises:
        StateError: The state is not of a Singer state's shape.
    """
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        msg = "The STATE is not usable: 'bookmarks' is not an object. Mend it, or start without."
        raise StateError(msg)
    tenants = list(tenant_ids)
    return {"bookmarks": {stream: _adopt_stream(stream, bookmark, tenants) for stream, bookmark in bookmarks.items()}}


def _adopt_stream(stream: str, bookmark: Any, tenant_ids: list[str]) -> dict[str, Any]:
    if not isinstance(bookmark, dict) or not _are_partitions(bookmark.get("partitions", [])):
        msg = f"The STATE of stream '{stream}' is not usable: it is not a bookmark. Mend it, or remove the stream's."
        raise StateError(msg)
    if bookmark.get("partitions") or not bookmark.get("replication_key_value"):
        return bookmark
    date = bookmark["replication_key_value"]
    if len(tenant_ids) != 1:
        _log.warning("Stream %s: STATE has a bookmark without a tenant, which is left aside.", stream)
        return {}
    if not _parsed(date):
        msg = f"The STATE of stream '{stream}' is not usable: replication_key_value is not a date. Mend or remove it."
        raise StateError(msg)
    return {"partitions": [{"context": {"tenant_id": tenant_ids[0]}, "replication_key_value": date}]}


def _are_partitions(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(partition, dict)
        and isinstance(partition.get("context"), dict)
        and isinstance(partition.get("continue_from", ""), str)
        and ("replication_key_value" not in partition or _parsed(partition["replication_key_value"]) is not None)
        for partition in value
    )


def _parsed(date: Any) -> datetime | None:
    try:
        return parse_date(date)
    except (TypeError, ValueError):
        return None

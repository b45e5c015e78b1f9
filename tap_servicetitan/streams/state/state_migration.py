"""Input STATE, converted to this tap's form."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec

from tap_servicetitan.dates import format_api_date, parse_date
from tap_servicetitan.errors import StateError

_log = logging.getLogger("tap-servicetitan.bookmarks")


def normalize_state(state: Mapping[str, Any], tenant_ids: Iterable[str], known: Container[str]) -> dict[str, Any]:
    """Return a state in this tap's form.

    A bookmark at stream level, as a tap for a single tenant writes it, becomes that of the only tenant. With several
    tenants nobody knows whose it is, so it is ignored with a warning: nothing is lost, all is read again.

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
        msg = "The STATE is not usable: it holds text that is not Unicode, or is nested too deeply. Start without it."
        raise StateError(msg) from None
    for wrapper in ("value", "singer_state"):  # a STATE message, and what Meltano prints
        if "bookmarks" not in state and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if state and "bookmarks" not in state:
        _log.warning("The STATE has no 'bookmarks', so that everything is read from the start.")
    bookmarks = {} if state.get("bookmarks") is None else state["bookmarks"]
    if not isinstance(bookmarks, dict):
        msg = "The STATE is not usable: 'bookmarks' is not an object. Fix it, or start without."
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
            normalized = [_canonical(partition) for partition in partitions]
            contexts = {msgspec.json.encode(partition["context"], order="deterministic") for partition in normalized}
            if len(contexts) < len(normalized):
                raise _unusable(stream, "it has two bookmarks of one tenant")
            return {**bookmark, "partitions": normalized}
        date = msgspec.convert(bookmark, _DateBookmark).replication_key_value
        if date is None or len(tenant_ids) != 1:
            without = "date" if date is None else "tenant"
            _log.warning("Stream %s: STATE has a bookmark without a %s, which is ignored.", stream, without)
            return {}
        own = {"context": {"tenant_id": tenant_ids[0]}, "replication_key_value": format_api_date(parse_date(date))}
    except msgspec.ValidationError as error:
        raise _unusable(stream, str(error)) from None
    except ValueError:
        raise _unusable(stream, "it holds a value that is not a date") from None
    return {"partitions": [own]}


def tenants_in(state: Mapping[str, Any]) -> set[str]:
    """Return the tenants of which a state has bookmarks, whatever the stream."""
    found: set[str] = set()
    for bookmark in state.get("bookmarks", {}).values():
        with suppress(msgspec.ValidationError):  # of a stream that this tap does not have
            partitions = msgspec.convert(bookmark.get("partitions") or [], list[_Partition])
            found.update(str(each.context["tenant_id"]) for each in partitions if "tenant_id" in each.context)
    return found


class _DateBookmark(msgspec.Struct, kw_only=True):
    """The useful part of another tap's bookmark."""

    replication_key_value: str | None = None


class _FullRead(msgspec.Struct):
    """How far a tenant's last full read came."""

    version: int
    status: Literal["reading", "read", "activated"]
    incomplete: str | msgspec.UnsetType = msgspec.UNSET


class _Partition(_DateBookmark, kw_only=True):
    """The bookmark of a tenant, as far as the tap uses it."""

    context: dict[str, Any]
    continue_from: str | None = None
    pass_from: str | None = None
    unsorted: bool = False
    parent_page: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    parent_id: int | msgspec.UnsetType = msgspec.UNSET
    parents: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    started: str | msgspec.UnsetType = msgspec.UNSET
    no_rows: bool = False
    parents_newest: str | msgspec.UnsetType = msgspec.UNSET
    parents_seen: str | msgspec.UnsetType = msgspec.UNSET
    parents_since: str | msgspec.UnsetType = msgspec.UNSET
    full_read: _FullRead | msgspec.UnsetType = msgspec.UNSET


_DATES = ("replication_key_value", "pass_from", "started", "parents_newest", "parents_seen", "parents_since")


def _canonical(partition: dict[str, Any]) -> dict[str, Any]:
    """Return a bookmark with its dates as the tap writes them."""
    dates = {key: format_api_date(parse_date(partition[key])) for key in _DATES if partition.get(key) is not None}
    tenant_id = partition["context"].get("tenant_id")
    context = partition["context"] | ({"tenant_id": str(tenant_id)} if isinstance(tenant_id, int) else {})
    return partition | dates | {"context": context}


def _unusable(stream: str, reason: str) -> StateError:
    msg = f"The STATE of stream '{stream}' is not usable: {reason}. Fix it, or remove the stream's."
    return StateError(msg)

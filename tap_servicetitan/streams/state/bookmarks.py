"""Bookmarks: where a stream of a tenant goes on. Each kind loads, advances and dumps itself here.

No other module knows the fields. STATE holds one bookmark per tenant, in ``partitions``:

* feed: ``{"continue_from": token, "replication_key": "modifiedOn", "replication_key_value": newest}``. The token alone is
  exact. The date takes its place when the API refuses the token, and when STATE comes from a tap that keeps dates only.
  While a pass over the feed is under way there is ``pass_from`` too: the date to start again from in that case.
* date: ``replication_key`` and ``replication_key_value``, for listings and reports.
* window: a date, and ``no_rows`` where the last run found none.
* parents: a date, and where an interrupted run goes on in the list of parents: ``parent_page``, ``parent_id``,
  ``parents`` (how many there were), ``started``, and ``parents_since`` and ``parents_seen`` if only changed ones are
  listed. Where later runs ask for changed parents only, ``parents_newest`` is the newest date of those asked so far.
* reports: a date; ``read_on``, the day of the last run that read a backfill to its end, if that is past; and while a
  report runs asynchronously the ``query``, see :mod:`tap_servicetitan.reports.query`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from tap_servicetitan.dates import format_api_date, latest, parsed_or_none

OVERLAP = timedelta(minutes=30)
"""How far before a date bookmark reading starts: the feed shows a change 15 minutes late, and is only "usually" in
order of modification (ServiceTitan's pages on export APIs)."""


class Bookmark(Protocol):
    """Where a stream of a tenant goes on."""

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE; None for one that has to go."""


def _format(date: datetime | None) -> str | None:
    return format_api_date(date) if date else None


def start_after(date: datetime | None, start_date: datetime | None) -> str | None:
    """Return the date to read from: a bookmark's less the overlap, else ``start_date``."""
    if date:
        # A date in the future would hide every change until then.
        return format_api_date(min(date, datetime.now(UTC)) - OVERLAP)
    return _format(start_date)


@dataclass(frozen=True)
class DateBookmark:
    """The newest date that was read."""

    replication_key: str | None
    date: datetime | None = None

    @classmethod
    def load(cls, stored: Mapping[str, Any], replication_key: str | None) -> Self:
        """Read the bookmark of a tenant, which is empty on a first run."""
        return cls(replication_key, parsed_or_none(stored.get("replication_key_value")))

    def start(self, start_date: datetime | None) -> str | None:
        """Return the date to read from; None for everything."""
        return start_after(self.date, start_date) if self.replication_key else None

    def advance(self, newest: datetime | None, read_from: datetime) -> Self:
        """Move to the newest date seen, but not past the time when reading began.

        What changes while pages are read may be missing from them, and is newer than that time.
        """
        date = latest(self.date, newest)
        return replace(self, date=min(date, read_from)) if date else self

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE."""
        if self.replication_key is None or self.date is None:
            return {}
        return {"replication_key": self.replication_key, "replication_key_value": format_api_date(self.date)}


@dataclass(frozen=True)
class WindowBookmark:
    """The end of the last window that was read."""

    newest: DateBookmark
    no_rows: bool = False
    """Whether the last run found no rows in any window."""

    @classmethod
    def load(cls, stored: Mapping[str, Any], replication_key: str | None) -> Self:
        """Read the bookmark of a tenant, which is empty on a first run."""
        return cls(DateBookmark.load(stored, replication_key), stored.get("no_rows", False))

    @property
    def date(self) -> datetime | None:
        """The end of the last window, but not after the start of the run that read it."""
        return self.newest.date

    def advance(self, end: datetime, read_from: datetime, *, no_rows: bool) -> Self:
        """Move to the end of a window; ``no_rows`` says whether the run has found none so far."""
        return type(self)(self.newest.advance(end, read_from), no_rows)

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE."""
        return {**self.newest.dump(), **({"no_rows": True} if self.no_rows else {})}


@dataclass(frozen=True)
class FeedBookmark:
    """The continuation token of an export feed, and a date in its place."""

    newest: DateBookmark
    token: str | None = None
    in_pass: bool = False
    """Whether the feed said, with the token, that there is more."""

    pass_from: datetime | None = None
    """The newest date before the pass that is under way; None if it began at the beginning."""

    @classmethod
    def load(cls, stored: Mapping[str, Any], replication_key: str | None) -> Self:
        """Read the bookmark of a tenant, which is empty on a first run."""
        return cls(
            DateBookmark.load(stored, replication_key),
            stored.get("continue_from"),
            "pass_from" in stored,
            parsed_or_none(stored.get("pass_from")),
        )

    def start(self, start_date: datetime | None) -> str | None:
        """Return what the first request sends as ``from``: token, else date, else None for everything."""
        return self.token or start_after(self.newest.date, start_date)

    def restart(self, start_date: datetime | None) -> str | None:
        """Return what to send as ``from`` after a refused token: the date before the pass that is under way.

        Records within a pass may be in no order of dates, so that no date within it is one to start from.
        """
        return start_after(self.pass_from if self.in_pass else self.newest.date, start_date)

    def advance(self, token: str | None, newest: datetime | None, now: datetime, *, has_more: bool) -> Self:
        """Move behind a page.

        Args:
            token: Its ``continueFrom``.
            newest: The newest date among its records.
            now: The API's present time.
            has_more: Whether the feed has more at once.
        """
        return replace(
            self,
            newest=self.newest.advance(newest, now),
            token=token or self.token,
            in_pass=has_more,
            pass_from=(self.pass_from if self.in_pass else self.newest.date) if has_more else None,
        )

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE."""
        pass_from = {"pass_from": _format(self.pass_from)} if self.in_pass else {}
        token = {"continue_from": self.token} if self.token else {}
        return {**token, **pass_from, **self.newest.dump()}


@dataclass(frozen=True)
class ParentBookmark:
    """Where a nested stream goes on in the list of its parents, and the newest date of earlier runs."""

    newest: DateBookmark
    page: int = 0
    """The page of parents to go on with, counted from 0."""

    parent_id: int | None = None
    """The last parent before it, where parents are in order of their ids: rows may have moved since."""

    parents: int | None = None
    """How many parents there were in all."""

    started: datetime | None = None
    """When the run began that was interrupted."""

    parents_newest: datetime | None = None
    """The newest date of the parents that earlier runs asked; None where each run asks all."""

    parents_seen: datetime | None = None
    """The newest date of the parents that were asked so far."""

    parents_since: str | None = None
    """The date from which the parents are listed; None if all are."""

    @classmethod
    def load(cls, stored: Mapping[str, Any], replication_key: str | None) -> Self:
        """Read the bookmark of a tenant, which is empty on a first run."""
        return cls(
            DateBookmark.load(stored, replication_key),
            stored.get("parent_page", 0),
            stored.get("parent_id"),
            stored.get("parents"),
            parsed_or_none(stored.get("started")),
            parsed_or_none(stored.get("parents_newest")),
            parsed_or_none(stored.get("parents_seen")),
            stored.get("parents_since"),
        )

    def for_parents(self, *, changed: bool) -> Self:
        """Return where a run begins that asks for the changed parents, or for all.

        A position counts only in the list of parents that it was noted in.
        """
        newest = self.parents_newest if changed else None
        since = start_after(newest, None)
        if since == self.parents_since:
            return replace(self, parents_newest=newest)
        return type(self)(self.newest, parents_newest=newest, parents_since=since)

    def asked(self, newest: datetime | None) -> Self:
        """Take note of the newest date among parents that were asked."""
        return replace(self, parents_seen=latest(self.parents_seen, newest))

    @property
    def resumes(self) -> bool:
        """Whether an interrupted run goes on."""
        return self.page > 0 or self.parent_id is not None

    def advance(self, page: int, parent_id: int | None, parents: int | None, started: datetime) -> Self:
        """Move behind a page of parents."""
        return replace(
            self,
            page=page,
            parent_id=parent_id,
            parents=self.parents if parents is None else parents,
            started=self.started or started,
        )

    def finish(self, newest: datetime | None, started: datetime, *, complete: bool, changed: bool) -> Self:
        """Move behind the last parent; dates move only if none was missed.

        The records' own date stays if just the changed parents were asked: records of the others may be newer.
        """
        if not complete:
            return type(self)(self.newest, parents_newest=self.parents_newest)
        began = self.started or started
        date = self.newest if self.parents_since else self.newest.advance(newest, began)
        seen = latest(self.parents_newest, self.parents_seen)
        return type(self)(date, parents_newest=min(seen, began) if seen and changed else None)

    def dump(self) -> dict[str, Any]:
        """Return the fields of the bookmark in STATE."""
        fields = {
            "parent_page": self.page,
            "parent_id": self.parent_id,
            "parents": self.parents,
            "parents_since": self.parents_since,
        }
        position = {name: value for name, value in fields.items() if value is not None} if self.resumes else {}
        dates = {"parents_newest": self.parents_newest}
        dates |= {"started": self.started, "parents_seen": self.parents_seen} if position else {}
        return {**position, **{name: _format(date) for name, date in dates.items() if date}, **self.newest.dump()}


FIELDS = frozenset({
    "continue_from", "no_rows", "parent_id", "parent_page", "parents", "parents_newest", "parents_seen", "parents_since",
    "pass_from", "query", "read_on", "replication_key", "replication_key_value", "started", "unsorted",
})  # fmt: skip
"""All fields that bookmarks have in STATE; ``unsorted`` is one of earlier versions."""


def store(partition: dict[str, Any], bookmark: Bookmark) -> None:
    """Put a bookmark into its tenant's part of STATE."""
    for name in FIELDS & partition.keys():
        del partition[name]
    partition.update(bookmark.dump())


def resumes(stored: Mapping[str, Any]) -> bool:
    """Return whether a tenant's bookmark is in the middle of a list of parents."""
    return "parent_page" in stored or "parent_id" in stored

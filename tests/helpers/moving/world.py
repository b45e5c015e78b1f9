"""What the moving server holds: rows of several tenants, which change at any moment, and the API's clock."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Query = Mapping[str, str]

FIRST_ID = 1000
"""Ids of new rows are above it, except of those that enter with a low id."""


class RefusedError(Exception):
    """A request that the API answers with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class World:
    """All tables of all tenants."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The API's clock: it stands still unless a test moves it."""

    max_page_size: int = 5000
    """Rows of a page at most, whatever pageSize asks for."""

    feed_page_size: int = 100
    """Rows of a page of an export feed."""

    token_epoch: int = 0
    """Continuation tokens of earlier epochs are refused."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    """By tenant and path, for example ``crm/v2/customers/17/notes``."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held for each change and while an answer is made, so that an answer shows one moment."""

    _versions: int = 0

    def add(self, tenant: str, path: str, version_field: str, **options: Any) -> Table:
        """Add an empty table."""
        table = Table(self, version_field, **options)
        with self.lock:
            self.tables[tenant, path] = table
        return table

    def below(self, tenant: str, path: str) -> dict[int, Table]:
        """Return the nested tables of a path such as ``crm/v2/customers/{}/notes``, by their parent's id."""
        start, end = path.split("{}")
        with self.lock:
            return {
                int(found[len(start) : -len(end)]): table
                for (owner, found), table in self.tables.items()
                if owner == tenant and found.startswith(start) and found.endswith(end)
            }

    def drop(self, tenant: str, path: str) -> None:
        """Remove a table."""
        with self.lock:
            del self.tables[tenant, path]

    def tick(self, **duration: float) -> None:
        """Move the clock."""
        with self.lock:
            self.now += timedelta(**duration)

    def refuse_tokens(self) -> None:
        """Refuse every continuation token that was given so far."""
        with self.lock:
            self.token_epoch += 1

    def next_version(self) -> int:
        """Return a number that no row has had."""
        self._versions += 1
        return self._versions


@dataclass
class Table:
    """The rows of one collection of one tenant; each change gives a row a new version."""

    world: World

    version_field: str
    """The row's field that shows its version."""

    as_text: bool = True
    """Whether the version is text."""

    dated: bool = True
    """Whether rows have modifiedOn, and requests may ask by it."""

    has_active: bool = True
    """Whether rows may be inactive, which requests leave out unless they ask for ``active=Any``."""

    rows: dict[int, Row] = field(default_factory=dict)
    """In the order in which they entered."""

    log: list[int] = field(default_factory=list)
    """Ids in order of their changes: what an export feed shows, of each row the last change only."""

    used: set[int] = field(default_factory=set)
    """Ids of all rows that ever were: none is given twice."""

    def insert(self, number: int | None = None, *, modified: datetime | None = None) -> int:
        """Add a row; return its id."""
        with self.world.lock:
            number = max([FIRST_ID, *self.used]) + 1 if number is None else number
            assert number not in self.used
            self.used.add(number)
            self.rows[number] = {"id": number, **({"active": True} if self.has_active else {})}
            self.update(number, modified=modified)
            return number

    def insert_low(self, rng: random.Random) -> int:
        """Add a row with a low id, so that those behind it move by a place; return its id."""
        with self.world.lock:
            return self.insert(rng.choice(sorted(set(range(1, FIRST_ID)) - self.used)))

    def update(self, number: int, *, modified: datetime | None = None, **values: Any) -> None:
        """Change a row."""
        with self.world.lock:
            version = self.world.next_version()
            date = {"modifiedOn": api_date(modified or self.world.now)} if self.dated else {}
            shown = {self.version_field: str(version) if self.as_text else version}
            self.rows[number] = {**self.rows[number], **values, **date, **shown}
            self.log.append(number)

    def deactivate(self, number: int) -> None:
        """Mark a row inactive."""
        self.update(number, active=False)

    def delete(self, number: int) -> None:
        """Remove a row without a trace."""
        with self.world.lock:
            del self.rows[number]

    def page(self, query: Query) -> dict[str, Any]:
        """Answer a request for a numbered page."""
        page, size = (_number(query, name, default) for name, default in (("page", 1), ("pageSize", 50)))
        size = min(size, self.world.max_page_size)
        rows = self._sorted(self._selected(query), query.get("sort", ""))
        start = (page - 1) * size
        return {
            "page": page,
            "pageSize": size,
            "hasMore": start + size < len(rows),
            "totalCount": len(rows) if query.get("includeTotal") == "true" else None,
            "data": rows[start : start + size],
        }

    def feed_page(self, query: Query) -> dict[str, Any]:
        """Answer a request to an export feed; a token holds its epoch, a position in the log, and the first date."""
        sent = query.get("from", "")
        position, since = 0, sent
        if "|" in sent:
            epoch, place, since = sent.split("|")
            position = int(place)
            if int(epoch) != self.world.token_epoch:
                raise RefusedError(400)
        last = {number: place for place, number in enumerate(self.log)}
        places = [
            place
            for place in sorted(last.values())
            if place >= position and (not since or _date(self.rows[self.log[place]]["modifiedOn"]) >= _date(since))
        ]
        size = self.world.feed_page_size
        more = len(places) > size
        then = places[size] if more else len(self.log)
        return {
            "hasMore": more,
            "continueFrom": f"{self.world.token_epoch}|{then}|{since}",
            "data": [self.rows[self.log[place]] for place in places[:size]],
        }

    def _selected(self, query: Query) -> list[Row]:
        rows = list(self.rows.values())
        if self.has_active and (wanted := query.get("active", "True")) != "Any":
            rows = [row for row in rows if row["active"] == (wanted == "True")]
        if self.dated and (since := query.get("modifiedOnOrAfter")):
            rows = [row for row in rows if _date(row["modifiedOn"]) >= _date(since)]
        if self.dated and (before := query.get("modifiedBefore")):
            rows = [row for row in rows if _date(row["modifiedOn"]) < _date(before)]
        return rows

    def _sorted(self, rows: list[Row], sort: str) -> list[Row]:
        key = {"id": "id", "modifiedon": "modifiedOn"}.get(sort[1:].lower())
        if key is None or (key == "modifiedOn" and not self.dated):
            return rows
        return sorted(rows, key=lambda row: row[key], reverse=sort.startswith("-"))


def api_date(date: datetime) -> str:
    """Write a date-time as the API does, in UTC."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _date(text: str) -> datetime:
    date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise RefusedError(400)
    return int(text)

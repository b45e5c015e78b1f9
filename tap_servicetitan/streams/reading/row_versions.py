"""Which version of a row is written last, where pages that are requested at the same time overtake each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Version(NamedTuple):
    """How new a row is."""

    date: Any
    """Its date of modification, where rows have one."""

    requested: float
    """When its page was requested, by the monotonic clock."""

    def is_newer_than(self, other: Version) -> bool:
        """Return whether this version was made later: by the dates, else by the requests."""
        if isinstance(self.date, str) and isinstance(other.date, str):
            return self.date > other.date
        return self.requested > other.requested


class RowVersions:
    """Remembers the rows of the page before, of which some may be on the next page too: rows move by few places."""

    def __init__(self) -> None:
        self._written: dict[Any, Version] = {}

    def news(self, records: list[Any], ids: Sequence[Any], dates: Sequence[Any], requested: float) -> list[Any]:
        """Return the records of a page, without rows that were written in a version as new as theirs.

        Args:
            records: In the order of their ids.
            ids: Of the records.
            dates: Of the records; None for a record without one.
            requested: When the page was requested, by the monotonic clock.
        """
        earlier = self._written
        self._written = {row_id: Version(date, requested) for row_id, date in zip(ids, dates, strict=True)}
        if earlier.keys().isdisjoint(self._written):
            return records
        return [
            record
            for record, row_id in zip(records, ids, strict=True)
            if row_id not in earlier or self._written[row_id].is_newer_than(earlier[row_id])
        ]

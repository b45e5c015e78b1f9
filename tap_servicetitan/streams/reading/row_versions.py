"""Which version of a row is written last, where pages that are requested at the same time overtake each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Version(NamedTuple):
    """How new a row is: the API made its answer at some time between request and answer."""

    date: Any
    """Its date of modification, where rows have one."""

    requested: float
    """When its page was requested, by the monotonic clock."""

    answered: float
    """When the page came, by the monotonic clock."""

    def is_newer_than(self, other: Version) -> bool | None:
        """Return whether this version was made later; None if nothing shows it."""
        if isinstance(self.date, str) and isinstance(other.date, str):
            return self.date > other.date
        if self.requested >= other.answered:
            return True
        return False if self.answered <= other.requested else None


class RowVersions:
    """Remembers the rows of the page before, of which some may be on the next page too: rows move by few places."""

    def __init__(self) -> None:
        self._written: dict[Any, Version] = {}
        self.undecided: set[Any] = set()
        """Ids of rows that two pages have, when nothing shows which version is newer: they have to be read again."""

    def news(
        self, records: list[Any], ids: Sequence[Any], dates: Sequence[Any], requested: float, answered: float
    ) -> list[Any]:
        """Return the records of a page, without rows that were written in a version as new as theirs.

        Args:
            records: In the order of their ids.
            ids: Of the records.
            dates: Of the records; None for a record without one.
            requested: When the page was requested, by the monotonic clock.
            answered: When it came, by the monotonic clock.
        """
        earlier = self._written
        self._written = {row_id: Version(date, requested, answered) for row_id, date in zip(ids, dates, strict=True)}
        newer = {
            row_id: self._written[row_id].is_newer_than(earlier[row_id])
            for row_id in earlier.keys() & self._written.keys()
        }
        if not newer:
            return records
        self.undecided |= {row_id for row_id, is_newer in newer.items() if is_newer is None}
        return [record for record, row_id in zip(records, ids, strict=True) if newer.get(row_id, True)]

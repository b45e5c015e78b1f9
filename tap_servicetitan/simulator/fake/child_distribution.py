"""How the records of a nested collection, and the items of records, are distributed over their parents."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final
from zlib import crc32

CHILDREN: Final = (3, 0, 5, 1, 4, 2)
"""How many records each of the first six parents has, then each of the next six, and so on."""

ITEMS: Final = (1, 1, 2, 0, 2, 0)
"""How many items each of the first six invoices or estimates has, then each of the next six, and so on: one on average."""


@dataclass(frozen=True)
class Counts:
    """How many records each parent has, in turn."""

    pattern: tuple[int, ...]

    def until(self, parents: int) -> int:
        """Return how many records the first parents have together."""
        rounds, rest = divmod(parents, len(self.pattern))
        return rounds * sum(self.pattern) + sum(self.pattern[:rest])

    def of(self, parent: int) -> range:
        """Return the indices of a parent's records."""
        first = self.until(parent)
        return range(first, first + self.pattern[parent % len(self.pattern)])

    def parent_of(self, index: int) -> int:
        """Return the index of a record's parent."""
        rounds, rest = divmod(index, sum(self.pattern))
        return rounds * len(self.pattern) + bisect_right(_ends(self.pattern), rest)


@cache
def _ends(pattern: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(pattern))


@dataclass(frozen=True)
class ChildDistribution:
    """The number of records that a nested collection starts with, and the parent of each record."""

    stream: str
    parents: int
    """Number of parents at the start."""

    per_parent: int | None
    """Number of records of each parent; None for :data:`CHILDREN`."""

    single: bool
    """Whether each parent always has exactly one record, which is the whole response."""

    @property
    def total(self) -> int:
        """Number of records at the start."""
        return self._counts.until(self.parents)

    def parent_of(self, index: int) -> int:
        """Return the index of a record's parent. Records that are added later belong to parents of the start."""
        if self.single:
            return index
        if index >= self.total:
            return crc32(f"{self.stream}:{index}".encode()) % max(1, self.parents)
        return self._counts.parent_of(index)

    @property
    def _counts(self) -> Counts:
        return Counts(CHILDREN if self.per_parent is None else (self.per_parent,))

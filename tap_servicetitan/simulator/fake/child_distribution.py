"""How the records of a nested collection are distributed over their parents."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from zlib import crc32

CHILDREN: Final = (3, 0, 5, 1, 4, 2)
"""How many records each of the first six parents has, then each of the next six, and so on."""

_UNTIL: Final = tuple(accumulate(CHILDREN))


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
        if self.per_parent is not None:
            return self.parents * self.per_parent
        rounds, rest = divmod(self.parents, len(CHILDREN))
        return rounds * _UNTIL[-1] + sum(CHILDREN[:rest])

    def parent_of(self, index: int) -> int:
        """Return the index of a record's parent. Records that are added later belong to parents of the start."""
        if self.single:
            return index
        if index >= self.total:
            return crc32(f"{self.stream}:{index}".encode()) % max(1, self.parents)
        if self.per_parent is not None:
            return index // self.per_parent
        rounds, rest = divmod(index, _UNTIL[-1])
        return rounds * len(CHILDREN) + bisect_right(_UNTIL, rest)

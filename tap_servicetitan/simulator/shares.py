"""How the records of a nested collection are spread over their parents."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tap_servicetitan.simulator.operations import operation

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Nested

CHILDREN: Final = (3, 0, 5, 1, 4, 2)
"""How many records the first six parents have, then the next six, and so on."""

_UNTIL: Final = tuple(accumulate(CHILDREN))


def one_each(endpoint: Nested) -> bool:
    """Tell whether each parent has just one record, which is the whole answer."""
    takes = operation(endpoint)
    return not takes.records and not takes.has("page")


@dataclass(frozen=True)
class Share:
    """The records that a nested collection starts with, and whose the later ones are."""

    stream: str
    parents: int
    """How many parents there are at the start."""

    each: int | None
    """How many records each of them has; None for :data:`CHILDREN`."""

    one: bool
    """Whether a parent brings its only record with it."""

    @property
    def total(self) -> int:
        """How many records there are at the start."""
        if self.each is not None:
            return self.parents * self.each
        rounds, rest = divmod(self.parents, len(CHILDREN))
        return rounds * _UNTIL[-1] + sum(CHILDREN[:rest])

    def owner(self, index: int) -> int:
        """Return the index of a record's parent: of what comes later, one that was there from the start."""
        if self.one:
            return index
        if index >= self.total:
            return crc32(f"{self.stream}:{index}".encode()) % max(1, self.parents)
        if self.each is not None:
            return index // self.each
        rounds, rest = divmod(index, _UNTIL[-1])
        return rounds * len(CHILDREN) + bisect_right(_UNTIL, rest)

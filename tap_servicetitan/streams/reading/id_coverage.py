"""Proof that no row was skipped while rows moved between numbered pages.

Each answer is a snapshot: a slice, without a gap, of the rows in order of their ids. A row that exists all the time is
in the answer whose first and last id it lies between. So it is enough that the slices cover all ids from the first to
the last one without a gap, in whatever order they were requested: two slices that share an id leave nothing between
them. Between two pages that only border on each other there may be rows, because rows moved; a few rows around the
border, in one answer, show which ones. Those between the pages are the ones that were missing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PROBE_SIZES = (10, 40, 160, 640, 2560)
"""Rows to ask for around a border: the fewest first, more if rows moved further."""


@dataclass(frozen=True)
class _Slice:
    """The ids that one answer, or several that share ids, hold without a gap."""

    low: float
    high: float
    end: int
    """Position behind the last row, when it was read."""


class Gap(NamedTuple):
    """Ids between two slices: there may be rows that no answer has shown."""

    low: float
    high: float
    position: int
    """Where the first of these rows would be, counted from 0."""

    def contains(self, row_id: int) -> bool:
        """Return whether a row lies in the gap."""
        return self.low < row_id < self.high


class IdCoverage:
    """The ids that answers have shown without a gap."""

    def __init__(self, after: int | None = None, position: int = 0) -> None:
        """Begin.

        Args:
            after: The last id of an earlier run, up to which all rows have been read.
            position: Where the row behind it was, counted from 0.
        """
        self.in_order = True
        """Whether all answers were in order of integer ids, without which nothing is proved."""
        self._highest = -math.inf if after is None else after
        self._slices: list[_Slice] = []
        if after is not None:
            self._slices.append(_Slice(-math.inf, after, position))

    def add(self, ids: Sequence[object], start: int, *, last: bool) -> None:
        """Note an answer.

        Args:
            ids: The ids of its rows, in the order of the answer.
            start: Position of the first row, counted from 0.
            last: Whether the answer says that no row follows.
        """
        numbers = [one for one in ids if isinstance(one, int)]
        if len(numbers) < len(ids) or any(one >= other for one, other in itertools.pairwise(numbers)):
            self.in_order = False
            return
        if not numbers and start:
            return  # a page behind the last row shows no id
        self._highest = max([self._highest, *numbers[-1:]])
        low = numbers[0] if start and numbers else -math.inf
        high = math.inf if last else numbers[-1] if numbers else -math.inf
        self._slices = _merged([*self._slices, _Slice(low, high, start + len(numbers))])

    def assume_below(self, row_id: int) -> None:
        """Take everything below an id as read, by an earlier run that left only the number of its page."""
        self._slices = _merged([_Slice(-math.inf, row_id - 1, 0), *self._slices])

    def gaps(self) -> list[Gap]:
        """Return what is not covered, in order."""
        borders = [_Slice(-math.inf, -math.inf, 0), *self._slices, _Slice(math.inf, math.inf, 0)]
        return [
            Gap(below.high, above.low, below.end)
            for below, above in itertools.pairwise(borders)
            if below.high < above.low
        ]

    def has_gap_within(self, gap: Gap) -> bool:
        """Return whether any part of a gap is still not covered."""
        return any(gap.low < one.high and one.low < gap.high for one in self.gaps())

    @property
    def read_up_to(self) -> int | None:
        """The id up to which all rows have been read; None if there is none."""
        gaps = self.gaps() if self.in_order else []
        low = gaps[0].low if gaps else self._highest
        return int(low) if math.isfinite(low) else None

    def gaps_below(self, row_id: float) -> list[Gap]:
        """Return what is not covered below an id."""
        return [gap for gap in self.gaps() if gap.high <= row_id]


def _merged(slices: list[_Slice]) -> list[_Slice]:
    """Join slices that share an id, or whose ids follow each other without another one between."""
    merged: list[_Slice] = []
    for one in sorted(slices, key=lambda each: each.low):
        if merged and one.low <= merged[-1].high + 1:
            furthest = max(merged[-1], one, key=lambda each: each.high)
            merged[-1] = _Slice(merged[-1].low, furthest.high, furthest.end)
        else:
            merged.append(one)
    return merged


def probe_page(position: int, size: int) -> tuple[int, int]:
    """Return number and size of a page with the row of a position, and the one before it, near its middle.

    Args:
        position: Counted from 0.
        size: How many rows at most, 2 or more.
    """
    sizes = range(size // 2 + 1, size + 1)
    best = min(sizes, key=lambda each: abs(position % each - each // 2))
    return position // best, best

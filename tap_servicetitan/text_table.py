"""Tables for people, in plain text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def lines(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = ()) -> list[str]:
    """Return a table's lines, its columns aligned.

    Args:
        head: Names of the columns.
        rows: Cells, as many in each as there are columns.
        right: Columns that are aligned to the right, for numbers.
    """
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_cells(head, cells, widths, right)).rstrip() for cells in table]


def _cells(head: Sequence[str], cells: Sequence[str], widths: Sequence[int], right: Collection[str]) -> Iterable[str]:
    for name, cell, width in zip(head, cells, widths, strict=True):
        yield cell.rjust(width) if name in right else cell.ljust(width)

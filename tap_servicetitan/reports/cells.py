"""A report's cells: as text, which takes anything, or of the type that the report declares."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tap_servicetitan.errors import PaginationError, ReportError

Row = Sequence[Any]

_encoder = msgspec.json.Encoder(decimal_format="number")

_TEXT = {"type": ["string", "null"]}


def as_text(cell: Any) -> str | None:
    """Return a cell as text: what is no text already as the JSON it came as, null as null."""
    return cell if cell is None or cell.__class__ is str else _encoder.encode(cell).decode()


def _is_date(cell: Any) -> bool:
    try:
        datetime.fromisoformat(cell)
    except (TypeError, ValueError):
        return False
    return True


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "Boolean": lambda cell: isinstance(cell, bool),
    "Date": _is_date,
    "Number": lambda cell: isinstance(cell, (int, decimal.Decimal)) and not isinstance(cell, bool),
}
"""What a cell that is not null must be; other types are taken as text. What a ``Time`` looks like is known nowhere."""

_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Boolean": {"type": ["boolean", "null"]},
    "Date": {"type": ["string", "null"], "format": "date-time"},
    "Number": {"type": ["number", "null"]},
}

_WORDS = {bool: "true or false", dict: "an object", list: "a list", str: "text"}


def schema(declared: str) -> dict[str, Any]:
    """Return the JSON schema of a column."""
    return _SCHEMAS.get(declared, _TEXT)


def records(
    names: Sequence[str], types: Mapping[str, str], rows: Sequence[Row], known: Container[str]
) -> Iterator[dict[str, Any]]:
    """Make records of rows.

    Args:
        names: Of the columns, in the rows' order.
        types: What each column is to be; text where a column is not among them.
        rows: Their cells.
        known: The columns that records are to have; others are left out.

    Raises:
        PaginationError: A row has not just as many cells as there are columns.
        ReportError: A cell is not what its column was declared.
    """
    if odd := next((row for row in rows if len(row) != len(names)), None):
        msg = f"A row has {len(odd)} cells, but the answer names {len(names)} columns."
        raise PaginationError(msg)
    casts: list[tuple[str, int, Callable[[Any], Any]]] = []
    for position, name in enumerate(names):
        if name not in known:
            continue
        declared = types.get(name, "String")
        if check := _CHECKS.get(declared):
            _demand(check, name, declared, [row[position] for row in rows])
        casts.append((name, position, _as_it_is if check else as_text))
    for row in rows:
        yield {name: cast(row[position]) for name, position, cast in casts}


def _as_it_is(cell: Any) -> Any:
    return cell


def _demand(check: Callable[[Any], bool], name: str, declared: str, cells: Sequence[Any]) -> None:
    for number, cell in enumerate(cells, start=1):
        if cell is not None and not check(cell):
            found = _WORDS.get(type(cell), "a number")
            msg = f"Column {name} is declared a {declared}, but holds {found} in row {number} of the page."
            raise ReportError(msg, remedy="Set typed to false for this report, or mend the column in ServiceTitan.")

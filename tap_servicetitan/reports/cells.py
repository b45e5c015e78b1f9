"""A report's cells: as text, which takes anything, or of the type that the report declares."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator, Mapping, Sequence
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


_TYPES: Mapping[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "Boolean": ({"type": ["boolean", "null"]}, lambda cell: isinstance(cell, bool)),
    "Date": ({"type": ["string", "null"], "format": "date-time"}, _is_date),
    "Number": (
        {"type": ["number", "null"]},
        lambda cell: isinstance(cell, (int, decimal.Decimal)) and not isinstance(cell, bool),
    ),
}
"""Of each type that a report declares, the JSON schema, and what a cell that is not null must be.

Others are taken as text: what a ``Time`` looks like is known nowhere.
"""

_WORDS = {bool: "true or false", dict: "an object", list: "a list", str: "text"}


def schema(declared: str | None) -> dict[str, Any]:
    """Return the JSON schema of a column that is declared so, or not at all."""
    return _TYPES[declared][0] if declared and declared in _TYPES else _TEXT


def _declared(column: Mapping[str, Any]) -> str | None:
    """Return what a column of the catalog was declared, if it is not text."""
    kind = {key: column[key] for key in ("type", "format") if key in column}
    return next((declared for declared, (schema, _) in _TYPES.items() if schema == kind), None)


def records(
    names: Sequence[str | None], rows: Sequence[Row], properties: Mapping[str, Mapping[str, Any]], *, before: int = 0
) -> Iterator[dict[str, Any]]:
    """Make records of rows.

    Args:
        names: Of the columns, in the rows' order; None for a column that is left out.
        rows: Their cells.
        properties: JSON schema of the columns that records are to have, as the catalog has them; others are left out.
        before: Rows that came before these.

    Raises:
        PaginationError: A row has not just as many cells as there are columns.
        ReportError: A cell is not what its column was declared.
    """
    if odd := next((row for row in rows if len(row) != len(names)), None):
        msg = f"A row has {len(odd)} cells, but the answer names {len(names)} columns."
        raise PaginationError(msg)
    casts: list[tuple[str, int, Callable[[Any], Any]]] = []
    for position, name in enumerate(names):
        if name is None or name not in properties:
            continue
        declared = _declared(properties[name])
        if declared:
            _demand(name, declared, [row[position] for row in rows], before)
        casts.append((name, position, _as_it_is if declared else as_text))
    for row in rows:
        yield {name: cast(row[position]) for name, position, cast in casts}


def _as_it_is(cell: Any) -> Any:
    return cell


def _demand(name: str, declared: str, cells: Sequence[Any], before: int) -> None:
    fits = _TYPES[declared][1]
    for number, cell in enumerate(cells, start=before + 1):
        if cell is not None and not fits(cell):
            found = _WORDS.get(type(cell), "a number")
            msg = f"Column {name} is declared a {declared}, but holds {found} in row {number}."
            remedy = "Set typed to false for this report and discover again, or mend the column in ServiceTitan."
            raise ReportError(msg, remedy=remedy)

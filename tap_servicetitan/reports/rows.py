"""A report's rows as columns of records: cells as text, or of the type that the report declares."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import msgspec

from tap_servicetitan.errors import PaginationError, ReportError, shown
from tap_servicetitan.reports.metadata import ColumnKey, number_duplicates

Row = Sequence[Any]

_encoder = msgspec.json.Encoder(decimal_format="number")

_TEXTS = frozenset({str, type(None)})
_TEXT = {"type": ["string", "null"]}


def as_text(cell: Any) -> str | None:
    """Return a cell as text: strings and null unchanged, other values as JSON."""
    return cell if cell is None or cell.__class__ is str else _encoder.encode(cell).decode()


def _is_date(cell: Any) -> bool:
    try:
        datetime.fromisoformat(cell)
    except (TypeError, ValueError):
        return False
    return True


_TYPES: Mapping[str, tuple[dict[str, Any], frozenset[type], Callable[[Any], bool] | None]] = {
    "Boolean": ({"type": ["boolean", "null"]}, frozenset({bool}), None),
    "Date": ({"type": ["string", "null"], "format": "date-time"}, frozenset({str}), _is_date),
    "Number": ({"type": ["number", "null"]}, frozenset({int, decimal.Decimal}), None),
}
"""JSON schema of each declared type, the types of its cells, and a check of a cell that is not null.

Other types become text: the format of a ``Time`` is not documented.
"""

_JSON_TYPES = {bool: "true or false", dict: "an object", list: "a list", str: "text"}


def column_schema(declared: str | None) -> dict[str, Any]:
    """Return the JSON schema of a column with this declared type."""
    return _TYPES[declared][0] if declared and declared in _TYPES else _TEXT


def _declared(column: Mapping[str, Any]) -> str | None:
    """Return the declared type of a column in the catalog; None for text."""
    column_type = {key: column[key] for key in ("type", "format") if key in column}
    return next((declared for declared, (schema, *_) in _TYPES.items() if schema == column_type), None)


def make_columns(
    names: Sequence[str | None],
    rows: Sequence[Row],
    properties: Mapping[str, Mapping[str, Any]],
    *,
    declared_now: Mapping[str, str | None] | None = None,
    before: int = 0,
) -> dict[str, Sequence[Any]]:
    """Make the columns of records from rows.

    Args:
        names: Names of the columns, in the order of the cells; None for a column that is ignored.
        rows: The rows.
        properties: JSON schemas of the columns in the catalog; other columns are ignored.
        declared_now: Types that the report's metadata declares, by column, if it is newer than the catalog.
        before: Number of rows in earlier pages.

    Raises:
        PaginationError: The number of cells differs from the number of columns.
        ReportError: A cell does not have the declared type of its column.
    """
    if invalid := next((row for row in rows if len(row) != len(names)), None):
        msg = f"A row has {len(invalid)} cells, but the response has {len(names)} columns."
        raise PaginationError(msg)
    columns: dict[str, Sequence[Any]] = {}
    for name, cells in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        if name is None or name not in properties:
            continue
        if declared := _declared(properties[name]):
            now = (declared_now or {}).get(name, declared) or "String"
            _check_cells(name, declared, now, cells, before)
            columns[name] = cells
        else:
            columns[name] = cells if {*map(type, cells)} <= _TEXTS else [as_text(cell) for cell in cells]
    return columns


def _check_cells(name: str, declared: str, now: str, cells: Sequence[Any], before: int) -> None:
    _, fitting, check = _TYPES[declared]
    if check is None and {*map(type, cells)} <= fitting | {type(None)}:
        return
    for number, cell in enumerate(cells, start=before + 1):
        if cell is not None and (type(cell) not in fitting or (check and not check(cell))):
            found = _JSON_TYPES.get(type(cell), "a number")
            msg = f"Column {shown(name)} is declared a {declared}, but holds {found} in row {number}."
            remedy = "Set typed to false for this report and discover again, or fix the column in ServiceTitan."
            if now != declared:
                msg = (
                    f"Column {shown(name)} is a {declared} in the catalog, but the report declares it a {shown(now)} now; "
                    f"see row {number}."
                )
                remedy = "Discover again."
            raise ReportError(msg, remedy=remedy)


def column_changes(
    headers: list[str], columns: Mapping[ColumnKey, str], known: AbstractSet[str], expected: AbstractSet[str]
) -> Iterator[tuple[str, AbstractSet[str]]]:
    """Yield how the columns of an answer differ from the catalog, each with the names of these columns.

    Args:
        headers: Of the answer.
        columns: Names in records, by column of the metadata.
        known: Columns of the catalog.
        expected: Columns that the report should have.
    """
    keys = list(number_duplicates(headers))
    present = {columns[key] for key in keys if key in columns}
    yield "column %s is not in the catalog and is ignored. Discover again to have it.", present - known
    yield (
        "column %s is newer than the metadata that this run requested, and is ignored. Discover again to have it.",
        {name for name, number in keys if (name, number) not in columns},
    )
    yield "the report has no column %s any more.", known & (expected - present)

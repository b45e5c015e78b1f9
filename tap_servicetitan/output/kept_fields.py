"""Unknown fields on the fast path: the struct types of records grow by each field that a page shows for the first time."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.output.record_types import NoStructError, Schema, record_type, struct_field_name
from tap_servicetitan.output.unknown_fields import COLUMN, unknown_breadcrumbs, with_fields

if TYPE_CHECKING:
    from tap_servicetitan.output.violations import SchemaViolations

MAX_FIELDS = 256
"""Unknown fields of a stream that its struct types have; with more, its records are read as dicts."""

Move = Callable[[Any], None]
"""Moves a record's unknown fields at the top into its column for them."""


@dataclass(frozen=True)
class RecordTypes:
    """Types of a record with the unknown fields up to now; ``dict[str, Any]`` if structs cannot have them."""

    record: Any
    """Ignores deselected fields."""

    strict: Any
    """Has deselected fields and refuses unknown ones."""


class KeptFields:
    """The unknown fields of a stream, and the types of its records that have them. Any thread may use it."""

    def __init__(self, selected: Schema, known: Schema, violations: SchemaViolations) -> None:
        """Make the types of a stream's first page, which has no unknown field.

        Args:
            selected: The selected schema, as the API sends records.
            known: The same with deselected fields.
            violations: Notes which fields are kept.

        Raises:
            NoStructError: As :func:`record_type`.
        """
        self._selected = selected
        self._known = known
        self._violations = violations
        self._breadcrumbs: frozenset[tuple[str, ...]] = frozenset()
        self.moves: dict[type, Move] = {}
        """By the type of a record that has unknown fields at the top."""
        self._lock = threading.Lock()
        self.deselects = selected["properties"] != known["properties"]
        """Whether fields are deselected, so that two types are needed to ignore these and nothing else."""
        self.types = self._make_types()

    def learn(self, records: Iterable[dict[str, Any]]) -> None:
        """Add the unknown fields of records to the types."""
        with self._lock:
            found = {
                crumb for record in records for crumb in unknown_breadcrumbs(record, self._known)
            } - self._breadcrumbs
            if not found or self.types.record == dict[str, Any]:
                return
            self._violations.kept(map(_path, sorted(found)))
            self._breadcrumbs |= found
            try:
                self.types = self._make_types()
            except NoStructError:
                self.types = RecordTypes(dict[str, Any], dict[str, Any])

    def _make_types(self) -> RecordTypes:
        if len(self._breadcrumbs) > MAX_FIELDS:
            raise NoStructError
        schema = with_fields(self._selected, self._breadcrumbs)
        strict = record_type(with_fields(self._known, self._breadcrumbs), strict=True)
        record = record_type(schema) if self.deselects else strict
        if names := [name for name in schema["properties"] if name not in self._selected["properties"]]:
            self.moves[record] = _move(schema, names)
        return RecordTypes(record, strict)


def _path(breadcrumb: tuple[str, ...]) -> str:
    """Return a breadcrumb as the log shows it, such as ``items.price``."""
    steps = iter(breadcrumb)
    return ".".join(next(steps) for step in steps if step == "properties")


def _move(schema: Schema, names: list[str]) -> Move:
    column = struct_field_name(schema, COLUMN) or ""
    fields = [struct_field_name(schema, name) or "" for name in names]
    values: Callable[[Any], tuple[Any, ...]]
    if len(fields) == 1:
        (field,) = fields

        def values(record: Any) -> tuple[Any, ...]:
            return (getattr(record, field),)
    else:
        values = operator.attrgetter(*fields)
    nothing = (msgspec.UNSET,) * len(fields)
    kept_type = msgspec.defstruct(
        "Kept",
        [(field, Any, msgspec.UNSET) for field in fields],
        rename=dict(zip(fields, names, strict=True)),
        gc=False,
    )

    def move(record: Any) -> None:
        found = values(record)
        if found != nothing:
            setattr(record, column, kept_type(*found))
            for field in fields:
                setattr(record, field, msgspec.UNSET)

    return move

"""The structs that a stream's records are read into, and what completes them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tap_servicetitan.output.kept_fields import KeptFields
from tap_servicetitan.output.record_types import Schema, positional_type, record_type, struct_field_name


class RecordStructs:
    """The structs of a stream's records."""

    def __init__(
        self,
        schema: Schema,
        sent: Schema,
        conform: Callable[[dict[str, Any]], dict[str, Any]],
        kept: KeptFields | None = None,
    ) -> None:
        """Make the struct type of a stream.

        Args:
            schema: Its selected schema, before maps and flattening.
            sent: The same, as the API sends records.
            conform: The conformance, for records that do not fit.
            kept: The unknown fields, if they are kept.

        Raises:
            NoStructError: As :func:`record_type`.
        """
        self.schema = dict(schema)
        self.sent = sent
        self.record_type = record_type(sent)
        """Type of the records that fit."""
        self.kept = kept
        """The unknown fields, if they are kept."""
        self._conform = conform
        self._tenant_field = struct_field_name(schema, "tenant_id")

    @functools.cached_property
    def _positional(self) -> Callable[..., Any]:
        return positional_type(self.schema["properties"])

    def from_columns(self, columns: Mapping[str, Iterable[Any]], count: int) -> list[Any]:
        """Return structs that are made of their fields' values, which fit.

        Args:
            columns: By field, a value for each record.
            count: How many records there are.
        """
        absent = itertools.repeat(msgspec.UNSET)
        values = (columns.get(name, absent) for name in self.schema["properties"])
        return list(itertools.islice(map(self._positional, *values), count))

    def complete(self, records: list[Any], tenant_id: str) -> None:
        """Put the tenant into each record of a page, and conform those that do not fit.

        Args:
            records: Structs, and dicts of records that do not fit.
            tenant_id: Put first in each record.
        """
        if self.kept:
            moves = self.kept.moves
            for record in records:
                if move := moves.get(record.__class__):
                    move(record)
        for number, record in enumerate(records):
            if record.__class__ is dict:
                records[number] = self._conform({**record, "tenant_id": tenant_id})
            elif self._tenant_field:
                setattr(record, self._tenant_field, tenant_id)


def to_dict(record: Any) -> dict[str, Any]:
    """Return a struct as a dict, numbers unchanged; a dict as it is."""
    if record.__class__ is dict:
        return record
    converted: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(Decimal,))
    return converted

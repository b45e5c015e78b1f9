"""A stream's map and flattening, applied to one record after the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import simpleeval  # type: ignore[import-untyped]  # it has no types
from singer_sdk.exceptions import MapExpressionError

from tap_servicetitan.output.record_structs import to_dict
from tap_servicetitan.output.record_types import decode_dict, encoder
from tap_servicetitan.output.unknown_fields import COLUMN

if TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap


class RecordMap:
    """Applies a stream's map and flattening, so that a record has no field that its SCHEMA lacks."""

    def __init__(self, mapping: StreamMap, properties: Collection[str]) -> None:
        """Make what applies a map.

        Args:
            mapping: The SDK's.
            properties: Names of the records' fields; the SDK's object lacks those that the map removes.
        """
        self.stream = mapping.stream_alias
        """Name of the stream that the records go to."""
        self._mapping = mapping
        self._properties = dict.fromkeys(properties)
        self._fields: Mapping[str, Any] = mapping.transformed_schema["properties"]
        options = mapping.flattening_options
        self._separator = options.separator if options and mapping.flattening_enabled else None
        self._nulls: dict[str, list[str]] = {}
        self._padding: dict[str, None] = {}

    def __call__(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Return what becomes of a record; None if it is filtered out.

        Raises:
            MapExpressionError: An expression fails; its name is in the message, and no value.
        """
        mapped = self._transform(record)
        return self._fitted(mapped) if mapped and self._separator else mapped

    def page(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        """Return what becomes of a page's structs and dicts."""
        return [mapped for record in records if (mapped := self(to_dict(record))) is not None]

    def _fitted(self, mapped: dict[str, Any]) -> dict[str, Any]:
        """Return a flattened record with the fields of its SCHEMA: nulls for an object that is null, in its place."""
        fitted: dict[str, Any] = {}
        unknown = {}
        for field, value in mapped.items():
            if field in self._fields:
                fitted[field] = value
            elif nulls := self._nulls_for(field):
                fitted.update((name, None) for name in nulls if name not in mapped)
            else:
                unknown[field] = value
        if unknown and COLUMN in self._fields:
            kept = decode_dict((fitted.get(COLUMN) or "{}").encode())
            fitted[COLUMN] = encoder.encode({**kept, **dict(sorted(unknown.items()))}).decode()
        return fitted

    def _nulls_for(self, field: str) -> list[str]:
        """Return the fields that stand for an object that is null."""
        if field not in self._nulls:
            self._nulls[field] = [name for name in self._fields if name.startswith(f"{field}{self._separator}")]
        return self._nulls[field]

    def _transform(self, record: dict[str, Any]) -> dict[str, Any] | None:
        try:
            absent = {name: None for name in self._padding if name not in record}
            return self._mapping.transform({**record, **absent} if absent else record)
        except Exception as error:  # noqa: BLE001 -- a user's expression may raise anything
            if self._pad(error):
                return self._transform(record)
            cause = type(error.__cause__ or error).__name__  # its text may quote the record
            evaluator = getattr(self._mapping, "expr_evaluator", None)
            expression = f"expression {evaluator.expr!r}" if evaluator and evaluator.expr else "map"
            msg = (
                f"The {expression} of stream_maps fails with {cause}. A field may be null: then write x if x else None."
            )
            raise MapExpressionError(msg) from None

    def _pad(self, error: Exception) -> bool:
        """Give expressions null for a field that a record lacks; return whether that was the error."""
        if not isinstance(error.__cause__, simpleeval.NameNotDefined):
            return False
        name = error.__cause__.name
        wanted = dict.fromkeys(self._properties if name == "self" else {name} & self._properties.keys())
        if wanted.keys() <= self._padding.keys():
            return False
        self._padding.update(wanted)
        return True

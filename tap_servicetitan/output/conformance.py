"""A record as the SDK would write it, without what its conformance loses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.helpers._typing import _conform_record_data_types
from singer_sdk.helpers.conform import TypeConformanceLevel

Schema = Mapping[str, Any]

_ALTERNATIVES = frozenset({"anyOf", "oneOf", "allOf"})
_LEFT_ALONE = {"type": "string"}


def kind_of(schema: Schema) -> str | None:
    """Return the one type, null aside, that a schema stands for; None if it is not just one."""
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
    values = [kind for kind in kinds if kind != "null"]
    return values[0] if len(values) == 1 and not _ALTERNATIVES & schema.keys() else None


class Conformance:
    """The SDK's treatment of a record: what is deselected or unknown goes, 0 and 1 become booleans where due.

    The SDK's own turns anything that is not 0 in a boolean's place into true, a string "false" among it, makes null of
    a number beyond a float's range, and stumbles over arrays of objects that say no properties. Here such values stay
    as they came.
    """

    def __init__(self, schema: Schema, mask: Any, on_unknown: Callable[[list[str]], None]) -> None:
        """Make the conformance of a stream.

        Args:
            schema: What fields are known, and their order.
            mask: What is selected.
            on_unknown: Told of a record's fields that the schema lacks, by their paths.
        """
        self._schema = schema
        self._placeable = {**schema, "properties": _placeable(schema["properties"])}
        self._mask = mask
        self._on_unknown = on_unknown

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record conformed, its fields in the schema's order; the one that is handed in may change."""
        pop_deselected_record_properties(record, self._placeable, self._mask)
        # Not the SDK's public function, which tells the fields of a record again if they are others than another one's.
        conformed, unknown = _conform_record_data_types(record, self._placeable, TypeConformanceLevel.RECURSIVE, None)
        if unknown:
            self._on_unknown(unknown)
        return _object(record, conformed, self._schema["properties"])


def _placeable(properties: Schema) -> dict[str, Any]:
    """Return properties in which the SDK finds its way: as strings, it leaves values of all types alone."""
    return {key: _placeable_value(schema) for key, schema in properties.items()}


def _placeable_value(schema: Schema) -> dict[str, Any]:
    match kind_of(schema):
        case None:
            return _LEFT_ALONE
        case "object":
            properties = schema.get("properties")
            return _LEFT_ALONE if properties is None else {**schema, "properties": _placeable(properties)}
        case "array" if "items" in schema:
            return {**schema, "items": _placeable_value(schema["items"])}
        case _:
            return dict(schema)


def _object(before: dict[str, Any], after: dict[str, Any], properties: Schema) -> dict[str, Any]:
    """Return an object with its properties in the schema's order, unknown ones last, at every level."""
    ordered = {
        # Most values are what they were, and simple.
        key: value
        if (value := after[key]) is before[key] and not isinstance(value, (dict, list))
        else _value(before[key], value, properties[key])
        for key in properties
        if key in after
    }
    return ordered if len(ordered) == len(after) else ordered | {k: v for k, v in after.items() if k not in ordered}


def _value(before: Any, after: Any, schema: Schema) -> Any:
    """Return what conformance made of a value, where nothing is lost by it."""
    if isinstance(after, dict):
        return _object(before, after, schema.get("properties", {}) if kind_of(schema) == "object" else {})
    if isinstance(after, list):
        items = schema.get("items", {}) if kind_of(schema) == "array" else {}
        return [_value(one, other, items) for one, other in zip(before, after, strict=True)]
    return after if before in (0, 1) and isinstance(before, int) else before

"""What is written of a record that its struct type does not fit, and of every record on the slow path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tap_servicetitan.output.record_types import Schema, encoder, single_type
from tap_servicetitan.output.unknown_fields import COLUMN, UnknownField

Conform = Callable[[Any, list[UnknownField]], Any]
"""Returns a value conformed, and adds unknown fields to the list."""

Mask = Mapping[tuple[str, ...], bool]
"""Whether a field, by its breadcrumb, is selected."""


class Conformance:
    """Makes a record fit its schema where that loses nothing, as the struct types do.

    Deselected fields are left out, and so are unknown ones unless they are kept. The others come in the schema's order, 0 and 1 become booleans in a
    boolean's place, and whatever is not text becomes its JSON text in a text's place. Other values are unchanged.
    """

    def __init__(
        self, schema: Schema, mask: Mask, on_unknown: Callable[[list[UnknownField]], None], *, keep: bool = False
    ) -> None:
        """Make the conformance of a stream.

        Args:
            schema: The known fields, deselected ones included, and their order.
            mask: Which of them are selected.
            on_unknown: Called with a record's fields that the schema lacks.
            keep: Whether these are kept: in nested objects where they are, behind the others and by name; those at the
                top in the column for them.
        """
        self._conform = _object(schema, mask, (), "", keep=keep)
        self._known = schema["properties"]
        self._keep = keep
        self._on_unknown = on_unknown

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record conformed."""
        unknown: list[UnknownField] = []
        conformed = self._conformed(record, unknown)
        if unknown:
            self._on_unknown(unknown)
        return conformed

    def note_unknown(self, records: Iterable[dict[str, Any]]) -> None:
        """Report the fields of records that the schema lacks, all at once."""
        unknown: list[UnknownField] = []
        for record in records:
            self._conformed(record, unknown)
        self._on_unknown(unknown)

    def _conformed(self, record: dict[str, Any], unknown: list[UnknownField]) -> dict[str, Any]:
        if self._keep and (others := {name: record[name] for name in sorted(record.keys() - self._known.keys())}):
            unknown += others.items()
            record = {**record, COLUMN: others}
        conformed: dict[str, Any] = self._conform(record, unknown)
        return conformed


def _object(schema: Schema, mask: Mask, breadcrumb: tuple[str, ...], path: str, *, keep: bool) -> Conform:
    """Return the conformance of an object, made once, so that the schema is not traversed for each record."""
    properties = schema["properties"]
    keeps_others = bool(schema.get("additionalProperties"))
    selected = {
        key: _value(inner, mask, crumbs, path + key, keep=keep)
        for key, inner in properties.items()
        if mask[crumbs := (*breadcrumb, "properties", key)]
    }

    keeps_here = keep and bool(path)

    def conform(value: Any, unknown: list[UnknownField]) -> Any:
        if value.__class__ is not dict:
            return value
        conformed = {
            key: value[key] if inner is None else inner(value[key], unknown)
            for key, inner in selected.items()
            if key in value
        }
        if len(conformed) < len(value):
            others = [key for key in value if key not in properties]
            if keeps_others:
                conformed.update((key, value[key]) for key in others)
                return conformed
            if keeps_here:
                conformed.update((key, value[key]) for key in sorted(others))
            if keeps_here or not keep:
                unknown += [(path + key, value[key]) for key in others]
        return conformed

    return conform


def _value(schema: Schema, mask: Mask, breadcrumb: tuple[str, ...], path: str, *, keep: bool) -> Conform | None:
    """Return the conformance of a field's value; None where it is written unchanged, whatever it is."""
    match single_type(schema):
        case "array" if "items" in schema:
            return _array(_value(schema["items"], mask, (*breadcrumb, "items"), path, keep=keep))
        case "boolean":
            return _boolean
        case "string":
            return _text
        case "object" | None if "properties" in schema and not _is_free(schema):
            return _object(schema, mask, breadcrumb, f"{path}.", keep=keep)
        case _:
            return None


def _array(items: Conform | None) -> Conform | None:
    if items is None:
        return None

    def conform(value: Any, unknown: list[UnknownField]) -> Any:
        return [items(item, unknown) for item in value] if value.__class__ is list else value

    return conform


def _boolean(value: Any, _: list[UnknownField]) -> Any:
    return bool(value) if value.__class__ is int and value in (0, 1) else value


def _text(value: Any, _: list[UnknownField]) -> Any:
    return value if value is None or value.__class__ is str else encoder.encode(value).decode()


def _is_free(schema: Schema) -> bool:
    """Return whether an object may hold anything."""
    return not schema["properties"] and bool(schema.get("additionalProperties"))

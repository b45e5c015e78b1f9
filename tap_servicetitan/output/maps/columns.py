"""The maps that need no expression, and flattening, as columns: what each field of a written record is made of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import simpleeval  # type: ignore[import-untyped]  # it has no types
from singer_sdk.helpers._flattening import flatten_key
from singer_sdk.mapper import md5, sha256
from singer_sdk.singerlib.json import serialize_json

from tap_servicetitan.output.maps.stream_maps import NAMES, REMOVED
from tap_servicetitan.output.record_types import Schema, encoder, single_type

if TYPE_CHECKING:
    from singer_sdk.helpers._flattening import FlatteningOptions

Change = Callable[[Any], Any]
"""Makes the value that is written of a field's."""

_DIGESTS: Mapping[str, Change] = {"md5": md5, "sha256": sha256}
_SHADOWED = NAMES | {"self", "fake"}
"""Names that in an expression are something else than a field."""

_OPTIONS = frozenset({"__source__", "__alias__", "__else__", "__key_properties__"})


class NotSimpleError(Exception):
    """A map, or one record for a map, is for the SDK."""


@dataclass(frozen=True)
class Column:
    """A field of the records that a map makes, before flattening."""

    name: str
    source: str
    """The record's field; any, for a constant."""

    change: Change | None = None
    copied: bool = False
    """Whether the map sets it to the field, so that it is null where the field is absent."""

    always: bool = False
    """Whether every record has it."""


@dataclass(frozen=True)
class MapColumns:
    """What a map without expressions makes."""

    columns: Sequence[Column]
    needed: Sequence[str]
    """Fields that a record must have: without them, the SDK orders the others differently, or adds them."""


def map_columns(definition: Mapping[str, Any] | None, properties: Iterable[str], keys: Iterable[str]) -> MapColumns:
    """Return the columns of a map, in the SDK's order.

    Args:
        definition: What the config says of the map, if that is known.
        properties: The names of the record's fields.
        keys: Those of the map's key.

    Raises:
        NotSimpleError: The map has an expression or a filter, or may make a record of nothing, which is left out.
    """
    if definition is None or definition.get("__filter__") is not None:
        raise NotSimpleError
    names = list(properties)
    base = [key for key in keys if key in names] if "__else__" in definition else names
    columns = {name: Column(name, name, always=name == "tenant_id") for name in base}
    needed: dict[str, None] = {}
    for name, expression in definition.items():
        if name in _OPTIONS or name == "__filter__":
            continue
        if expression in REMOVED:
            columns.pop(name, None)
            continue
        if name in columns:
            needed[name] = None
        columns[name] = _column(name, expression, names)
    made = columns.values()
    unset = {one.name for one in made if one.change is None and not one.copied}
    needed.update((one.source, None) for one in made if one.copied and one.source in unset)
    if not any(one.always for one in made):
        raise NotSimpleError
    return MapColumns(list(made), list(needed))


def _column(name: str, expression: str, names: Sequence[str]) -> Column:
    match ast.parse(expression).body[0]:
        case ast.Expr(ast.Name(source)) if source in names and source not in _SHADOWED:
            return Column(name, source, copied=True, always=source == "tenant_id")
        case ast.Expr(ast.Constant(str() | int() | float() | None as value)):
            if isinstance(value, str) and len(value) > simpleeval.MAX_STRING_LENGTH:
                raise NotSimpleError
            return Column(name, names[0], lambda _: value, always=True)
        case ast.Expr(ast.Call(ast.Name(function), [ast.Name(argument)], [])) if function in _DIGESTS:
            source = name if argument == "self" else argument
            if source in names and (argument == "self" or source not in _SHADOWED):
                return Column(name, source, _of_text(_DIGESTS[function]), always=True)
    raise NotSimpleError


def _of_text(digest: Change) -> Change:
    def change(value: Any) -> Any:
        if value.__class__ is not str:
            raise NotSimpleError  # the SDK's error
        return digest(value)

    return change


@dataclass(frozen=True)
class Leaf:
    """A field of a written record."""

    name: str
    field: str
    """The struct's, in which it is."""

    change: Change | None = None


@dataclass(frozen=True)
class Nested:
    """Fields of a written record that are fields of an object."""

    field: str
    parts: Sequence[Leaf | Nested]
    null_if_absent: bool

    def leaves(self) -> Iterator[Leaf]:
        """Yield all of them."""
        return leaves(self.parts)


Part = Leaf | Nested


def leaves(parts: Iterable[Part]) -> Iterator[Leaf]:
    """Yield the fields of a written record, in order."""
    for part in parts:
        if isinstance(part, Leaf):
            yield part
        else:
            yield from part.leaves()


def plain_parts(columns: Iterable[Column], properties: Mapping[str, Schema]) -> list[Part]:
    """Return the fields of a record that is not flattened."""
    fields = _fields(properties)
    return [Leaf(one.name, fields[one.source], _null_if_absent if one.copied else one.change) for one in columns]


class Flattening:
    """The SDK's flattening of a stream, by its schema."""

    def __init__(self, options: FlatteningOptions, flat: Mapping[str, Any]) -> None:
        """Make the flattening.

        Args:
            options: The user's.
            flat: The fields of the flattened schema.
        """
        self._options = options
        self._flat = flat

    def parts(self, columns: Iterable[Column], properties: Mapping[str, Schema]) -> list[Part]:
        """Return the fields of a record that is flattened.

        Raises:
            NotSimpleError: It depends on the record which fields it has.
        """
        fields = _fields(properties)
        parts = [self._part(one, fields[one.source], properties[one.source]) for one in columns]
        names = [leaf.name for leaf in leaves(parts)]
        if len(set(names)) < len(names) or not set(names) <= self._flat.keys():
            raise NotSimpleError
        return parts

    def _part(self, column: Column, field: str, schema: Schema, parents: Sequence[str] = ()) -> Part:
        options = self._options
        name = flatten_key(column.name, list(parents), options.separator, max_key_length=options.max_key_length)
        if column.change:
            return Leaf(name, field, column.change)
        has_struct = single_type(schema) == "object" and _has_struct(schema)
        if has_struct and name not in self._flat and len(parents) < options.max_level:
            properties = schema["properties"]
            inner = _fields(properties)
            columns = [Column(key, key, copied=False) for key in properties]
            parts = [
                self._part(one, inner[one.source], properties[one.source], [*parents, column.name]) for one in columns
            ]
            nested = Nested(field, parts, column.copied)
            nulls = [key for key in self._flat if key.startswith(f"{name}{options.separator}")]
            if nulls != [leaf.name for leaf in nested.leaves()]:
                raise NotSimpleError  # other fields' names begin as those of this object
            return nested
        change = None if single_type(schema) in _SCALARS else _text_of_container
        return Leaf(name, field, _after_null(change) if column.copied else change)


_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_SIMPLE = (str, int, Decimal)


def _fields(properties: Iterable[str]) -> dict[str, str]:
    """Return the names of the struct's fields, as :func:`record_type` makes them."""
    return {name: f"f{number}" for number, name in enumerate(properties)}


def _has_struct(schema: Schema) -> bool:
    properties = schema.get("properties")
    return properties is not None and not (not properties and schema.get("additionalProperties"))


def _null_if_absent(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _after_null(change: Change | None) -> Change:
    return (lambda value: change(_null_if_absent(value))) if change else _null_if_absent


def _text_of_container(value: Any) -> Any:
    """Return lists and objects as JSON text, as the SDK's flattening does; other values unchanged."""
    if value is None or value is msgspec.UNSET or isinstance(value, _SIMPLE):
        return value
    text = encoder.encode(value)
    if text.isascii() and b"\x7f" not in text:
        return text.decode()
    return serialize_json(msgspec.to_builtins(value, builtin_types=(Decimal,)))  # with other letters as \u00e9

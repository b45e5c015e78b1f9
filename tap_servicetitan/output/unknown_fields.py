"""Fields that a stream's schema lacks: the column that keeps them, and what a user can do to have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tap_servicetitan.output.record_types import Schema, single_type

COLUMN = "_unknown"
"""The column for unknown fields at the top of a record. A stream whose selected schema has it keeps unknown fields."""

COLUMN_SCHEMA: Schema = {"type": ["object", "null"], "additionalProperties": True}
"""Any object. With empty ``properties``, the SDK's flattening would leave the column out."""

UnknownField = tuple[str, Any]
"""The path of a field, such as ``items.price``, and a value that a record has there."""

_OPEN_ARRAY: Schema = {"type": ["array", "null"], "items": {**COLUMN_SCHEMA, "properties": {}}}

MAX_COLUMNS = 50
"""Columns that a remedy names."""

_MELTANO_NAME = re.compile(r"\w{1,80}")
"""Names of columns that Meltano's extra ``schema`` can add."""

_TYPES = {bool: "boolean", int: "integer", str: "string"}


def is_kept(schema: Schema, mask: Mapping[tuple[str, ...], bool]) -> bool:
    """Return whether a stream keeps its unknown fields."""
    return COLUMN in schema["properties"] and mask["properties", COLUMN]


def unknown_breadcrumbs(value: Any, schema: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the breadcrumbs of the fields that a value has and its schema lacks.

    Args:
        value: A record, or part of one.
        schema: Its schema, deselected fields included.
        path: Its own breadcrumb.
    """
    if value.__class__ is list and "items" in schema:
        for item in value:
            yield from unknown_breadcrumbs(item, schema["items"], (*path, "items"))
    elif value.__class__ is dict and schema.get("properties") is not None and not schema.get("additionalProperties"):
        properties = schema["properties"]
        for name, inner in value.items():
            breadcrumb = (*path, "properties", name)
            if name not in properties:
                yield breadcrumb
            elif inner.__class__ in {dict, list}:
                yield from unknown_breadcrumbs(inner, properties[name], breadcrumb)


def with_fields(schema: Schema, breadcrumbs: Iterable[tuple[str, ...]]) -> Schema:
    """Return a schema with fields of any type added behind its own, by name; those of parts that it lacks are left out."""
    here: list[str] = []
    inside: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for breadcrumb in breadcrumbs:
        if len(breadcrumb) == 2:  # noqa: PLR2004 -- "properties" and a name
            here.append(breadcrumb[1])
        else:
            depth = 1 if breadcrumb[0] == "items" else 2
            inside.setdefault(breadcrumb[:depth], []).append(breadcrumb[depth:])
    grown = dict(schema)
    if "properties" in schema:
        grown["properties"] = {**schema["properties"], **{name: {} for name in sorted(here)}}
    for step, deeper in inside.items():
        if step == ("items",) and "items" in schema:
            grown["items"] = with_fields(schema["items"], deeper)
        elif step[-1] in schema.get("properties", ()):
            grown["properties"][step[-1]] = with_fields(schema["properties"][step[-1]], deeper)
    return grown


class Remedy:
    """What a user can do to have the unknown fields of a stream."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._columns: dict[str, Schema] = {}
        """Schemas by column; of one that was always null, an empty one."""

    def add(self, fields: Iterable[UnknownField], schema: Schema) -> None:
        """Add fields that records have.

        Args:
            fields: Their paths and values.
            schema: The stream's.
        """
        for path, value in fields:
            name = path.partition(".")[0]
            if not _MELTANO_NAME.fullmatch(name) or (len(self._columns) >= MAX_COLUMNS and name not in self._columns):
                continue
            known = schema["properties"].get(name)
            if known is None:
                self._columns[name] = _merged(self._columns.get(name) or {}, _schema_of(value))
            else:  # Meltano replaces the schema of a whole column, and a column of any object keeps all that is in it
                self._columns[name] = _OPEN_ARRAY if single_type(known) == "array" else COLUMN_SCHEMA

    def __str__(self) -> str:
        """Return it as the end of a log line."""
        columns = {name: column or {"type": ["string", "null"]} for name, column in self._columns.items()}
        meltano = (
            f"; with Meltano, add to the extractor: schema: {json.dumps({self._stream: columns})}" if columns else ""
        )
        return f"To have them, set unknown_fields: keep, or install a newer release and discover again{meltano}"


def _schema_of(value: Any) -> Schema:
    if value is None:
        return {}
    if value.__class__ is dict:
        return COLUMN_SCHEMA
    if value.__class__ is list:
        return (
            _OPEN_ARRAY if any(item.__class__ is dict for item in value) else {"type": ["array", "null"], "items": {}}
        )
    return {"type": [_TYPES.get(value.__class__, "number"), "null"]}


def _merged(one: Schema, other: Schema) -> Schema:
    """Return a schema for the values of two: text takes anything."""
    if not one or not other or one == other:
        return one or other
    types = {one["type"][0], other["type"][0]}
    return {"type": ["number", "null"]} if types == {"integer", "number"} else {"type": ["string", "null"]}

"""The user's stream maps: checked against the catalog when the run starts."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import importlib.util
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import simpleeval  # type: ignore[import-untyped]  # it has no types
from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.mapper import PluginMapper, SameRecordTransform
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_servicetitan.errors import ConfigError, shown

if TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import CatalogEntry

REMOVED = (None, "__NULL__")
"""What a field is set to so that it is left out."""

NAMES = frozenset({*simpleeval.DEFAULT_NAMES, "_", "record", "config", "__stream_name__", "__original_stream_name__"})
_FUNCTIONS = frozenset({*simpleeval.DEFAULT_FUNCTIONS, "md5", "sha256", "datetime", "bool", "json"})
"""What expressions may use beside a record's fields: the SDK's documented names."""

_definitions: WeakKeyDictionary[StreamMap, Mapping[str, Any]] = WeakKeyDictionary()


def definition_of(mapping: StreamMap) -> Mapping[str, Any] | None:
    """Return what the config says of a map, which the SDK's object does not have; None if it is not known."""
    return {} if isinstance(mapping, SameRecordTransform) else _definitions.get(mapping)


MAX_STREAMS_SHOWN = 3
"""Streams that a line about a map names."""


class StreamMapper(PluginMapper):
    """The SDK's mapper for the selected streams, which refuses maps that would do nothing or something else."""

    @override
    def register_raw_streams_from_catalog(self, catalog: Catalog) -> None:
        """Make the maps of all streams.

        Raises:
            ConfigError: A map names a stream or a field that does not exist, or cannot be understood.
        """
        selected = {entry.tap_stream_id: entry for entry in catalog.streams if _is_selected(entry)}
        if problems := list(dict.fromkeys(_problems(self.stream_maps_dict, catalog, selected))):
            raise ConfigError(problems)
        try:
            super().register_raw_streams_from_catalog(Catalog(selected))
        except (StreamMapConfigError, MapExpressionError, NotImplementedError) as error:
            msg = f"stream_maps: {error}"
            raise ConfigError([msg]) from None
        for entry in catalog.streams:
            if entry.tap_stream_id not in selected:  # no records, so no map: their fields are deselected, keys too
                unmapped = SameRecordTransform(entry.tap_stream_id, entry.schema.to_dict(), entry.key_properties, None)
                self.stream_maps[entry.tap_stream_id] = [unmapped]
        for key, definition in self.stream_maps_dict.items():
            if isinstance(definition, dict):
                for name in _sources(key, definition, selected):
                    first, *others = self.stream_maps[name]
                    for mapping in (
                        [one for one in others if one.stream_alias == key] if "__source__" in definition else [first]
                    ):
                        _keep_types(mapping, definition)
                        _definitions[mapping] = definition


def _is_selected(entry: CatalogEntry) -> bool:
    return bool(entry.metadata.resolve_selection()[()])


def _sources(key: str, definition: Any, streams: Collection[str]) -> list[str]:
    """Return the streams that a map is for: those that its name or its source matches."""
    source = definition.get("__source__", key) if isinstance(definition, dict) else key
    return fnmatch.filter(streams, str(source))


def _keep_types(mapping: StreamMap, definition: Mapping[str, Any]) -> None:
    """Give fields that pass through unchanged their own schema, which the SDK makes nullable and not required."""
    raw = mapping.raw_schema
    schema = mapping.transformed_schema
    required = dict.fromkeys(schema.get("required", ()))
    for name, expression in definition.items():
        # __key_properties__ has a list for an expression.
        if isinstance(expression, str) and expression in raw["properties"] and name in schema["properties"]:
            own = mapping.flatten_schema({"properties": {name: raw["properties"][expression]}})["properties"]
            schema["properties"][name] = own[name]
            if expression in raw.get("required", ()):
                required[name] = None
    if required:
        schema["required"] = list(required)


def _problems(maps: Mapping[str, Any], catalog: Catalog, selected: Mapping[str, CatalogEntry]) -> Iterator[str]:
    """Yield what is wrong with the maps, a line each."""
    names = [entry.tap_stream_id for entry in catalog.streams]
    for key, definition in maps.items():
        source = definition.get("__source__", key) if isinstance(definition, dict) else key
        if key.startswith("__") or not isinstance(definition, (dict, str, type(None))):
            yield f"stream_maps.{key}: neither an object of fields nor null."
        elif not _sources(key, definition, names):
            yield f"stream_maps.{key}: there is no stream {source}.{_suggestion(source, names)}"
        elif isinstance(definition, dict):
            chosen = [selected[name] for name in _sources(key, definition, selected)]
            fields = {entry.tap_stream_id: entry.schema.to_dict().get("properties", {}) for entry in chosen}
            for field, expression in definition.items():
                yield from _field_problems(key, field, expression, definition, fields)


def _field_problems(
    key: str, field: str, expression: Any, definition: Mapping[str, Any], fields: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Yield what is wrong with one field of a map.

    Args:
        key: The map's name.
        field: The field that is set or removed, or one of the SDK's words.
        expression: What it is set to.
        definition: The whole map.
        fields: The fields of each selected stream that the map is for.
    """
    if not fields or (field.startswith("__") and field != "__filter__"):
        return
    where = f"stream_maps.{key}.{field}"
    known = dict.fromkeys(name for names in fields.values() for name in names)
    if expression in REMOVED:
        if field not in known:
            yield f"{where}: there is no such field.{_suggestion(field, known)}"
        return
    if field not in known and (like := _mistaken(field, known, definition)):
        yield f"{where}: there is no such field. Did you mean {shown(like)}? If not, give the new field another name."
    try:
        names = _names_in(expression)
    except SyntaxError as error:
        yield f"{where}: the expression cannot be parsed: {error.msg}, character {error.offset}."
        return
    for name in names:
        if problem := _name_problem(name, field, fields, known):
            yield f"{where}: {problem}"


def _name_problem(name: str, field: str, fields: Mapping[str, Collection[str]], known: Collection[str]) -> str | None:
    """Return what is wrong with a name that an expression uses."""
    if name == "fake":
        return (
            None
            if importlib.util.find_spec("faker")
            else "fake needs the package faker. Install tap-servicetitan[faker]."
        )
    if name == "self":
        text = f"self is the field's own value, and there is no such field.{_suggestion(field, known)}"
        return None if field in known else text
    lacking = [stream for stream, names in fields.items() if name not in names]
    if name in NAMES | _FUNCTIONS or not lacking:
        return None
    streams = ", ".join(lacking[:MAX_STREAMS_SHOWN]) + (" …" if len(lacking) > MAX_STREAMS_SHOWN else "")
    return f"the expression uses {name}, which {streams} does not have.{_suggestion(name, known)}"


def _mistaken(field: str, known: Collection[str], definition: Mapping[str, Any]) -> str | None:
    """Return the field that a new one is most likely meant to be: with a slip, the true one would go out unmapped."""
    for like in difflib.get_close_matches(field.lower(), {name.lower() for name in known}, n=3, cutoff=0.8):
        name = next(name for name in known if name.lower() == like)
        extends = field != name and (field.startswith(name) or name.startswith(field))
        if not extends and name not in definition:
            return name
    return None


def _suggestion(name: str, known: Collection[str]) -> str:
    lower = {one.lower(): one for one in known}
    matches = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f" Did you mean {shown(lower[matches[0]])}?" if matches else ""


def _names_in(expression: Any) -> list[str]:
    """Return the names that an expression reads.

    Raises:
        SyntaxError: It cannot be parsed.
    """
    nodes = list(ast.walk(ast.parse(str(expression).strip())))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}  # of comprehensions
    return list(dict.fromkeys(node.id for node in names if node.id not in own))

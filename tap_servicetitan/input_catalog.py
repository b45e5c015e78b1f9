"""The catalog that a run is given: whether it is usable, and what of it the tap does not know."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from singer_sdk.singerlib import Schema

from tap_servicetitan.errors import CatalogError, shown
from tap_servicetitan.output.record_types import single_type
from tap_servicetitan.output.unknown_fields import COLUMN, COLUMN_SCHEMA
from tap_servicetitan.reports.endpoint import ROW
from tap_servicetitan.settings.custom_reports import PREFIX

if TYPE_CHECKING:
    from singer_sdk.singerlib import Catalog, CatalogEntry

    from tap_servicetitan.streams.base import EndpointStream

SCALARS = frozenset({"string", "integer", "number", "boolean"})
"""Types that a database can have in a key."""


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]]


class _StreamMetadata(msgspec.Struct, rename="kebab"):
    table_key_properties: list[str] | None = None
    replication_key: str | None = None


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: dict[str, Any]


class _Entry(msgspec.Struct):
    tap_stream_id: str
    schema: _Schema
    metadata: list[_Metadata] = []
    stream: str | None = None
    key_properties: list[str] | None = None
    replication_key: str | None = None
    replication_method: Literal["FULL_TABLE", "INCREMENTAL", "LOG_BASED"] | None = None


class _Catalog(msgspec.Struct):
    streams: list[_Entry]


def check(catalog: Mapping[str, Any]) -> None:
    """Refuse what is not a catalog.

    Raises:
        CatalogError: It does not have a Singer catalog's shape, or gives a stream another name or a key that its own
            schema lacks.
    """
    try:
        entries = msgspec.convert(catalog, _Catalog).streams
        for entry in entries:
            msgspec.convert([each.metadata for each in entry.metadata if not each.breadcrumb], list[_StreamMetadata])
    except msgspec.ValidationError as error:
        raise _unusable(str(error)) from None
    for entry in entries:
        if entry.stream not in {None, entry.tap_stream_id}:
            msg = (
                f"stream '{shown(entry.tap_stream_id)}' has another name in its field stream, '{shown(entry.stream)}'; "
                "__alias__ in stream_maps renames a stream"
            )
            raise _unusable(msg)
        for key in entry.key_properties or ():
            if key not in entry.schema.properties:
                raise _unusable_key(entry.tap_stream_id, key, "its schema lacks")


def apply_keys(catalog: Catalog, streams: Iterable[EndpointStream]) -> None:
    """Give the selected streams the keys that their entries or the metadata of these say.

    Raises:
        CatalogError: A field cannot be in a key, several tenants have the same keys, or the stream cannot have the
            replication key.
    """
    for stream in streams:
        entry = catalog.get_stream(stream.name)
        if entry is not None and stream.selected:
            _check_replication_key(entry, stream)
            keys = _keys(entry, stream.endpoint.primary_keys)
            if keys and "tenant_id" not in keys and len(stream.tenant_ids) > 1:
                msg = f"stream '{stream.name}' lacks tenant_id in its key: rows of one tenant would replace another's"
                raise _unusable(msg)
            for key in keys:
                if problem := _key_problem(key, stream):
                    raise _unusable_key(stream.name, key, problem)
            entry.key_properties = stream.primary_keys = keys


def _keys(entry: CatalogEntry, discovered: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of a stream: those that a user has changed, in the entry or in its metadata."""
    in_metadata = entry.metadata.root.table_key_properties
    in_entry = entry.key_properties or None
    if in_metadata is None or (in_entry and tuple(in_metadata) == discovered):
        return tuple(in_entry or ())
    return tuple(in_metadata)


def _key_problem(key: str, stream: EndpointStream) -> str | None:
    """Return why a field cannot be in a stream's key."""
    schema = stream.effective_schema["properties"].get(key)
    if schema is None:
        return "its schema lacks"
    if key not in stream.json_schema["properties"] and not _is_date_of_a_report(key, stream):
        return "its records do not have"
    if not stream.mask["properties", key]:
        return "is not selected"
    if single_type(schema) not in SCALARS:
        return "is neither text nor a number"
    return "may be null" if "null" in schema["type"] else None


def _check_replication_key(entry: CatalogEntry, stream: EndpointStream) -> None:
    """Refuse a replication key that the API cannot filter by."""
    known = stream.endpoint.replication_key
    for key in (entry.replication_key, entry.metadata.root.replication_key):
        if key and key != known and not _is_date_of_a_report(key, stream):
            able = f"its replication key is '{known}' or none" if known else "it is always read in full, without one"
            msg = f"stream '{stream.name}' has the replication key '{shown(key)}', but {able}"
            raise _unusable(msg)


def _is_date_of_a_report(key: str, stream: EndpointStream) -> bool:
    """Return whether a custom report was stepped through this column; it compares the catalog with its setting itself."""
    schema = stream.effective_schema["properties"].get(key, {})
    return stream.name.startswith(PREFIX) and (schema.get("format") == "date" or key == ROW)


def _unusable(reason: str) -> CatalogError:
    return CatalogError(
        f"The catalog is not usable: {reason}. Fix it (with Meltano, in the extractor's metadata), or make a new one "
        "with --discover."
    )


def _unusable_key(stream: str, key: str, problem: str) -> CatalogError:
    return _unusable(f"stream '{shown(stream)}' has the key '{shown(key)}', which {problem}")


def add_unknown_column(catalog: Catalog) -> None:
    """Add the column for unknown fields to streams that were discovered without it; reports have none."""
    for name, entry in catalog.items():
        properties = entry.schema.properties
        if properties is not None and not name.startswith(PREFIX):
            properties.setdefault(COLUMN, Schema.from_dict(dict(COLUMN_SCHEMA)))


def unknown(catalog: Catalog, known: Collection[str]) -> Iterator[str]:
    """Yield one line per selected stream that the tap does not have, with the name that was perhaps meant."""
    for name, entry in catalog.items():
        if name not in known and entry.metadata.resolve_selection().get((), True):
            hint = "".join(f" Did you mean '{near}'?" for near in difflib.get_close_matches(name, known, n=1))
            yield f"Stream '{shown(name)}' of the catalog is not one of this tap's and is not read.{hint}"

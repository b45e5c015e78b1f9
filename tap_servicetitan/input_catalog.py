"""The input catalog: whether it can be used, and what is in it that the tap does not know."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from singer_sdk.singerlib import Schema

from tap_servicetitan.errors import CatalogError
from tap_servicetitan.output.unknown_fields import COLUMN, COLUMN_SCHEMA
from tap_servicetitan.settings.custom_reports import PREFIX

if TYPE_CHECKING:
    from singer_sdk.singerlib import Catalog


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]]


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: dict[str, Any]


class _Entry(msgspec.Struct):
    tap_stream_id: str
    schema: _Schema
    metadata: list[_Metadata] = []
    key_properties: list[str] | None = None
    replication_key: str | None = None
    replication_method: Literal["FULL_TABLE", "INCREMENTAL", "LOG_BASED"] | None = None


class _Catalog(msgspec.Struct):
    streams: list[_Entry]


def check(catalog: Mapping[str, Any]) -> None:
    """Refuse what is not a catalog.

    Raises:
        CatalogError: It is not in the form of a Singer catalog, or keys that its own schemas lack.
    """
    try:
        entries = msgspec.convert(catalog, _Catalog).streams
    except msgspec.ValidationError as error:
        msg = f"The catalog is not usable: {error}. Fix it, or make a new one with --discover."
        raise CatalogError(msg) from None
    for entry in entries:
        for key in entry.key_properties or ():
            if key not in entry.schema.properties:
                msg = (
                    f"The catalog is not usable: stream '{entry.tap_stream_id}' has the key '{key}', which its schema "
                    "lacks. Fix it, or make a new one with --discover."
                )
                raise CatalogError(msg)


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
            yield f"Stream '{name}' of the catalog is not one of this tap's and is not read.{hint}"

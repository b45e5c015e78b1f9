"""The setting ``extra_streams``: collections of the API that no release of the tap knows yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from singer_sdk import typing as th

from tap_servicetitan.endpoints import table
from tap_servicetitan.settings.custom_reports import PREFIX
from tap_servicetitan.settings.definition import json_object, rule_problems, setting, typed_values

KINDS = ("export", "listing", "unpaged")

MAX_NAME_LENGTH = 63
"""Characters: the longest name of a table in PostgreSQL."""

MAX_PAGE_SIZE = 5000

_NULLABLE_TEXT = th.CustomType({"type": ["string", "null"], "minLength": 1})


def _name(text: str) -> str | None:
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{MAX_NAME_LENGTH - 1}}}", text):
        return f"must be of letters a to z, digits and '_', at most {MAX_NAME_LENGTH}: it names a table"
    if text.startswith(PREFIX):
        return f"must not begin with '{PREFIX}', as reports do"
    return "is a stream that the tap has" if any(text == endpoint.name for endpoint in table.TABLE) else None


def _api(text: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9-]+/v[0-9]+", text) else "must be an API and its version, such as crm/v2"


def _path(text: str) -> str | None:
    if re.fullmatch(r"[\w-]+(/[\w-]+)*", text):
        return None
    return "must be a path below /tenant/<tenant>/ without placeholders, such as export/bookings"


@dataclass(frozen=True)
class ExtraStream:
    """An entry, in the words of the table of streams."""

    name: str = setting("name", th.StringType(min_length=1), required=True, rule=_name)
    api: str = setting("api", th.StringType(min_length=1), required=True, rule=_api)
    path: str = setting("path", th.StringType(min_length=1), required=True, rule=_path)
    kind: str = setting("kind", th.StringType, required=True, choices=KINDS)
    keys: tuple[str, ...] = setting("keys", th.ArrayType(th.StringType), default=["id"], parse=tuple)
    replication_key: str | None = setting("replication_key", _NULLABLE_TEXT)
    """The field of each record by which a later run finds what is new; None for a full table."""

    active_filter: str | None = setting("active_filter", _NULLABLE_TEXT)
    page_size: int = setting("page_size", th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE), default=MAX_PAGE_SIZE)
    records_path: str | None = setting(
        "records_path", th.CustomType({"type": ["string", "null"], "enum": ["data", "items", None]})
    )
    """The field of the answer that holds the records; None where the answer is the array."""

    schema: Mapping[str, Any] | str | None = setting("schema", th.CustomType({"type": ["object", "string", "null"]}))
    """JSON schema of the records, or path of an OpenAPI document that has it."""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> ExtraStream:
        """Read an entry that has the types of :data:`ENTRIES`; null means that there is no such thing."""
        incremental = entry["kind"] != "unpaged"
        return replace(
            cls(**typed_values(cls, entry)),
            replication_key=entry.get("replication_key", "modifiedOn" if incremental else None),
            active_filter=entry.get("active_filter", "Any"),
            records_path=entry.get("records_path", "data"),
        )


ENTRIES = th.ArrayType(json_object(ExtraStream))


def parse_extra_streams(entries: Sequence[Mapping[str, Any]] | None) -> tuple[ExtraStream, ...]:
    """Read the setting, which has the types of :data:`ENTRIES`."""
    return tuple(map(ExtraStream.parse, entries or ()))


def problems(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield one line per problem in the setting, which has the types of :data:`ENTRIES`."""
    seen = set()
    for number, entry in enumerate(entries):
        path = f"extra_streams.{number}."
        yield from rule_problems(ExtraStream, {name: each for name, each in entry.items() if name != "schema"}, path)
        if entry["name"] in seen:
            yield f"Setting '{path}name' is listed twice."
        seen.add(entry["name"])
        if isinstance(entry.get("schema"), Mapping):
            yield from _schema_problems(ExtraStream.parse(entry), f"Setting '{path}schema'")


def _schema_problems(stream: ExtraStream, setting: str) -> Iterator[str]:
    schema: Any = stream.schema
    properties = schema.get("properties")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield f"{setting} is not a JSON schema: look at {'.'.join(map(str, error.path)) or 'its top'}."
        return
    if not properties or not all(isinstance(each, Mapping) for each in properties.values()):
        yield f'{setting} must have properties, each an object such as {{"type": ["string", "null"]}}.'
        return
    for name in filter(None, (*stream.keys, stream.replication_key)):
        if name not in properties:
            yield f"{setting} has no property {name}, which is a key or the replication_key of the stream."

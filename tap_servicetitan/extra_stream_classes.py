"""Streams of the setting ``extra_streams``: their endpoints and their schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tap_servicetitan.endpoints.kinds import Endpoint, Export, Listing, Unpaged
from tap_servicetitan.errors import ConfigError
from tap_servicetitan.output.unknown_fields import COLUMN, COLUMN_SCHEMA
from tap_servicetitan.schemas import files
from tap_servicetitan.schemas.openapi import DocumentError, Documents
from tap_servicetitan.settings.extra_streams import ExtraStream
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.stream_factory import stream_class


def stream_classes(streams: Sequence[ExtraStream]) -> list[type[EndpointStream]]:
    """Make the class of each stream.

    Raises:
        ConfigError: A document cannot be read, or does not have the collection; one line each.
    """
    classes, problems = [], []
    for number, stream in enumerate(streams):
        try:
            endpoint, schema = _described(stream)
        except DocumentError as error:
            problems.append(f"Setting 'extra_streams.{number}.schema': {error}.".replace("..", "."))
        else:
            classes.append(stream_class(endpoint, schema=schema))
    if problems:
        raise ConfigError(problems)
    return classes


def _described(stream: ExtraStream) -> tuple[Endpoint, Mapping[str, Any]]:
    endpoint = _endpoint(stream)
    if isinstance(stream.schema, str):
        operation = Documents(Path(stream.schema)).operation(endpoint)
        if operation is None:
            msg = f"{stream.schema} has no {endpoint.url_path.replace('{tenant_id}', '{tenant}')}"
            raise DocumentError(msg)
        if endpoint.replication_key and endpoint.replication_key not in operation.record_fields:
            msg = f"{stream.schema} has no field {endpoint.replication_key}: set replication_key, null for a full table"
            raise DocumentError(msg)
        records_path = None if operation.records == "[]" else endpoint.records_path
        endpoint = replace(endpoint, oauth_scope=operation.scope, records_path=records_path)
        return endpoint, files.build(endpoint, operation, {})
    if stream.schema is None:
        return endpoint, _schema_of_keys(endpoint)
    properties = {"tenant_id": {"type": "string"}} | dict(stream.schema["properties"])
    return endpoint, {
        **stream.schema,
        "type": "object",
        "properties": properties,
        "required": ["tenant_id", *stream.keys],
    }


def _endpoint(stream: ExtraStream) -> Endpoint:
    options: dict[str, Any] = {"api": stream.api, "keys": stream.keys, "replication_key": stream.replication_key}
    match stream.kind:
        case "export":
            return Export(stream.name, stream.path, **options)
        case "listing":
            # No sort: the API may refuse a field to sort by.
            return Listing(
                stream.name,
                stream.path,
                page_size=stream.page_size,
                active_filter=stream.active_filter,
                sort=None,
                **options,
            )
        case _:
            return Unpaged(stream.name, stream.path, records_path=stream.records_path, **options)


def _schema_of_keys(endpoint: Endpoint) -> dict[str, Any]:
    """Return a schema of what must be known; all other fields go into the column for unknown ones."""
    ids = {name: {"type": "integer" if name == "id" or name.endswith("Id") else "string"} for name in endpoint.keys}
    key = endpoint.replication_key
    dates = {key: {"type": ["string", "null"], "format": "date-time"}} if key and key not in ids else {}
    properties = {"tenant_id": {"type": "string"}, **ids, **dates, COLUMN: COLUMN_SCHEMA}
    return {"type": "object", "properties": properties, "required": list(endpoint.primary_keys)}

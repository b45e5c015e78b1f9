"""SCHEMA and RECORD agree, for every stream, on every path."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from helpers.support import selecting

from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.tap import TapServiceTitan

CONFIG = {"client_id": "cid.1", "client_secret": "cs2.1", "st_app_key": "ak1.1", "tenant_id": "1001"}
PATHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "flattened one level": {"flattening_enabled": True, "flattening_max_depth": 1},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 9},
    "mapped": {"stream_maps": {"*": {"added": "'x'"}}},
    "mapped and flattened": {
        "stream_maps": {"*": {"added": "'x'"}},
        "flattening_enabled": True,
        "flattening_max_depth": 9,
    },
    "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": ""}}},
}
VALUES = {"string": "a", "integer": 7, "number": 1.5, "boolean": True}


def value(schema: dict[str, Any], nulls_at: int) -> Any:
    """A value of a schema: what may be null is, at so many levels below, and filled in above."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if nulls_at == 0 and "null" in kinds:
        return None
    kind = next((kind for kind in kinds if kind != "null"), "string")
    if kind == "object":
        fields = schema.get("properties") or {"a": {"type": "string"}, "b": {"type": "array"}}
        return {key: value(inner, nulls_at - 1) for key, inner in fields.items()}
    if kind == "array":
        return [value(schema.get("items") or {}, nulls_at - 1)]
    return "2026-01-01T00:00:00Z" if schema.get("format") == "date-time" else VALUES[kind]


def messages(stream: EndpointStream) -> list[dict[str, Any]]:
    """What a stream writes of three records: filled in, nulls in the record, nulls in its objects."""
    records = [{**value(stream.schema, nulls_at), "tenant_id": "9"} for nulls_at in (1, 2, 99)]
    page = stream.shape.decoder(FeedPage)(msgspec.json.encode({"data": records, "hasMore": False}))
    output = TextIOWrapper(BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        stream.write_schema()
        writer = stream.shape.writer("1001")
        writer.write(list(page.data), datetime.now(UTC), None)
        writer.close()
    return [json.loads(line) for line in output.buffer.getvalue().splitlines()]


def written(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if message["type"] == "RECORD":
            yield message["record"]
        for file in message.get("manifest", ()):
            with gzip.open(file.removeprefix("file://"), "rt") as lines:
                yield from map(json.loads, lines)


@pytest.mark.parametrize("path", PATHS)
def test_records_of_every_stream_have_the_fields_and_types_of_their_schema(path: str, tmp_path: Path) -> None:
    config = json.loads(json.dumps({**CONFIG, **PATHS[path]}))
    if "batch_config" in config:
        config["batch_config"]["storage"]["root"] = tmp_path.as_uri()
    tap = TapServiceTitan(config=config, catalog=selecting())
    for stream in tap.streams.values():
        assert isinstance(stream, EndpointStream)
        schema, *rest = messages(stream)
        assert schema["type"] == "SCHEMA"
        records = list(written(rest))

        assert len(records) == 3
        assert all(record.keys() <= schema["schema"]["properties"].keys() for record in records), stream.name
        check = jsonschema.validators.validator_for(schema["schema"])(schema["schema"])
        assert [error.message for record in records for error in check.iter_errors(record)] == [], stream.name
        assert set(schema["key_properties"]) <= schema["schema"]["properties"].keys()


def test_null_object_that_is_flattened_becomes_null_fields() -> None:
    config = {**CONFIG, "flattening_enabled": True, "flattening_max_depth": 9}
    stream = TapServiceTitan(config=config, catalog=selecting("bookings")).streams["bookings"]
    assert isinstance(stream, EndpointStream)

    nulls, *_ = written(messages(stream)[1:])

    assert "address" not in nulls
    assert nulls["address__city"] is None

"""All streams in one run, and what discovery selects."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import jsonschema
from helpers.support import (
    TABLE,
    Output,
    Tap,
    bring_up_to_date,
    config_of,
    days_ago,
    queries,
    selecting,
    unordered,
)

from tap_servicetitan.endpoints.kinds import Export, Listing, Nested, Window
from tap_servicetitan.simulator import Simulator


def test_every_stream_has_all_its_valid_records_and_a_second_run_only_new_ones(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=12, page_size=5)
    recent = simulate(records=12, page_size=5)
    bring_up_to_date(recent, new=300)
    everything = config_of(simulator)
    windows = {name for name, endpoint in TABLE.items() if isinstance(endpoint, Window)}
    others = tuple(name for name in TABLE if name not in windows)

    first = tap(everything, catalog=selecting(*others))
    windowed = tap(config_of(recent, start_date=str(days_ago(30))), catalog=selecting(*windows))

    assert first.code == windowed.code == 0
    assert set(first.counts()) == set(others) - {name for name in others if not simulator.records(name)}
    assert len(first.counts()) > 155
    assert set(windowed.counts()) == windows
    for run in (first, windowed):
        schemas = {
            message["stream"]: jsonschema.Draft202012Validator(message["schema"]) for message in run.of_type("SCHEMA")
        }
        for message in run.of_type("RECORD"):
            schemas[message["stream"]].validate(message["record"])
    for name in others:
        if isinstance(TABLE[name], Export | Listing):
            assert unordered(sent_by_the_api(first, name)) == unordered(rows_of(simulator, name, schemas_of(first))), (
                name
            )
    keyed = [name for name in first.counts() if TABLE[name].keys]
    for name in keyed:
        keys = [tuple(record[key] for key in TABLE[name].primary_keys) for record in first.records(name)]
        assert len(keys) == len(set(keys)), name

    before = len(simulator.requests)
    second = tap(everything, catalog=selecting(*others), state=first.state)

    assert second.code == 0
    for name in others:
        endpoint = TABLE[name]
        if isinstance(endpoint, Listing) and endpoint.replication_key and first.records(name):
            assert any(endpoint.since_param in query for query in queries(simulator, name, before)), name
            assert len(second.records(name)) < 12, name
        if isinstance(endpoint, Export):
            assert not second.records(name)
            assert len([query for query in queries(simulator, name, before) if "from" in query]) == 1


def sent_by_the_api(run: Output, stream: str) -> list[dict[str, Any]]:
    added = set(TABLE[stream].added_fields) - TABLE[stream].sent_fields
    return [{key: value for key, value in record.items() if key not in added} for record in run.records(stream)]


def schemas_of(run: Output) -> dict[str, Any]:
    return {message["stream"]: message["schema"] for message in run.of_type("SCHEMA")}


def as_announced(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value as the tap writes it: the API sends numbers in some fields of text."""
    kinds = schema.get("type", ())
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {key: as_announced(item, properties.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [as_announced(item, schema.get("items", {})) for item in value]
    is_text = "string" in kinds and value is not None and not isinstance(value, str)
    return json.dumps(value) if is_text else value


def rows_of(simulator: Simulator, stream: str, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the simulator holds, rows that hold lists taken apart."""
    endpoint = TABLE[stream]
    schema = schemas.get(stream, {})
    records = [as_announced(record, schema) for record in simulator.records(stream)]
    each = endpoint.explode if isinstance(endpoint, Export) else None
    if not each or not any(each in record for record in records):
        return records
    return [
        {**{key: value for key, value in row.items() if key != each}, **item} for row in records for item in row[each]
    ]


def test_discovery_selects_what_is_cheap_to_read() -> None:
    entries = {entry["tap_stream_id"]: entry for entry in selecting()["streams"]}

    assert len(entries) >= 160
    for name, entry in entries.items():
        root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
        assert root["metadata"]["selected-by-default"] is not isinstance(TABLE[name], Nested) or name == "capacities"


def test_discovery_needs_no_config_and_prints_a_catalog(tap: Tap) -> None:
    run = subprocess.run([*tap.command({}, "--discover")], capture_output=True, text=True, check=True)

    assert len(json.loads(run.stdout)["streams"]) == len(TABLE)
    assert "ERROR" not in run.stderr
    assert "Traceback" not in run.stderr

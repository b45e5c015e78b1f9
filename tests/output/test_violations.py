"""Records that do not fit their schema: written unchanged, counted, and logged without their values."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.support import Tap, config_of, selecting

from tap_servicetitan.output.decoder import Decoder, FeedPage
from tap_servicetitan.output.record_types import record_type
from tap_servicetitan.output.violations import SchemaViolations
from tap_servicetitan.simulator import Simulator

SECRET = "4111-1111"


WRONG: list[Any] = [SECRET, 17.5, True, [SECRET], {"x": SECRET}, None]


@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "array", "object"])
def test_violation_is_logged_once_with_its_type_and_without_its_value(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    inner = {"type": [kind], "items": {"type": ["integer"]}, "properties": {"x": {"type": ["integer"]}}}
    struct = record_type({"properties": {"field": inner}})
    violations = SchemaViolations("bookings", logging.getLogger("tests"))
    decode: Decoder[Any] = Decoder(FeedPage, struct, violations)
    records = [{"field": value} for value in WRONG] * 2

    page = decode(json.dumps({"data": records, "hasMore": False}).encode())
    violations.summary()

    assert [msgspec.to_builtins(record) for record in page.data if isinstance(record, dict)]
    assert len(page.data) == len(records)
    assert SECRET not in caplog.text
    logged = [record.message for record in caplog.records if "Such values are written" in record.message]
    assert len(logged) == len({message.split(" in ")[-1] for message in logged})
    assert sum(violations.count.values()) == sum(isinstance(record, dict) for record in page.data)


@pytest.fixture(params=["lines", "maps", "batch"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings that lead to one of the paths."""
    storage = {"root": f"file://{tmp_path}/batches"}
    ways: dict[str, dict[str, Any]] = {
        "lines": {},
        "maps": {"stream_maps": {"bookings": {"name": "name"}}},
        "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage}},
    }
    return ways[request.param]


def with_property(name: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    """A catalog in which a property of bookings is another, or none."""
    chosen = selecting("bookings")
    (entry,) = [entry for entry in chosen["streams"] if entry["tap_stream_id"] == "bookings"]
    entry["schema"]["properties"][name] = schema
    if schema is None:
        del entry["schema"]["properties"][name]
    return chosen


def test_record_that_does_not_fit_is_written_unchanged_and_counted(
    tap: Tap, simulator: Simulator, path: dict[str, Any]
) -> None:
    run = tap(config_of(simulator, **path), catalog=with_property("status", {"type": ["integer", "null"]}))

    assert run.code == 0
    written = run.records("bookings") or run.batched("bookings")
    assert [(record["id"], record["status"]) for record in written] == [
        (record["id"], record["status"]) for record in simulator.records("bookings")
    ]
    wrong = [record for record in written if record["status"] is not None]
    assert len(run.lines_with("expected `int | null`, got `str` in status")) == 1
    assert f"{len(wrong)} records do not fit the schema in status." in run.log


def test_field_that_the_catalog_lacks_is_logged_once(tap: Tap, simulator: Simulator, path: dict[str, Any]) -> None:
    run = tap(config_of(simulator, **path), catalog=with_property("status", None))

    assert run.code == 0
    written = run.records("bookings") or run.batched("bookings")
    assert [record["id"] for record in written] == [record["id"] for record in simulator.records("bookings")]
    assert not any("status" in record for record in written)
    (line,) = run.lines_with("fields that the catalog lacks are ignored")
    assert (
        "Stream bookings: fields that the catalog lacks are ignored: status. To have them, set unknown_fields: keep, or "
        in line
    )

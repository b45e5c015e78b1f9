"""Invalid or older catalogs: refused in one line, or read with a warning."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.served import objects
from helpers.support import Tap, config_of, run_here, selecting
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib import Catalog

from tap_servicetitan import input_catalog
from tap_servicetitan.errors import CatalogError
from tap_servicetitan.simulator import Simulator

ENTRIES = objects(
    tap_stream_id=st.sampled_from(["bookings", "bookingz"]),
    schema=objects(properties=objects(id=st.just({"type": "integer"}))),
    metadata=st.lists(objects(breadcrumb=st.just([]), metadata=st.just({"selected": True})), max_size=2),
    key_properties=st.just(["id"]),
)


@given(objects(streams=st.lists(ENTRIES, max_size=2)))
@settings(max_examples=300)
def test_any_catalog_is_refused_or_usable(catalog: Any) -> None:
    with suppress(CatalogError):
        input_catalog.check(catalog)
        list(input_catalog.unknown(Catalog.from_dict(catalog), ["bookings"]))


def entry(**changes: Any) -> dict[str, Any]:
    (found,) = [each for each in selecting("bookings")["streams"] if each["tap_stream_id"] == "bookings"]
    return {key: value for key, value in {**found, **changes}.items() if value is not ...}


INVALID_CATALOGS: dict[str, tuple[Any, str]] = {
    "a list": ([], "The input catalog is not a JSON object."),
    "nothing": ({}, "not usable: Object missing required field `streams`"),
    "streams by name": ({"streams": {}}, "Expected `array`, got `object` - at `$.streams`"),
    "a stream without a name": ({"streams": [entry(tap_stream_id=...)]}, "missing required field `tap_stream_id`"),
    "a stream without a schema": ({"streams": [entry(schema=...)]}, "missing required field `schema`"),
    "metadata of another shape": ({"streams": [entry(metadata={"x": 1})]}, "at `$.streams[0].metadata`"),
    "an unknown replication method": ({"streams": [entry(replication_method="SOMETIMES")]}, "Invalid enum value"),
    "a key without a property": ({"streams": [entry(key_properties=["gone"])]}, "has the key 'gone', which its schema lacks"),
}  # fmt: skip


@pytest.mark.parametrize(("catalog", "line"), INVALID_CATALOGS.values(), ids=INVALID_CATALOGS)
def test_invalid_catalog_ends_the_run_with_one_line(simulator: Simulator, catalog: Any, line: str) -> None:
    run = run_here(config_of(simulator), "bookings", catalog=catalog)

    assert run.code == 1
    assert run.stdout == ""
    assert line in run.log


def test_empty_catalog_reads_nothing_and_logs_a_warning(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", catalog={"streams": []})

    assert run.code == 0
    assert [message["type"] for message in run.messages] == ["STATE"]
    assert "No stream is selected: there is nothing to read." in run.log


def test_unknown_streams_are_reported_and_unknown_fields_stay_empty(simulator: Simulator) -> None:
    older = entry()
    older["schema"]["properties"]["oldField"] = {"type": ["string", "null"]}
    older["schema"]["properties"].pop("name")
    gone = entry(tap_stream_id="bookingz", stream="bookingz")

    run = run_here(config_of(simulator), "bookings", catalog={"streams": [gone, older]})

    assert run.code == 0
    assert (
        "Stream 'bookingz' of the catalog is not one of this tap's and is not read. Did you mean 'bookings'?" in run.log
    )
    (schema,) = run.of_type("SCHEMA")
    assert "oldField" in schema["schema"]["properties"]
    assert len(run.records("bookings")) == 60
    assert not any({"name", "oldField"} & record.keys() for record in run.records("bookings"))


def test_key_properties_of_the_catalog_are_the_keys_of_the_stream(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", catalog={"streams": [entry(key_properties=["id"])]})

    assert run.of_type("SCHEMA")[0]["key_properties"] == ["id"]
    assert len(run.records("bookings")) == 60


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"", b"[1]", b'{"streams": [{"tap_stream_id": "x", "schema": {"properties": {"a": {"type": 5}}}}]}'],
)
def test_unreadable_files_end_the_executable_without_a_traceback(
    tap: Tap, simulator: Simulator, tmp_path: Path, content: bytes
) -> None:  # fmt: skip
    (tmp_path / "garbage.json").write_bytes(content)

    run = tap(config_of(simulator), "--catalog", str(tmp_path / "garbage.json"))

    assert run.code == 1
    assert run.stdout == ""
    assert "Traceback" not in run.log
    assert run.lines_with("ERROR")

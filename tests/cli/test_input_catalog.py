"""Keys, replication keys and names in the catalog: honoured, or refused in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from helpers.support import Output, Tap, config_of, run_here, selecting

from tap_servicetitan.simulator import Simulator

REMEDY = "Fix it (with Meltano, in the extractor's metadata), or make a new one with --discover."


def catalog(stream: str, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    """Return a catalog with one stream, after a change of its entry and of the metadata of the stream."""
    (entry,) = (deepcopy(each) for each in selecting(stream)["streams"] if each["tap_stream_id"] == stream)
    (root,) = (each["metadata"] for each in entry["metadata"] if not each["breadcrumb"])
    change(entry, root)
    return {"streams": [entry]}


def run(simulator: Simulator, stream: str, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Output:
    return run_here(config_of(simulator), stream, catalog=catalog(stream, change))


def deselect(entry: dict[str, Any], field: str) -> None:
    for each in entry["metadata"]:
        if each["breadcrumb"] == ["properties", field]:
            each["metadata"] = {"inclusion": "available", "selected": False}


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (lambda _, root: root.update({"table-key-properties": ["id"]}), ["id"]),
        (lambda _, root: root.update({"table-key-properties": []}), []),
        (lambda entry, _: entry.update(key_properties=["id"]), ["id"]),
        (lambda entry, root: (entry.pop("key_properties"), root.pop("table-key-properties")), []),
        (lambda _, root: root.pop("table-key-properties"), ["tenant_id", "id"]),
        (lambda entry, _: entry.pop("key_properties"), ["tenant_id", "id"]),
    ],
    ids=["in metadata", "none in metadata", "in the entry", "nowhere", "in the entry only", "in metadata only"],
)
@pytest.mark.parametrize("settings", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}], ids=["", "flat"])
def test_keys_that_a_user_changes_are_the_keys_of_the_stream(
    simulator: Simulator, change: Callable[..., object], keys: list[str], settings: dict[str, Any]
) -> None:
    done = run_here(config_of(simulator, **settings), "bookings", catalog=catalog("bookings", change))

    assert done.code == 0, done.log
    assert [schema["key_properties"] for schema in done.of_type("SCHEMA")] == [keys]
    assert len(done.records("bookings")) == 60


@pytest.mark.parametrize(("tenants", "code"), [(1, 0), (2, 1)])
def test_key_without_the_tenant_is_refused_where_there_are_several(
    simulate: Callable[..., Simulator], tenants: int, code: int
) -> None:
    simulator = simulate(tenants=tenants)
    done = run(simulator, "bookings", lambda _, root: root.update({"table-key-properties": ["id"]}))

    assert done.code == code
    said = "stream 'bookings' lacks tenant_id in its key: rows of one tenant would replace another's. Fix it"
    assert (said in done.log) == bool(code)
    assert bool(done.stdout) != bool(code)


WRONG_KEYS: dict[str, tuple[Callable[..., object], str]] = {
    "lacking": (lambda _, root: root.update({"table-key-properties": ["ID"]}), "'ID', which its schema lacks"),
    "nullable": (lambda _, root: root.update({"table-key-properties": ["source"]}), "'source', which may be null"),
    "nullable in the entry": (lambda entry, _: entry.update(key_properties=["source"]), "'source', which may be"),
    "an object": (
        lambda _, root: root.update({"table-key-properties": ["address"]}),
        "'address', which is neither text nor a number",
    ),
    "deselected": (lambda entry, _: deselect(entry, "id"), "'id', which is not selected"),
    "of another release": (
        lambda entry, _: (
            entry["schema"]["properties"].update(job_id={"type": "integer"}),
            entry["metadata"].append({"breadcrumb": ["properties", "job_id"], "metadata": {"inclusion": "automatic"}}),
            entry.update(key_properties=["tenant_id", "job_id", "id"]),
        ),
        "'job_id', which its records do not have",
    ),
}


@pytest.mark.parametrize(("change", "words"), WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_field_that_cannot_be_a_key_is_refused_in_a_line(
    simulator: Simulator, change: Callable[..., object], words: str
) -> None:
    done = run(simulator, "bookings", change)

    assert (done.code, done.stdout) == (1, "")
    assert f"The catalog is not usable: stream 'bookings' has the key {words}" in done.log
    assert len(done.log.splitlines()) == 1
    assert done.log.endswith(f"{REMEDY}\n")


def test_wrong_keys_of_a_stream_that_is_not_selected_stop_nothing(simulator: Simulator) -> None:
    wrong = selecting("bookings")
    for entry in wrong["streams"]:
        if entry["tap_stream_id"] == "customers":
            entry["key_properties"] = ["name"]
            entry["replication_key"] = "name"

    assert run_here(config_of(simulator), "bookings", "customers", catalog=wrong).code == 0


@pytest.mark.parametrize(
    ("stream", "able"),
    [
        ("bookings", "its replication key is 'modifiedOn' or none"),
        ("payment_terms", "its replication key is 'modifiedOn' or none"),
        ("zones", "its replication key is 'modifiedOn' or none"),
        ("business_hours", "it is always read in full, without one"),
        ("project_types", "it is always read in full, without one"),
    ],
)
@pytest.mark.parametrize("where", ["entry", "metadata"])
def test_replication_key_that_cannot_be_is_refused_in_a_line(
    simulator: Simulator, stream: str, able: str, where: str
) -> None:
    def change(entry: dict[str, Any], root: dict[str, Any]) -> None:
        if where == "entry":
            entry["replication_key"] = "createdOn"
        else:
            root["replication-key"] = "createdOn"

    done = run(simulator, stream, change)

    assert (done.code, done.stdout) == (1, "")
    words = f"The catalog is not usable: stream '{stream}' has the replication key 'createdOn', but {able}. {REMEDY}"
    assert done.log.splitlines() == [words]


def test_stream_without_its_replication_key_is_read_in_full(simulator: Simulator) -> None:
    def change(entry: dict[str, Any], root: dict[str, Any]) -> None:
        entry["replication_key"] = root["replication-key"] = None
        entry["replication_method"] = root["forced-replication-method"] = "FULL_TABLE"

    done = run(simulator, "zones", change)

    assert done.code == 0, done.log
    assert not done.of_type("SCHEMA")[0].get("bookmark_properties")


def test_another_name_in_the_field_stream_is_refused_in_a_line(simulator: Simulator) -> None:
    done = run(simulator, "bookings", lambda entry, _: entry.update(stream="my_bookings"))

    assert (done.code, done.stdout) == (1, "")
    (line,) = done.log.splitlines()
    assert line.startswith("The catalog is not usable: stream 'bookings' has another name in its field stream, 'my_")
    assert line.endswith(f"'my_bookings'; __alias__ in stream_maps renames a stream. {REMEDY}")


@pytest.mark.parametrize(("name", "value"), [("table-key-properties", "id"), ("replication-key", ["modifiedOn"])])
def test_metadata_of_a_stream_has_the_types_of_singer(simulator: Simulator, name: str, value: Any) -> None:
    done = run(simulator, "bookings", lambda _, root: root.update({name: value}))

    assert (done.code, done.stdout) == (1, "")
    assert len(done.log.splitlines()) == 1
    assert "The catalog is not usable: Expected `" in done.log


def test_schema_test_writes_the_whole_schemas_of_the_selected_streams(tap: Tap, simulator: Simulator) -> None:
    done = tap(config_of(simulator), "--test=schema", catalog=selecting("bookings", "zones", "job_booked_log"))
    discovered = {each["tap_stream_id"]: each for each in selecting("bookings")["streams"]}

    assert done.code == 0, done.log
    assert [message["type"] for message in done.messages] == ["SCHEMA"] * 3
    assert {message["stream"] for message in done.messages} == {"bookings", "zones", "job_booked_log"}
    for message in done.messages:
        assert message["schema"] == discovered[message["stream"]]["schema"]
        assert message["key_properties"] == discovered[message["stream"]]["key_properties"]
    assert not [request for request in simulator.requests if request.stream]


def test_schema_test_without_a_catalog_writes_the_streams_that_are_selected_by_default(
    tap: Tap, simulator: Simulator
) -> None:
    command = [*tap.command(config_of(simulator), "--about")[:-1], "--test=schema"]
    done = Output(0, subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout, "")
    roots = {
        each["tap_stream_id"]: item["metadata"]
        for each in selecting("bookings")["streams"]
        for item in each["metadata"]
        if not item["breadcrumb"]
    }

    expected = {name for name, root in roots.items() if root["selected-by-default"]}
    assert {message["stream"] for message in done.of_type("SCHEMA")} == expected
    assert 0 < len(expected) < len(roots)

"""The setting ``extra_streams``: collections that the tap does not know are streams like the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Output, Tap, config_of, selecting

from tap_servicetitan import schemas
from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.settings import CONFIG_JSONSCHEMA, problems
from tap_servicetitan.simulator import Simulator

PETS = {"name": "pets", "api": "crm/v2", "path": "export/pets", "kind": "export"}
CAGES = {"name": "cages", "api": "zoo/v2", "path": "cages", "kind": "listing", "page_size": 7}
ZOOS = {"name": "zoos", "api": "zoo/v2", "path": "zoos", "kind": "unpaged", "keys": ["id"]}


def add(simulator: Simulator, entry: dict[str, Any], like: str = "bookings") -> None:
    simulator.add_collection(**{name: entry[name] for name in ("name", "api", "path", "kind")}, like=like)


def discovered(tap: Tap, config: dict[str, Any], *streams: str) -> dict[str, Any]:
    """The catalog that the tap prints, without other streams."""
    catalog: dict[str, Any] = json.loads(tap(config, "--discover").stdout)
    catalog["streams"] = [one for one in catalog["streams"] if one["tap_stream_id"] in streams]
    assert len(catalog["streams"]) == len(streams)
    return catalog


def whole(run: Output, stream: str) -> list[dict[str, Any]]:
    """The records as the API sent them."""
    return [
        {
            name: value
            for name, value in (record | record.get("_unknown", {})).items()
            if name not in {"_unknown", "tenant_id"}
        }
        for record in run.records(stream)
    ]


def by_id(records: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {record["id"]: record for record in records}


@pytest.mark.parametrize("entry", [PETS, CAGES, ZOOS], ids=lambda entry: entry["kind"])
def test_collection_without_schema_arrives_whole_and_is_read_on(
    tap: Tap, simulator: Simulator, entry: dict[str, Any]
) -> None:
    name = entry["name"]
    add(simulator, entry)
    config = config_of(simulator, extra_streams=[entry])
    catalog = discovered(tap, config, name)

    first = tap(config, catalog=catalog)

    assert first.code == 0
    (schema,) = first.of_type("SCHEMA")
    dated = ["modifiedOn"] if entry["kind"] != "unpaged" else []
    assert list(schema["schema"]["properties"]) == ["tenant_id", "id", *dated, "_unknown"]
    assert schema["key_properties"] == ["tenant_id", "id"]
    assert by_id(whole(first, name)) == by_id(simulator.records(name))
    assert len(first.records(name)) == 60

    simulator.advance(new=3, changed=2)
    second = tap(config, catalog=catalog, state=first.state)

    assert second.code == 0
    found, now = by_id(whole(second, name)), by_id(simulator.records(name))
    assert found.items() <= now.items()
    changed = {number for number, record in now.items() if record not in whole(first, name)}
    assert changed <= found.keys()
    assert (len(found) < 20) == (entry["kind"] != "unpaged")


def test_json_schema_gives_the_columns(tap: Tap, simulator: Simulator) -> None:
    add(simulator, PETS)
    (bookings,) = (endpoint for endpoint in TABLE if endpoint.name == "bookings")
    schema = {"properties": {**schemas.load(bookings)["properties"]}}
    config = config_of(simulator, extra_streams=[{**PETS, "schema": schema}])

    run = tap(config, catalog=discovered(tap, config, "pets"))

    assert run.code == 0
    assert [
        {name: record[name] for name in record if name != "tenant_id"} for record in run.records("pets")
    ] == simulator.records("pets")
    assert not run.lines_with("WARNING")


DOCUMENT = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://api.servicetitan.io/crm/v2"}],
    "paths": {
        "/tenant/{tenant}/export/pets": {
            "get": {
                "operationId": "Export_Pets",
                "security": [{"oauth": ["tn.crm.pets:r"]}],
                "parameters": [],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "Page": {"type": "object", "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}},
            "Pet": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"}, "name": {"type": "string"}, "modifiedOn": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}  # fmt: skip


@pytest.fixture
def document(tmp_path: Path) -> str:
    file = tmp_path / "crm-v2.json"
    file.write_text(json.dumps(DOCUMENT))
    return str(file)


def test_openapi_document_gives_the_columns_and_the_scope(tap: Tap, simulator: Simulator, document: str) -> None:
    add(simulator, PETS)
    config = config_of(simulator, extra_streams=[{**PETS, "schema": document}])
    catalog = discovered(tap, config, "pets")

    run = tap(config, catalog=catalog)

    assert [list(record) for record in run.records("pets")] == [["tenant_id", "id", "name", "modifiedOn"]] * 60
    access = tap(config, "--check-access", "--format", "json", catalog=catalog)
    assert [(one["access"], one["scope"]) for one in json.loads(access.stdout)] == [("readable", "tn.crm.pets:r")]


def test_unlicensed_collection_of_an_unknown_api_is_reported_and_skipped_as_others(
    tap: Tap, simulator: Simulator
) -> None:
    add(simulator, CAGES)
    simulator.misbehave("unlicensed", stream="cages", times=None)
    config = config_of(simulator, extra_streams=[CAGES])
    catalog = discovered(tap, config, "cages")

    assert tap(config, catalog=catalog).code == 1
    assert tap({**config, "skip_unentitled_streams": True}, catalog=catalog).code == 0


def test_two_tenants_have_bookmarks_of_their_own(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    add(simulator, PETS)
    config = config_of(simulator, extra_streams=[PETS])

    run = tap(config, catalog=discovered(tap, config, "pets"))

    assert len(run.records("pets")) == 120
    assert run.bookmark("pets", "1001") != run.bookmark("pets", "1002")


def problems_of(*entries: dict[str, Any]) -> list[str]:
    config = {"client_id": "cid.1", "client_secret": "cs2.1", "st_app_key": "ak1.1", "tenant_id": "1001"}
    return list(problems({**config, "extra_streams": list(entries)}, CONFIG_JSONSCHEMA))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "feed"}, "Setting 'extra_streams.0.kind' must be one of: export, listing, unpaged."),
        (
            {"page": 1},
            ("Setting 'extra_streams.0' must hold nothing but name, api, path, kind, keys, replication_key, active_filter, "
            "page_size, records_path, schema."),
        ),
        ({"name": "Pets"}, "Setting 'extra_streams.0.name' must be of letters a to z, digits and '_', at most 63: it names a table."),
        ({"name": "bookings"}, "Setting 'extra_streams.0.name' is a stream that the tap has."),
        ({"name": "custom_report_x"}, "Setting 'extra_streams.0.name' must not begin with 'custom_report_', as reports do."),
        ({"api": "crm"}, "Setting 'extra_streams.0.api' must be an API and its version, such as crm/v2."),
        (
            {"path": "pets/{id}"},
            "Setting 'extra_streams.0.path' must be a path below /tenant/<tenant>/ without placeholders, such as export/bookings.",
        ),
        ({"page_size": 0}, "Setting 'extra_streams.0.page_size' must be at least 1."),
        ({"schema": {"properties": {"a": 7}}}, "Setting 'extra_streams.0.schema' is not a JSON schema: look at properties.a."),
        (
            {"schema": {"type": "object"}},
            "Setting 'extra_streams.0.schema' must have properties, each an object such as {\"type\": [\"string\", \"null\"]}.",
        ),
        (
            {"schema": {"properties": {"id": {"type": "integer"}}}},
            "Setting 'extra_streams.0.schema' has no property modifiedOn, which is a key or the replication_key of the stream.",
        ),
    ],
)  # fmt: skip
def test_bad_entry_is_one_line_that_says_what_is_valid(change: dict[str, Any], problem: str) -> None:
    assert problems_of({**PETS, **change}) == [problem]


def test_missing_word_and_a_name_twice_are_one_line_each() -> None:
    without = {name: value for name, value in PETS.items() if name != "kind"}

    assert problems_of(without) == ["Setting 'extra_streams.0' must hold name, api, path, kind."]
    assert problems_of(PETS, PETS) == ["Setting 'extra_streams.1.name' is listed twice."]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"path": "export/dogs"}, "has no /crm/v2/tenant/{tenant}/export/dogs."),
        ({"replication_key": "changedOn"}, "has no field changedOn: set replication_key, null for a full table."),
        ({"keys": ["number"]}, "pets has no field 'number' to correct or to take as key."),
        ({"schema": "/nowhere"}, "/nowhere holds no OpenAPI documents (*.json with `paths`)."),
    ],
)
def test_document_that_does_not_help_is_one_line(
    tap: Tap, simulator: Simulator, document: str, change: dict[str, Any], problem: str
) -> None:
    run = tap(
        config_of(simulator, extra_streams=[{**PETS, "schema": document, **change}]), catalog=selecting("bookings")
    )

    assert run.code == 1
    (line,) = run.lines_with("ERROR")
    assert "Setting 'extra_streams.0.schema': " in line
    assert line.endswith(problem)

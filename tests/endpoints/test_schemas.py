"""The schema files and the command that writes them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from singer_sdk.helpers._flattening import flatten_record, flatten_schema
from singer_sdk.helpers._typing import conform_record_data_types
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Export, Nested, Singleton, Unpaged, Window
from tap_servicetitan.schemas import __main__ as command
from tap_servicetitan.schemas.corrections import CORRECTIONS
from tap_servicetitan.schemas.openapi import Documents

TABLE = list(table.endpoints())
PATH = "/tenant/{tenant}/export/parts"
PARTS = Export("parts", "export/parts", api="crm/v2")

COMPONENTS: dict[str, Any] = {
    "Feed": {
        "type": "object",
        "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}}},
    },
    "Part": {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "name"],
        "properties": {
            "name": {"type": "string", "maxLength": 9, "description": "A sentence of the documents."},
            "id": {"type": "integer", "format": "int64"},
            "count": {"type": "integer", "format": "int32"},
            "price": {"type": "number", "format": "decimal", "nullable": True},
            "total": {"type": "string"},
            "sold": {"type": "boolean"},
            "soldOn": {"type": ["string", "null"], "format": "date-time"},
            "day": {"type": "string", "format": "date"},
            "span": {"type": "string", "format": "duration"},
            "color": {"oneOf": [{"$ref": "#/components/schemas/Color"}]},
            "grade": {"$ref": "#/components/schemas/Grade"},
            "maker": {"oneOf": [{"$ref": "#/components/schemas/Maker"}, {"type": "null", "description": "None."}]},
            "subparts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "extra": {},
            "unit": {"anyOf": [{"$ref": "#/components/schemas/Box"}, {"$ref": "#/components/schemas/Crate"}]},
        },
    },
    "Color": {"type": "string", "enum": ["Red", "Blue"]},
    "Grade": {"type": "integer", "enum": [1, 2]},
    "Maker": {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "sites": {"type": "array", "items": {"type": "string"}}},
    },
    "Box": {"type": "object", "properties": {"size": {"type": "string"}, "lid": {"type": "boolean"}}},
    "Crate": {"type": "object", "properties": {"size": {"type": "number"}, "nails": {"type": "integer"}}},
}

RECORD: dict[str, Any] = {
    "tenant_id": "1",
    "name": None,
    "id": 2**60,
    "maker": {"id": 1, "sites": [None, "a"]},
    "subparts": [{"id": 1, "anything": {"at": ["all"]}}, None],
    "labels": {"a": "b"},
    "extra": [1, {"a": None}, "b"],
    "unit": {"size": "2", "nails": 3},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "schemas"


@pytest.fixture
def document() -> dict[str, Any]:
    """What ServiceTitan's documents look like, about an API that it does not have."""
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.example.com/crm/v2"}],
        "paths": {
            PATH: {
                "get": {
                    "parameters": [{"name": "tenant", "in": "path", "schema": {"type": "integer"}}],
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Feed"}}}},
                    },
                    "security": [{"apiKeyHeader": [], "oauth": ["tn.crm.parts:r"]}],
                },
            },
        },
        "components": {"schemas": copy.deepcopy(COMPONENTS)},
    }


def run(
    document: dict[str, Any],
    folder: Path,
    *table: Endpoint,
    corrections: dict[str, Any] | None = None,
    not_streams: Iterable[str] = (),
    check: bool = False,
) -> int:
    """Run the command on a document and a table of its own."""
    directory = folder.parent / "openapi"
    directory.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    (directory / "crm-v2.json").write_text(json.dumps(document))
    comparison = command.Comparison(
        Documents(directory), table or (PARTS,), folder, corrections=corrections or {}, not_streams=not_streams
    )
    return command.report(comparison, check=check)


def written(folder: Path, stream: str = "parts") -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((folder / "crm" / f"{stream}.json").read_text())
    return schema


def test_a_schema_has_names_and_types_and_nothing_else(document: dict[str, Any], folder: Path) -> None:
    assert run(document, folder) == 0
    properties = written(folder)["properties"]
    assert list(properties) == ["tenant_id", *COMPONENTS["Part"]["properties"]]
    assert properties["name"] == {"type": ["string", "null"]}
    assert properties["count"] == {"type": ["integer", "null"]}
    assert properties["price"] == {"type": ["number", "null"]}
    assert properties["total"] == {"type": ["string", "null"]}
    assert properties["sold"] == {"type": ["boolean", "null"]}
    assert properties["color"] == {"type": ["string", "null"]}
    assert properties["grade"] == {"type": ["integer", "null"]}


def test_only_keys_are_required_and_never_null(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    schema = written(folder)
    assert schema["required"] == ["tenant_id", "id"]
    assert schema["properties"]["tenant_id"] == {"type": "string"}
    assert schema["properties"]["id"] == {"type": "integer"}
    assert [name for name, each in schema["properties"].items() if "null" not in each["type"]] == ["tenant_id", "id"]


def test_a_stream_without_keys_requires_nothing(document: dict[str, Any], folder: Path) -> None:
    run(document, folder, Export("parts", "export/parts", api="crm/v2", keys=()))
    assert "required" not in written(folder)


def test_of_the_formats_only_date_time_is_kept(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    properties = written(folder)["properties"]
    assert properties["soldOn"] == {"type": ["string", "null"], "format": "date-time"}
    assert properties["day"] == properties["span"] == {"type": ["string", "null"]}


def test_objects_arrays_and_their_items_may_be_null(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    assert written(folder)["properties"]["maker"] == {
        "type": ["object", "null"],
        "properties": {
            "id": {"type": ["integer", "null"]},
            "sites": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        },
    }


def test_a_part_inside_itself_is_an_open_object(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    properties = written(folder)["properties"]
    assert properties["subparts"]["items"] == properties["labels"]
    assert properties["labels"] == {"type": ["object", "null"], "properties": {}, "additionalProperties": True}


def test_one_of_several_shapes_has_the_fields_and_types_of_all(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    assert written(folder)["properties"]["unit"]["properties"] == {
        "size": {"type": ["string", "number", "null"]},
        "lid": {"type": ["boolean", "null"]},
        "nails": {"type": ["integer", "null"]},
    }


def test_every_kind_of_field_passes_conformance_unchanged(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    schema = written(folder)
    Draft202012Validator(schema).validate(RECORD)
    level = TypeConformanceLevel.RECURSIVE
    assert conform_record_data_types("parts", RECORD, schema, level, None) == RECORD  # type: ignore[arg-type]  # the parent, as the SDK passes it


def test_each_property_has_a_line_of_its_own(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    text = (folder / "crm" / "parts.json").read_text()
    assert '\n    "name": {"type": ["string", "null"]},\n' in text
    assert '\n        "id": {"type": ["integer", "null"]},\n' in text
    assert text.endswith('\n  "required": ["tenant_id", "id"]\n}\n')


def test_running_it_twice_changes_nothing(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    before = (folder / "crm" / "parts.json").read_bytes()
    capsys.readouterr()
    assert run(document, folder) == 0
    assert (folder / "crm" / "parts.json").read_bytes() == before
    assert capsys.readouterr().out == "1 schema files are up to date.\n"
    assert run(document, folder, check=True) == 0
    assert capsys.readouterr().out == "1 schema files agree with the documents.\n"


def test_check_prints_a_line_for_each_changed_field_and_writes_nothing(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    before = (folder / "crm" / "parts.json").read_bytes()
    part = document["components"]["schemas"]["Part"]["properties"]
    del part["sold"]
    part["count"] = {"type": "string"}
    document["components"]["schemas"]["Maker"]["properties"]["since"] = {"type": "string", "format": "date-time"}
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out.splitlines() == [
        "crm/parts.json: retyped count: integer or null became string or null",
        "crm/parts.json: added maker.since: string or null (date-time)",
        "crm/parts.json: removed sold: boolean or null",
    ]
    assert (folder / "crm" / "parts.json").read_bytes() == before


def test_a_file_that_was_edited_by_hand_is_drift(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    file = folder / "crm" / "parts.json"
    file.write_text(json.dumps(json.loads(file.read_text())))
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out == "crm/parts.json: order or layout\n"


def test_missing_and_left_over_files_are_drift(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    (folder / "crm" / "parts.json").rename(folder / "crm" / "pieces.json")
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out.splitlines() == [
        "crm/parts.json: missing",
        "crm/pieces.json: left over, no stream has that name",
    ]
    run(document, folder)
    assert [file.name for file in folder.glob("*/*")] == ["parts.json"]


def test_an_endpoint_that_is_gone_is_drift_and_its_file_stays(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    document["paths"]["/tenant/{tenant}/export/pieces"] = document["paths"].pop(PATH)
    capsys.readouterr()
    assert run(document, folder) == 1
    assert "parts: /crm/v2/tenant/{tenant_id}/export/parts is not in the documents" in capsys.readouterr().out
    assert written(folder)


def test_another_scope_than_the_tables_is_drift(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    document["paths"][PATH]["get"]["security"][0]["oauth"] = ["tn.crm.pieces:r"]
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out == "parts: scope tn.crm.pieces:r, in the table tn.crm.parts:r\n"


def test_a_correction_replaces_or_adds_a_field(document: dict[str, Any], folder: Path) -> None:
    number = {"type": ["integer", "null"]}
    run(document, folder, corrections={"parts": {"color": number, "maker.sites[]": number, "unit.more": number}})
    properties = written(folder)["properties"]
    assert properties["color"] == properties["maker"]["properties"]["sites"]["items"] == number
    assert properties["unit"]["properties"]["more"] == number


def test_a_correction_that_the_documents_caught_up_with_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, corrections={"parts": {"count": {"type": ["integer", "null"]}}}) == 1
    assert "parts: the documents are right about count, drop its correction" in capsys.readouterr().out


def test_a_key_that_the_records_lack_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, Export("parts", "export/parts", api="crm/v2", keys=("number",))) == 1
    assert "parts has no field 'number'" in capsys.readouterr().out


def test_a_collection_that_the_table_does_not_know_is_drift(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    document["paths"]["/tenant/{tenant}/pieces"] = document["paths"][PATH]
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out == "GET /crm/v2/tenant/{tenant}/pieces: a collection that the table does not know\n"
    assert run(document, folder, check=True, not_streams=["/crm/v2/tenant/{tenant_id}/pieces"]) == 0


def test_records_carry_the_ids_of_their_parents_in_the_type_that_the_path_says(
    document: dict[str, Any], folder: Path
) -> None:
    operation = document["paths"].pop(PATH)["get"]
    operation["parameters"].insert(0, {"name": "id", "in": "path", "schema": {"type": "string"}})
    operation["parameters"].append({"name": "other", "in": "path", "schema": {"type": "integer"}})
    document["paths"]["/tenant/{tenant}/cars/{id}/axles/{other}/parts"] = {"get": operation}
    path = "cars/{car_id}/axles/{axle_id}/parts"
    assert run(document, folder, Nested("parts", path, api="crm/v2", resource="parts", parent="axles")) == 0
    schema = written(folder)
    assert list(schema["properties"])[:3] == ["tenant_id", "car_id", "axle_id"]
    assert schema["properties"]["car_id"] == {"type": "string"}
    assert schema["properties"]["axle_id"] == {"type": "integer"}
    assert schema["required"] == ["tenant_id", "car_id", "axle_id", "id"]


def test_records_of_a_window_carry_its_bounds_and_what_was_lifted(document: dict[str, Any], folder: Path) -> None:
    lifts = {"makerId": ("maker.id",)}
    run(
        document, folder, Window("parts", "export/parts", api="crm/v2", keys=("fromUtc", "makerId"), derived_keys=lifts)
    )
    schema = written(folder)
    assert list(schema["properties"])[:4] == ["tenant_id", "fromUtc", "toUtc", "makerId"]
    assert schema["properties"]["fromUtc"] == {"type": "string", "format": "date-time"}
    assert schema["properties"]["makerId"] == {"type": "string"}
    assert schema["required"] == ["tenant_id", "fromUtc", "makerId"]


def test_rows_that_hold_lists_of_records_give_their_other_fields_to_each(
    document: dict[str, Any], folder: Path
) -> None:
    row = {
        "type": "object",
        "properties": {"carId": {"type": "integer"}, "parts": COMPONENTS["Feed"]["properties"]["data"]},
    }
    document["components"]["schemas"]["Feed"]["properties"]["data"]["items"] = row
    run(document, folder, Export("parts", "export/parts", api="crm/v2", explode="parts"))
    assert list(written(folder)["properties"]) == ["tenant_id", "carId", *COMPONENTS["Part"]["properties"]]


def test_an_answer_may_be_the_array_or_the_record_itself(document: dict[str, Any], folder: Path) -> None:
    feed = document["components"]["schemas"]["Feed"]
    document["components"]["schemas"]["Feed"] = feed["properties"]["data"]
    run(document, folder, Unpaged("parts", "export/parts", api="crm/v2", records_path=None))
    assert list(written(folder)["properties"])[1:] == list(COMPONENTS["Part"]["properties"])
    document["components"]["schemas"]["Feed"] = COMPONENTS["Maker"]
    run(document, folder, Singleton("parts", "export/parts", api="crm/v2"))
    assert list(written(folder)["properties"]) == ["tenant_id", "id", "sites"]
    assert written(folder)["required"] == ["tenant_id"]


def test_an_answer_without_the_field_that_holds_records_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, Unpaged("parts", "export/parts", api="crm/v2", records_path="items")) == 1
    assert "has no field 'items' to read records from" in capsys.readouterr().out


def test_every_correction_is_of_a_stream() -> None:
    assert {endpoint.name for endpoint in TABLE} >= set(CORRECTIONS)


def test_a_directory_without_documents_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    for directory in (tmp_path, tmp_path / "missing"):
        assert command.main([str(directory), "--check"]) == 2
        assert capsys.readouterr().err == f"{directory} holds no OpenAPI documents (*.json with `paths`).\n"


def test_a_document_that_is_not_json_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text("{")
    assert command.main([str(tmp_path)]) == 2
    assert "broken.json is not JSON" in capsys.readouterr().err


def test_every_stream_has_a_schema_file_and_every_file_a_stream() -> None:
    assert {schemas.path(endpoint) for endpoint in TABLE} == set(schemas.FOLDER.glob("*/*.json"))


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)
def test_schema_file_keeps_the_rules(endpoint: Endpoint) -> None:
    schema = schemas.load(endpoint)
    Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert next(iter(properties)) == "tenant_id"
    assert properties["tenant_id"] == {"type": "string"}
    assert schema.get("required", []) == list(endpoint.primary_keys)
    never_null = {name for name, each in properties.items() if "null" not in each["type"]}
    assert never_null == {*endpoint.added_fields, *endpoint.primary_keys}
    assert words(schema) <= {"type", "format", "properties", "required", "items", "additionalProperties"}
    assert endpoint.replication_key is None or properties[endpoint.replication_key]["format"] == "date-time"


def words(schema: dict[str, Any], *, nested: bool = False) -> set[str]:
    """Every JSON Schema keyword in use; nested parts may not require anything and arrays must say what they hold."""
    assert not (nested and "required" in schema)
    assert "array" not in schema["type"] or "items" in schema
    assert schema.get("format", "date-time") == "date-time"
    parts = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return set(schema).union(*(words(part, nested=True) for part in parts))


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)
def test_schema_survives_the_sdk(endpoint: Endpoint) -> None:
    schema = schemas.load(endpoint)
    assert Schema.from_dict(schema).to_dict() == schema
    flat = flatten_schema(schema, max_level=3)
    empty = dict.fromkeys(schema["properties"])
    level = TypeConformanceLevel.RECURSIVE
    assert conform_record_data_types(endpoint.name, empty, schema, level, None) == empty  # type: ignore[arg-type]  # the parent, as the SDK passes it
    assert set(flatten_record(empty, flattened_schema=flat, max_level=3)) >= {"tenant_id"}


def test_bookings_have_the_fields_of_servicetitans_own_page() -> None:
    schema = schemas.load(next(endpoint for endpoint in TABLE if endpoint.name == "bookings"))
    text = {"type": ["string", "null"]}
    number = {"type": ["integer", "null"]}
    flag = {"type": ["boolean", "null"]}
    moment = {"type": ["string", "null"], "format": "date-time"}
    assert schema["properties"] == {
        "tenant_id": {"type": "string"},
        "summary": text,
        "id": {"type": "integer"},
        "source": text,
        "createdOn": moment,
        "name": text,
        "address": {
            "type": ["object", "null"],
            "properties": dict.fromkeys(("street", "unit", "city", "state", "zip", "country"), text),
        },
        "customerType": text,
        "start": moment,
        "campaignId": number,
        "businessUnitId": number,
        "isFirstTimeClient": flag,
        "uploadedImages": {"type": ["array", "null"], "items": text},
        "isSendConfirmationEmail": flag,
        "status": text,
        "dismissingReasonId": number,
        "jobId": number,
        "externalId": text,
        "priority": text,
        "jobTypeId": number,
        "bookingProviderId": number,
        "modifiedOn": moment,
        "active": flag,
    }
    assert schema["required"] == ["tenant_id", "id"]

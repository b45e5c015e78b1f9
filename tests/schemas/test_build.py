"""A stream's JSON schema, as it follows from the documents and the stream's entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.openapi import COMPONENTS, PATH, run, written
from jsonschema import Draft202012Validator
from singer_sdk.helpers._typing import conform_record_data_types
from singer_sdk.helpers.conform import TypeConformanceLevel

from tap_servicetitan.endpoints.kinds import Export, Nested, Singleton, Unpaged, Window

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


def test_schema_has_names_and_types_and_nothing_else(document: dict[str, Any], folder: Path) -> None:
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
    assert schema["properties"]["tenant_id"] == {"type": "string", "maxLength": 20}
    assert schema["properties"]["id"] == {"type": "integer"}
    assert [name for name, each in schema["properties"].items() if "null" not in each["type"]] == ["tenant_id", "id"]


def test_text_in_keys_has_a_length_and_no_other_text(document: dict[str, Any], folder: Path) -> None:
    part = document["components"]["schemas"]["Part"]["properties"]
    part |= {"guid": {"type": "string", "format": "guid"}, "otherGuid": {"type": "string", "format": "uuid"}}
    part["siteIds"] = {"type": "array", "items": {"type": "string", "format": "guid"}}
    keys = ("guid", "name", "soldOn", "sites")
    run(
        document, folder, Export("parts", "export/parts", api="crm/v2", keys=keys, derived_keys={"sites": ("siteIds",)})
    )
    properties = written(folder)["properties"]
    lengths = {"tenant_id": 20, "guid": 36, "name": 255, "sites": 4000}
    assert {name: each["maxLength"] for name, each in properties.items() if "maxLength" in each} == lengths
    assert json.dumps(properties).count("maxLength") == len(lengths)


def test_stream_without_keys_requires_nothing(document: dict[str, Any], folder: Path) -> None:
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


def test_part_inside_itself_is_an_open_object(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    properties = written(folder)["properties"]
    assert properties["subparts"]["items"] == properties["labels"]
    assert properties["labels"] == {"type": ["object", "null"], "properties": {}, "additionalProperties": True}


def test_one_of_several_shapes_has_the_fields_and_types_of_all(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    assert written(folder)["properties"]["unit"]["properties"] == {
        "size": {"type": ["string", "null"]},
        "lid": {"type": ["boolean", "null"]},
        "nails": {"type": ["integer", "null"]},
    }


def test_every_kind_of_field_passes_conformance_unchanged(document: dict[str, Any], folder: Path) -> None:
    run(document, folder)
    schema = written(folder)
    Draft202012Validator(schema).validate(RECORD)
    level = TypeConformanceLevel.RECURSIVE
    assert conform_record_data_types("parts", RECORD, schema, level, None) == RECORD  # type: ignore[arg-type]  # the parent, as the SDK passes it


def test_correction_replaces_or_adds_a_field(document: dict[str, Any], folder: Path) -> None:
    number = {"type": ["integer", "null"]}
    run(document, folder, corrections={"parts": {"color": number, "maker.sites[]": number, "unit.more": number}})
    properties = written(folder)["properties"]
    assert properties["color"] == properties["maker"]["properties"]["sites"]["items"] == number
    assert properties["unit"]["properties"]["more"] == number


@pytest.mark.parametrize(
    ("placeholder", "names"),
    [("maker_id", "maker_id, makerId"), ("seller_id", "makerId, maker_ID")],
)
def test_fields_that_a_database_takes_for_one_column_are_refused(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str], placeholder: str, names: str
) -> None:
    nested_in_makers(document)
    part = document["components"]["schemas"]["Part"]["properties"]
    part["makerId"] = {"type": "integer"}
    if placeholder == "seller_id":
        part["maker_ID"] = {"type": "integer"}
    parts = Nested("parts", f"makers/{{{placeholder}}}/parts", api="crm/v2", resource="parts", parent="makers")

    assert run(document, folder, parts) == 1
    assert f"parts: has the fields {names}, which are one column in a database." in capsys.readouterr().out


def test_placeholder_may_be_the_field_that_the_record_has_itself(document: dict[str, Any], folder: Path) -> None:
    nested_in_makers(document)
    document["components"]["schemas"]["Part"]["properties"]["makerId"] = {"type": "string"}
    parts = Nested("parts", "makers/{makerId}/parts", api="crm/v2", resource="parts", parent="makers")

    assert run(document, folder, parts) == 0
    schema = written(folder)
    assert list(schema["properties"])[:2] == ["tenant_id", "makerId"]
    assert schema["properties"]["makerId"] == {"type": "string", "maxLength": 255}
    assert schema["required"] == ["tenant_id", "makerId", "id"]


def test_placeholder_in_camel_case_has_to_be_a_field_of_the_record(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nested_in_makers(document)
    parts = Nested("parts", "makers/{makerId}/parts", api="crm/v2", resource="parts", parent="makers")

    assert run(document, folder, parts) == 1
    assert "parts has no field 'makerId' to correct or to take as key" in capsys.readouterr().out


def nested_in_makers(document: dict[str, Any]) -> None:
    operation = document["paths"].pop(PATH)["get"]
    operation["parameters"].append({"name": "id", "in": "path", "schema": {"type": "integer"}})
    document["paths"]["/tenant/{tenant}/makers/{id}/parts"] = {"get": operation}


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
    assert schema["properties"]["car_id"] == {"type": "string", "maxLength": 255}
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
    assert schema["properties"]["makerId"] == {"type": "string", "maxLength": 255}
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


def test_answer_may_be_the_array_or_the_record_itself(document: dict[str, Any], folder: Path) -> None:
    feed = document["components"]["schemas"]["Feed"]
    document["components"]["schemas"]["Feed"] = feed["properties"]["data"]
    run(document, folder, Unpaged("parts", "export/parts", api="crm/v2", records_path=None))
    assert list(written(folder)["properties"])[1:] == list(COMPONENTS["Part"]["properties"])
    document["components"]["schemas"]["Feed"] = COMPONENTS["Maker"]
    run(document, folder, Singleton("maker", "export/parts", api="crm/v2"))
    assert list(written(folder, "maker")["properties"]) == ["tenant_id", "id", "sites"]
    assert written(folder, "maker")["required"] == ["tenant_id"]

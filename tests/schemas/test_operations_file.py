"""``operations.json``: what the schemas command writes of each operation that reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.openapi import PATH, run

from tap_servicetitan.endpoints.operations import Operation, decode
from tap_servicetitan.schemas.record_notation import expand, shorten

NAME = "crm/v2/export/parts"


def operations(folder: Path) -> dict[str, Operation]:
    return decode((folder.parent / "endpoints" / "operations.json").read_bytes())


def answer(document: dict[str, Any], **fields: Any) -> None:
    """Give the answer these fields besides its records."""
    document["components"]["schemas"]["Feed"]["properties"] |= fields


def test_operation_has_method_scope_records_and_parameters(document: dict[str, Any], folder: Path) -> None:
    answer(document, continueFrom={"type": "string"})
    document["paths"][PATH]["get"]["parameters"] += [
        {"name": "from", "in": "query", "schema": {"type": "string"}},
        {"name": "pageSize", "in": "query", "required": True, "schema": {"type": "integer", "maximum": 300}},
    ]
    run(document, folder)
    assert operations(folder) == {
        NAME: Operation(
            kind="export",
            scope="tn.crm.parts:r",
            records="data[]",
            query=frozenset({"from", "pageSize"}),
            required=frozenset({"pageSize"}),
            max_page_size=300,
        )
    }


def test_operation_takes_the_page_size_of_a_description(document: dict[str, Any], folder: Path) -> None:
    document["paths"][PATH]["get"]["parameters"].append(
        {"name": "pageSize", "in": "query", "description": "Maximum value is 500.", "schema": {"type": "integer"}}
    )
    run(document, folder)
    assert operations(folder)[NAME].max_page_size == 500


@pytest.mark.parametrize(
    "description",
    [
        "?sort=+FieldName for ascending order.\\\n\\\nAvailable fields are: Id, Date (Year + Month), ModifiedOn.",
        "The Sorting field, possible values: Id, Date, ModifiedOn. It is ascending by default",
        'Sorts.\\\nOptions: Id, Date, ModifiedOn.\\\nUse "+" for ascending order',
    ],
)
def test_operation_takes_the_fields_of_sort_from_a_description(
    document: dict[str, Any], folder: Path, description: str
) -> None:
    document["paths"][PATH]["get"]["parameters"].append(
        {"name": "sort", "in": "query", "description": description, "schema": {"type": "string"}}
    )
    run(document, folder)
    assert operations(folder)[NAME].sort == {"id", "date", "modifiedon"}


@pytest.mark.parametrize(
    ("path", "fields", "kind"),
    [
        ("parts", {"hasMore": {"type": "boolean"}}, "list"),
        ("cars/{id}/parts", {"hasMore": {"type": "boolean"}}, "nested list"),
        ("parts", {}, "array"),
        ("cars/{id}/parts", {}, "nested array"),
        ("parts", {"data": {"$ref": "#/components/schemas/Part"}}, "other"),
        ("parts/{id}", {"data": {"$ref": "#/components/schemas/Part"}}, "by id"),
    ],
)
def test_operation_has_the_kind_of_its_answer(
    document: dict[str, Any], folder: Path, path: str, fields: dict[str, Any], kind: str
) -> None:
    answer(document, **fields)
    document["paths"][f"/tenant/{{tenant}}/{path}"] = document["paths"].pop(PATH)
    run(document, folder)
    assert operations(folder)[f"crm/v2/{path}"].kind == kind


def test_operations_are_one_a_line_in_order(document: dict[str, Any], folder: Path) -> None:
    document["paths"]["/tenant/{tenant}/axles"] = document["paths"][PATH]
    run(document, folder)
    lines = (folder.parent / "endpoints" / "operations.json").read_text().splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == ['"crm/v2/axles"', f'"{NAME}"']


def test_operation_and_parameter_that_the_documents_lack_are_kept(document: dict[str, Any], folder: Path) -> None:
    parameters = document["paths"][PATH]["get"]["parameters"]
    parameters.append({"name": "ids", "in": "query", "schema": {"type": "string"}})
    document["paths"]["/tenant/{tenant}/axles"] = {"get": dict(document["paths"][PATH]["get"])}
    run(document, folder)
    before = operations(folder)
    parameters.pop()
    del document["paths"]["/tenant/{tenant}/axles"]
    run(document, folder)
    assert operations(folder) == before
    assert before[NAME].query == {"ids"}


def test_operation_that_becomes_deprecated_is_drift(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    document["paths"][PATH]["get"]["deprecated"] = True
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out == f"operations.json: GET {NAME}: deprecated False became True\n"
    run(document, folder)
    assert run(document, folder, check=True) == 0


def test_operation_names_the_source_of_fields_that_were_read_elsewhere(document: dict[str, Any], folder: Path) -> None:
    schemas = document["components"]["schemas"]
    schemas["Part"]["properties"]["price"]["x-known-from"] = "second-hand"
    schemas["Box"]["properties"]["lid"]["x-known-from"] = "inferred"
    run(document, folder)
    assert operations(folder)[NAME].known_from == {"price": "second-hand", "unit.lid": "inferred"}

    del schemas["Part"]["properties"]["price"]["x-known-from"]
    del schemas["Box"]["properties"]["lid"]
    run(document, folder)
    assert operations(folder)[NAME].known_from == {"unit.lid": "inferred"}

    document["paths"][PATH]["get"]["x-known-from"] = "second-hand"
    run(document, folder)
    assert operations(folder)[NAME].known_from[""] == "second-hand"


def test_operation_that_no_stream_reads_has_the_fields_of_its_record(document: dict[str, Any], folder: Path) -> None:
    document["paths"]["/tenant/{tenant}/parts/{id}"] = {"get": dict(document["paths"][PATH]["get"])}
    run(document, folder)
    found = operations(folder)
    assert found[NAME].record is None
    assert found["crm/v2/parts/{id}"].record["id"] == "integer"


def test_field_of_an_operation_is_kept_when_the_documents_lack_it(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document["paths"]["/tenant/{tenant}/parts/{id}"] = {"get": dict(document["paths"][PATH]["get"])}
    part = document["components"]["schemas"]["Part"]["properties"]
    run(document, folder)
    part["colour"] = {"type": "string", "format": "date-time"}
    capsys.readouterr()
    run(document, folder)
    assert "operations.json: GET crm/v2/parts/{id}: added colour: string or null (date-time)" in capsys.readouterr().out
    before = operations(folder)
    del part["colour"]
    run(document, folder)
    assert operations(folder) == before


@pytest.mark.parametrize(
    "field",
    ["date-time", "string or boolean", {"id": "integer", "lists": [["number"]], "open": {}, "all": "any"}, ["any"]],
)
def test_notation_of_fields_stands_for_one_schema(field: Any) -> None:
    assert shorten(expand(field)) == field

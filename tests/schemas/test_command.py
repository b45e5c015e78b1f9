"""``python -m tap_servicetitan.schemas``: what it writes, prints and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.openapi import PARTS, PATH, run, written

from tap_servicetitan.endpoints.kinds import Export, Unpaged
from tap_servicetitan.schemas import __main__ as command


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
    assert capsys.readouterr().out == "The schema files and operations.json now agree with the documents.\n"
    assert run(document, folder, check=True) == 0
    assert capsys.readouterr().out == "The schema files and operations.json agree with the documents.\n"


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
        "crm/parts.json: sold is not in the documents, kept",
    ]
    assert (folder / "crm" / "parts.json").read_bytes() == before


def test_file_that_was_edited_by_hand_is_drift(
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


def test_endpoint_that_is_gone_is_drift_and_its_file_stays(
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
    assert capsys.readouterr().out.splitlines() == [
        "operations.json: GET crm/v2/export/parts: scope tn.crm.parts:r became tn.crm.pieces:r",
        "parts: scope tn.crm.pieces:r, in the table tn.crm.parts:r",
    ]


def test_correction_that_the_documents_caught_up_with_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, corrections={"parts": {"count": {"type": ["integer", "null"]}}}) == 1
    assert "parts: the documents are right about count, drop its correction" in capsys.readouterr().out


def test_key_that_the_records_lack_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, Export("parts", "export/parts", api="crm/v2", keys=("number",))) == 1
    assert "parts has no field 'number'" in capsys.readouterr().out


def test_check_names_a_read_that_is_neither_a_stream_nor_excluded(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read, by_post = document["paths"][PATH]["get"], {"operationId": "Pieces_GetPieces"}
    document["paths"]["/tenant/{tenant}/parts/{id}"] = {"get": read}
    document["paths"]["/tenant/{tenant}/pieces"] = {"post": {**read, **by_post}}
    document["paths"]["/tenant/{tenant}/pieces/merge"] = {
        "post": {**by_post, "operationId": "Pieces_Merge", "security": [{"oauth": ["tn.crm.pieces:w"]}]}
    }
    run(document, folder)
    capsys.readouterr()
    assert run(document, folder, check=True) == 1
    assert capsys.readouterr().out.splitlines() == [
        "GET /crm/v2/tenant/{tenant}/parts/{id}: neither in the table nor in excluded.py",
        "POST /crm/v2/tenant/{tenant}/pieces: neither in the table nor in excluded.py",
    ]
    excluded = ["/crm/v2/tenant/{tenant_id}/pieces", "/crm/v2/tenant/{tenant_id}/parts/{part}"]
    assert run(document, folder, check=True, not_streams=excluded) == 0


def test_check_names_an_excluded_path_that_is_gone(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    capsys.readouterr()
    assert run(document, folder, check=True, not_streams=["/crm/v2/tenant/{tenant_id}/pieces"]) == 1
    assert capsys.readouterr().out == "excluded.py: /crm/v2/tenant/{tenant_id}/pieces is not in the documents\n"


def test_check_names_an_api_without_a_document_once(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [Export(name, f"export/{name}", api="jpm/v2") for name in ("jobs", "projects")]
    run(document, folder, PARTS)
    capsys.readouterr()
    assert run(document, folder, PARTS, *others, not_streams=["/jpm/v2/tenant/{tenant_id}/jobs"], check=True) == 1
    assert capsys.readouterr().out == "jpm/v2: no document of this API\n"


def test_command_adds_a_stream_with_the_document_of_its_api_alone(document: dict[str, Any], folder: Path) -> None:
    assert run(document, folder, PARTS, Export("jobs", "export/jobs", api="jpm/v2")) == 0
    assert written(folder)


def test_command_keeps_what_the_documents_lack(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(document, folder)
    part = document["components"]["schemas"]["Part"]["properties"]
    maker, sites = part.pop("maker"), document["components"]["schemas"]["Maker"]["properties"].pop("sites")
    assert maker
    assert sites
    capsys.readouterr()
    assert run(document, folder, check=True) == 0
    assert capsys.readouterr().out.splitlines() == [
        "crm/parts.json: maker is not in the documents, kept",
        "The schema files and operations.json agree with the documents.",
    ]
    run(document, folder)
    assert set(written(folder)["properties"]["maker"]["properties"]) == {"id", "sites"}


def test_answer_without_the_field_that_holds_records_is_named(
    document: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, folder, Unpaged("parts", "export/parts", api="crm/v2", records_path="items")) == 1
    assert "has no field 'items' to read records from" in capsys.readouterr().out


def test_directory_without_documents_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    for directory in (tmp_path, tmp_path / "missing"):
        assert command.main([str(directory), "--check"]) == 2
        assert capsys.readouterr().err == f"{directory} holds no OpenAPI documents (*.json with `paths`).\n"


def test_document_that_is_not_json_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text("{")
    assert command.main([str(tmp_path)]) == 2
    assert "broken.json is not JSON" in capsys.readouterr().err

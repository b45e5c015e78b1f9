"""A small OpenAPI document like ServiceTitan's, and the schemas command on it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tap_servicetitan.endpoints.kinds import Endpoint, Export
from tap_servicetitan.schemas import __main__ as command
from tap_servicetitan.schemas.openapi import Documents

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


def new_document() -> dict[str, Any]:
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
    not_streams: Sequence[str] = (),
    check: bool = False,
) -> int:
    """Run the command on a document and a table of its own."""
    directory = folder.parent / "openapi"
    directory.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    (directory / "crm-v2.json").write_text(json.dumps(document))
    comparison = command.Comparison(
        Documents(directory), table or (PARTS,), folder.parent, corrections=corrections or {}, not_streams=not_streams
    )
    return command.report(comparison, check=check)


def written(folder: Path, stream: str = "parts") -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((folder / "crm" / f"{stream}.json").read_text())
    return schema

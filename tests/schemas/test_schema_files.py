"""The schema files of the package."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from singer_sdk.helpers._flattening import flatten_record, flatten_schema
from singer_sdk.helpers._typing import conform_record_data_types
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema

from tap_servicetitan import schemas
from tap_servicetitan.endpoints.kinds import Endpoint
from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.schemas.corrections import CORRECTIONS


def test_every_stream_has_a_schema_file_and_every_file_a_stream() -> None:
    assert {schemas.path(endpoint) for endpoint in TABLE} == set(schemas.FOLDER.glob("*/*.json"))


def test_every_correction_is_of_a_stream() -> None:
    assert {endpoint.name for endpoint in TABLE} >= set(CORRECTIONS)


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)
def test_schema_file_keeps_the_rules(endpoint: Endpoint) -> None:
    schema = schemas.load(endpoint)
    Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert next(iter(properties)) == "tenant_id"
    assert properties["tenant_id"] == {"type": "string", "maxLength": 20}
    texts = {name for name in endpoint.primary_keys if {"string"} == {properties[name]["type"]}}
    limited = {name for name in texts if "format" not in properties[name]}
    assert {name for name, each in properties.items() if "maxLength" in each} == limited | {"tenant_id"}
    assert schema.get("required", []) == list(endpoint.primary_keys)
    never_null = {name for name, each in properties.items() if "null" not in each["type"]}
    assert never_null == {*endpoint.added_fields, *endpoint.primary_keys}
    allowed = {"type", "format", "properties", "required", "items", "additionalProperties"}
    assert words(schema) <= {*allowed, "maxLength"}
    assert (
        set().union(*(words(each, nested=True) for each in properties.values() if "string" not in each["type"]))
        <= allowed
    )
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
        "tenant_id": {"type": "string", "maxLength": 20},
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

"""All streams of the table, read from the simulator as a whole."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jsonschema
import pytest
from helpers.api_client import (
    StreamReader,
    as_set,
)

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Nested
from tap_servicetitan.simulator.fake import vocabulary


@pytest.mark.parametrize("endpoint", table.TABLE, ids=lambda endpoint: endpoint.name)
def test_stream_has_all_its_records_and_each_is_valid(reader: StreamReader, endpoint: Endpoint) -> None:
    expected = reader.simulator.records(endpoint.name)
    assert expected
    assert as_set(reader.read(endpoint)) == as_set(expected)

    schema = schemas.load(endpoint)
    between = endpoint.date_range_params if isinstance(endpoint, Nested) else None
    added = {"tenant_id", *endpoint.derived_keys, *(between or ())}
    schema["required"] = [name for name in schema.get("required", ()) if name not in added]
    allow_numbers(schema, vocabulary.SOMETIMES_NUMBERS.get(endpoint.name, ()))
    validator = jsonschema.Draft202012Validator(schema)
    for row in expected:
        validator.validate(row)
        assert row.keys() == schema["properties"].keys() - added
    if endpoint.keys and not endpoint.derived_keys:
        assert len({tuple(row[name] for name in endpoint.primary_keys if name in row) for row in expected}) == len(
            expected
        )


def allow_numbers(schema: dict[str, Any], names: Collection[str]) -> None:
    """Allow numbers in text fields with these names, at any depth."""
    for name, field in schema.get("properties", {}).items():
        allow_numbers(field, names)
        if name in names:
            field["type"] = [*field["type"], "integer"]
    if "items" in schema:
        allow_numbers(schema["items"], names)

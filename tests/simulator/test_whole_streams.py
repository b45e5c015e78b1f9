"""All streams of the table, read from the simulator as a whole."""

from __future__ import annotations

import jsonschema
import pytest
from helpers.api_client import (
    StreamReader,
    allow_numbers,
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

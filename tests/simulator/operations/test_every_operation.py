"""Every operation of the API that reads, asked of the simulator."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from helpers.api_client import StreamReader, allow_numbers, assert_problem
from helpers.simulated.operation_walk import STREAMS, path_values, record_schema, records, request

from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.endpoints.operations import operations
from tap_servicetitan.simulator.fake import vocabulary

FILES = [path for path, one in operations().items() if one.record is None and path not in STREAMS]
REPORTS = [path for path in operations() if path.startswith("reporting/v2/") and path not in STREAMS]
RECORDS = [path for path in operations() if path not in FILES and path not in REPORTS]
WITH_IDS = [path for path in operations() if "{}" in path and path not in REPORTS]


@pytest.mark.parametrize("path", RECORDS)
def test_operation_answers_with_records_of_its_own_schema(reader: StreamReader, path: str) -> None:
    response = request(reader, path)

    assert response.status_code == 200, response.text
    found = list(records(path, response.json()))
    assert found
    schema = record_schema(path)
    stream = STREAMS.get(path)
    numbers = {name for names in vocabulary.SOMETIMES_NUMBERS.values() for name in names}
    allow_numbers(schema, numbers)
    if isinstance(stream, Export) and stream.explode:
        assert all(stream.explode in row for row in found)
        found = [{**row, **item} for row in found for item in row.pop(stream.explode)]
    validator = jsonschema.Draft202012Validator(schema)
    for record in found:
        validator.validate(record)
        if schema.get("properties"):
            assert record.keys() == schema["properties"].keys()


@pytest.mark.parametrize("path", FILES)
def test_operation_answers_with_a_file_or_a_redirect_to_it(reader: StreamReader, path: str) -> None:
    response = request(reader, path)

    if response.status_code == 302:
        response = reader.session.get(reader.url(response.headers["Location"]), timeout=10)
    assert response.status_code == 200
    assert response.content
    assert "json" not in response.headers["Content-Type"]


@pytest.mark.parametrize("path", WITH_IDS)
def test_operation_answers_404_for_an_id_that_does_not_exist(reader: StreamReader, path: str) -> None:
    values: list[Any] = path_values(reader, path)
    if path == "crm/v2/booking-provider/{}/bookings":
        return  # No operation lists the providers, so each has bookings or none.
    for wrong in ("7", "nothing"):
        assert_problem(request(reader, path, [*values[:-1], wrong]), 404)


@pytest.mark.parametrize("path", [path for path, one in operations().items() if one.required and path not in REPORTS])
def test_operation_demands_its_required_parameters(reader: StreamReader, path: str) -> None:
    for name in operations()[path].required:
        response = request(reader, path, **{name: None})
        assert_problem(response, 400)
        assert name in response.json()["errors"]

"""The fast path and the slow path from a page of JSON to RECORD lines write the same bytes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from helpers.record_paths import (
    ANYTHING,
    NAMES,
    SCALARS,
    both_paths,
    cases,
    nullable,
    without_nul,
    wrong_cases,
)
from helpers.support import Tap, config_of, selecting
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_servicetitan.simulator import Simulator


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_records_are_the_same_bytes_on_both_paths(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    fast, slow = both_paths(*case)

    assert fast == slow
    assert len(fast) == len(case[1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(wrong_cases())
def test_records_that_do_not_fit_are_the_same_bytes_on_both_paths(
    case: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    fast, slow = both_paths(*case)

    assert fast == slow
    assert len(fast) == len(case[1])


FLAT = st.dictionaries(NAMES, st.one_of(*(nullable(kind) for kind in [*SCALARS, "array", "object"])), min_size=1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(FLAT, st.data())
def test_values_of_any_type_are_written(properties: dict[str, Any], data: st.DataObject) -> None:
    record = data.draw(st.dictionaries(st.sampled_from(list(properties)), ANYTHING))
    schema = {"type": "object", "properties": {"tenant_id": {"type": "string"}, **properties}}

    fast, slow = both_paths(schema, [record])

    assert fast == slow
    # Read as Python would: 0 and 1 equal the booleans that conformance makes of them.
    written = json.loads(fast[0] + "}", parse_float=Decimal)["record"]
    record = without_nul(record)
    for key, value in record.items():
        if "string" in properties[key]["type"] and not isinstance(value, str | None):
            written[key] = json.loads(written[key], parse_float=Decimal)
    assert written == {"tenant_id": "1001", **record}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("false", "false"), (7, 7), ([1], [1]), ({}, {}), (Decimal("0.0"), Decimal("0.0")), (0, False), (1, True)],
)
def test_boolean_is_made_of_0_and_1_only(sent: Any, kept: Any) -> None:
    flags = {"type": ["array"], "items": {"type": ["boolean"]}}
    schema = {"properties": {"tenant_id": {"type": "string"}, "flag": {"type": ["boolean", "null"]}, "flags": flags}}

    fast, slow = both_paths(schema, [{"flag": sent, "flags": [sent]}])

    assert fast == slow
    assert repr(json.loads(fast[0] + "}", parse_float=Decimal)["record"]["flag"]) == repr(kept)
    assert repr(json.loads(fast[0] + "}", parse_float=Decimal)["record"]["flags"]) == repr([kept])


@pytest.mark.parametrize("kinds", [["object"], ["object", "string"]])
def test_object_without_selected_properties_is_empty(kinds: list[str]) -> None:
    address = {"type": kinds, "properties": {"city": {"type": ["string"]}, "zip": {"type": ["string"]}}}
    schema = {"type": "object", "properties": {"tenant_id": {"type": "string"}, "address": address}}
    paths = ("address/properties/city", "address/properties/zip")

    both = both_paths(schema, [{"address": {"city": "Reno", "zip": "1"}}], **dict.fromkeys(paths, False))

    for (line,) in both:
        assert line == '{"type":"RECORD","stream":"bookings","record":{"tenant_id":"1001","address":{}}'


def test_tenant_id_is_that_of_the_request_even_if_a_record_has_another() -> None:
    schema = {"properties": {"tenant_id": {"type": "string"}, "id": {"type": ["integer"]}}}

    fast, slow = both_paths(schema, [{"tenant_id": "9", "id": 1}, {"id": "x", "tenant_id": "9"}])

    assert fast == slow
    assert [json.loads(line + "}")["record"]["tenant_id"] for line in fast] == ["1001", "1001"]


def test_selection_of_nested_properties_is_the_same_on_both_paths() -> None:
    address = {"type": ["object", "null"], "properties": {"city": {"type": ["string"]}, "zip": {"type": ["string"]}}}
    schema = {
        "type": "object",
        "properties": {"tenant_id": {"type": "string"}, "a": {"type": ["integer"]}, "address": address},
    }

    fast, slow = both_paths(
        schema, [{"a": 1, "address": {"city": "Reno", "zip": "1"}}], a=False, **{"address/properties/zip": False}
    )

    assert (
        fast == slow == ['{"type":"RECORD","stream":"bookings","record":{"tenant_id":"1001","address":{"city":"Reno"}}']
    )


@pytest.mark.parametrize(
    "way", [{"stream_maps": {"bookings": {"name": "name"}}}, {"flattening_enabled": True, "flattening_max_depth": 1}]
)
def test_stream_maps_and_flattening_write_every_record(tap: Tap, simulator: Simulator, way: dict[str, Any]) -> None:
    run = tap(config_of(simulator, **way), catalog=selecting("bookings"))

    assert run.code == 0
    assert [record["id"] for record in run.records("bookings")] == [
        record["id"] for record in simulator.records("bookings")
    ]
    if "flattening_enabled" in way:
        cities = [(record["address"] or {}).get("city") for record in simulator.records("bookings")]
        assert [record.get("address__city") for record in run.records("bookings")] == cities

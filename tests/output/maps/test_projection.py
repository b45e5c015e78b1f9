"""Maps without expressions and flattening write the same bytes from structs as the SDK makes of dicts."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from helpers.record_paths import OBJECTS, fitting, lines_of, stream_of, wrong_cases
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import MapExpressionError

from tap_servicetitan.output.maps.record_map import RecordMap
from tap_servicetitan.streams.base import EndpointStream

ANY_EXAMPLE = settings(max_examples=150, deadline=None, derandomize=True)
ADDED = ("qqqqqq", "zzzzzz", "wwwwww")
"""Names of new fields, which are like no other."""

ADDRESS = {
    "type": ["object", "null"],
    "properties": {"city": {"type": ["string"]}, "zip": {"type": ["string", "null"]}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tenant_id": {"type": "string"},
        "id": {"type": "integer"},
        "name": {"type": ["string", "null"]},
        "address": ADDRESS,
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
        "active": {"type": ["boolean", "null"]},
    },
}
RECORD = {"id": 1, "name": "Zoë", "address": {"city": "Reno", "zip": None}, "tags": ["a\x7f", "é"], "active": True}


@st.composite
def flattening(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "flattening_enabled": True,
        "flattening_max_depth": draw(st.integers(0, 3)),
        "flattening_separator": draw(st.sampled_from(["__", "_", "."])),
        "flattening_max_key_length": draw(st.sampled_from([255, 8])),
    }


@st.composite
def definitions(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    """The definition of a map of a stream."""
    names = [name for name in schema["properties"] if name.isidentifier() and name != "class"]
    values = st.sampled_from(
        [None, "'x'", "7", "1.5", "True", "None", "'é\\n'", *names, *(f"md5({name})" for name in names), "sha256(self)"]
    )
    chosen = draw(st.dictionaries(st.sampled_from([*schema["properties"], *ADDED]), values, max_size=4))
    keeps_key = {name: value for name, value in chosen.items() if name != "tenant_id" or value is not None}
    sound = {
        name: value for name, value in keeps_key.items() if name not in ADDED or value not in (None, "sha256(self)")
    }
    return {
        **draw(st.sampled_from([{}, {"__else__": None, "tenant_id": "tenant_id"}, {"__alias__": "other"}])),
        **sound,
    }


@st.composite
def mapped_cases(
    draw: st.DrawFn, *, wrong: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    if wrong:
        schema, records = draw(wrong_cases())
    else:
        schema = draw(OBJECTS)
        records = draw(st.lists(fitting(schema), min_size=1, max_size=3))
    maps: dict[str, Any] = {"bookings": draw(definitions(schema))}
    if draw(st.booleans()):
        maps["copy"] = {"__source__": "bookings", **draw(definitions(schema))}
        maps["copy"].pop("__alias__", None)
    flattened = draw(flattening()) if draw(st.booleans()) else {}
    return schema, records, {"stream_maps": maps, **flattened}


def lines_or_error(stream: EndpointStream, records: list[dict[str, Any]], *, slow: bool) -> list[str] | str:
    try:
        return lines_of(stream, records, slow=slow)
    except MapExpressionError as error:
        return str(error)


def same_on_both_paths(schema: dict[str, Any], records: list[dict[str, Any]], config: dict[str, Any]) -> None:
    try:
        stream = stream_of(schema, deepcopy(config))
    except ValueError as refused:
        assert "Duplicate column name" in str(refused)  # noqa: PT017 -- the SDK refuses such a schema
        reject()
    fast, slow = (lines_or_error(stream, records, slow=slow) for slow in (False, True))
    assert fast == slow


@ANY_EXAMPLE
@given(
    OBJECTS.flatmap(lambda schema: st.tuples(st.just(schema), st.lists(fitting(schema), min_size=1, max_size=3))),
    flattening(),
)
def test_flattened_records_are_the_sdks(
    case: tuple[dict[str, Any], list[dict[str, Any]]], config: dict[str, Any]
) -> None:
    same_on_both_paths(*case, config)


@ANY_EXAMPLE
@given(wrong_cases(), flattening())
def test_flattened_records_that_do_not_fit_are_the_sdks(
    case: tuple[dict[str, Any], list[dict[str, Any]]], config: dict[str, Any]
) -> None:
    same_on_both_paths(*case, config)


@ANY_EXAMPLE
@given(mapped_cases())
def test_mapped_records_are_the_sdks(case: tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]) -> None:
    same_on_both_paths(*case)


@ANY_EXAMPLE
@given(mapped_cases(wrong=True))
def test_mapped_records_that_do_not_fit_are_the_sdks(
    case: tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]],
) -> None:
    same_on_both_paths(*case)


FLAT = {"flattening_enabled": True, "flattening_max_depth": 1}


@pytest.mark.parametrize(
    ("config", "record"),
    [
        (FLAT, RECORD),
        (FLAT, {**RECORD, "address": None}),
        ({"stream_maps": {"bookings": {"name": None}}}, {}),
        ({"stream_maps": {"bookings": {"__else__": None, "tenant_id": "tenant_id", "kind": "name"}}}, {}),
        ({"stream_maps": {"bookings": {"kind": "name", "name": None}}}, {}),
        ({"stream_maps": {"bookings": {"__alias__": "others", "origin": "'x'", "active": "True"}}}, RECORD),
        ({"stream_maps": {"bookings": {"name": "md5(self)", "copy": "address", "hash": "sha256(name)"}}}, RECORD),
        ({"stream_maps": {"copies": {"__source__": "bookings", "name": None}}}, RECORD),
        ({**FLAT, "stream_maps": {"bookings": {"place": "address", "labels": "tags", "tags": None}}}, RECORD),
    ],
)
def test_simple_maps_and_flattening_do_without_the_sdk(
    config: dict[str, Any], record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(SCHEMA, deepcopy(config))
    expected = lines_of(stream, [record], slow=True)

    def refused(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(RecordMap, "__call__", refused)

    assert lines_of(stream, [record], slow=False) == expected


@pytest.mark.parametrize("tag", ["\x7f", "\u2028", '\x1f\t"\\/', "💧"])
def test_text_of_an_array_that_is_flattened_has_the_sdks_escapes(tag: str) -> None:
    stream = stream_of(SCHEMA, FLAT)
    record = {**RECORD, "tags": [tag]}

    assert lines_of(stream, [record], slow=False) == lines_of(stream, [record], slow=True)


def test_null_object_whose_name_begins_another_fields_name_is_left_to_the_sdk() -> None:
    schema = deepcopy(SCHEMA)
    schema["properties"]["address_note"] = {"type": ["string", "null"]}
    stream = stream_of(schema, {**FLAT, "flattening_separator": "_"})
    record = {**RECORD, "address": None}

    assert lines_of(stream, [record], slow=False) == lines_of(stream, [record], slow=True)


def test_null_object_that_is_flattened_stands_in_its_place() -> None:
    (line,) = lines_of(stream_of(SCHEMA, FLAT), [{**RECORD, "address": None}], slow=True)

    assert '"address__city":null,"address__zip":null,"tags"' in line


@pytest.mark.parametrize("slow", [False, True])
def test_field_that_is_renamed_and_absent_is_null(slow: bool) -> None:  # noqa: FBT001 -- pytest's parameter
    stream = stream_of(SCHEMA, {"stream_maps": {"bookings": {"kind": "name", "name": None}}})

    (line,) = lines_of(stream, [{"id": 1}], slow=slow)

    assert line.endswith('"record":{"tenant_id":"1001","id":1,"kind":null}')


def test_list_that_is_copied_and_flattened_is_text_in_schema_too() -> None:
    stream = stream_of(SCHEMA, {**FLAT, "stream_maps": {"bookings": {"labels": "tags", "place": "address"}}})

    fields = stream.stream_maps[0].transformed_schema["properties"]
    assert fields["labels"] == fields["tags"] == {"type": ["string", "null"]}
    assert "place__city" in fields
    assert "place" not in fields

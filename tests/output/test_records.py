"""From a page of JSON to RECORD lines: the fast path and the slow one, exactly alike."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import datetime
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.record_paths import (
    ANYTHING,
    NAMES,
    SCALARS,
    both_paths,
    cases,
    nullable,
    shape_of,
    stream_of,
    without_nul,
    written,
    wrong_cases,
)
from helpers.support import Tap, config_of, selecting
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib.encoding.simple import RecordMessage

from tap_servicetitan.output.decoder import Decoder, FeedPage
from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.output.record_types import record_type
from tap_servicetitan.output.violations import MAX_UNKNOWN_LOGGED, SchemaViolations
from tap_servicetitan.output.writers import PageWriter
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.base import EndpointStream


@settings(max_examples=200, deadline=None, derandomize=True)
@given(cases())
def test_both_paths_write_the_same_bytes(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    fast, slow = both_paths(*case)

    assert fast == slow
    assert len(fast) == len(case[1])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(wrong_cases())
def test_both_paths_write_the_same_bytes_of_records_that_do_not_fit(
    case: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    fast, slow = both_paths(*case)

    assert fast == slow
    assert len(fast) == len(case[1])


FLAT = st.dictionaries(NAMES, st.one_of(*(nullable(kind) for kind in [*SCALARS, "array", "object"])), min_size=1)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(FLAT, st.data())
def test_no_value_is_lost_whatever_its_type(properties: dict[str, Any], data: st.DataObject) -> None:
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
def test_a_boolean_is_made_of_0_and_1_alone(sent: Any, kept: Any) -> None:
    flags = {"type": ["array"], "items": {"type": ["boolean"]}}
    schema = {"properties": {"tenant_id": {"type": "string"}, "flag": {"type": ["boolean", "null"]}, "flags": flags}}

    fast, slow = both_paths(schema, [{"flag": sent, "flags": [sent]}])

    assert fast == slow
    assert repr(json.loads(fast[0] + "}", parse_float=Decimal)["record"]["flag"]) == repr(kept)
    assert repr(json.loads(fast[0] + "}", parse_float=Decimal)["record"]["flags"]) == repr([kept])


@pytest.mark.parametrize("kinds", [["object"], ["object", "string"]])
def test_an_object_of_which_no_property_is_selected_shows_none(kinds: list[str]) -> None:
    address = {"type": kinds, "properties": {"city": {"type": ["string"]}, "zip": {"type": ["string"]}}}
    schema = {"type": "object", "properties": {"tenant_id": {"type": "string"}, "address": address}}
    paths = ("address/properties/city", "address/properties/zip")

    both = both_paths(schema, [{"address": {"city": "Reno", "zip": "1"}}], **dict.fromkeys(paths, False))

    for (line,) in both:
        assert line == '{"type":"RECORD","stream":"bookings","record":{"tenant_id":"1001","address":{}}'


def test_the_tenant_is_the_one_that_was_asked_whatever_a_record_says() -> None:
    schema = {"properties": {"tenant_id": {"type": "string"}, "id": {"type": ["integer"]}}}

    fast, slow = both_paths(schema, [{"tenant_id": "9", "id": 1}, {"id": "x", "tenant_id": "9"}])

    assert fast == slow
    assert [json.loads(line + "}")["record"]["tenant_id"] for line in fast] == ["1001", "1001"]


def test_selection_is_the_same_on_both_paths_down_to_nested_properties() -> None:
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
    "number", ["12.10", "0.1", "3", "-0.0", "1234567890.1234567890123456789", "9223372036854775808", "1E+400"]
)
def test_numbers_survive_unchanged(number: str) -> None:
    struct = record_type({"properties": {"price": {"type": ["number", "null"]}}})
    body = b'{"data":[{"price":%s}],"hasMore":false}' % number.encode()

    page = Decoder(FeedPage, struct, SchemaViolations("x", logging.getLogger()))(body)

    assert msgspec.json.Encoder(decimal_format="number").encode(page.data[0]) == b'{"price":%s}' % number.encode()


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_refused(literal: str) -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger()))

    with pytest.raises(msgspec.DecodeError):
        decode(b'{"data":[{"price":%s}],"hasMore":false}' % literal.encode())


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\udc00"', "\ufffd"),
        (rb'"\ud83d\udca7"', "\U0001f4a7"),
        (rb'"\ud83d\udca7 \ud800"', "\U0001f4a7 \ufffd"),
        (rb'"\\ud800 \udc00"', "\\ud800 \ufffd"),
        (rb'"\\ud83d\udc00"', "\\ud83d\ufffd"),
        (rb'"\ud800\ud83d\udca7\udca7"', "\ufffd\U0001f4a7\ufffd"),
        (b'"caf\xe9"', "caf\ufffd"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"\\u0000"', "\\u0000"),
        (rb'"\\\u0000\ud800"', "\\\ufffd\ufffd"),
    ],
)
def test_text_that_is_not_unicode_costs_a_character_and_not_the_page(
    sent: bytes, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger("tests")))

    page = decode(b'{"data":[{"name":%s}],"hasMore":false}' % sent)

    assert page.data == [{"name": written}]
    assert ("replaced by U+FFFD" in caplog.text) == ("\ufffd" in written)


def test_a_page_that_is_cut_is_not_mended() -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger()))

    with pytest.raises(msgspec.DecodeError):
        decode(b'{"data":[{"name":"\\ud800')


SECRET = "4111-1111"
WRONG: list[Any] = [SECRET, 17.5, True, [SECRET], {"x": SECRET}, None]


@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "array", "object"])
def test_a_misfit_is_told_once_with_its_type_and_never_its_value(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    inner = {"type": [kind], "items": {"type": ["integer"]}, "properties": {"x": {"type": ["integer"]}}}
    struct = record_type({"properties": {"field": inner}})
    violations = SchemaViolations("bookings", logging.getLogger("tests"))
    decode: Decoder[Any] = Decoder(FeedPage, struct, violations)
    records = [{"field": value} for value in WRONG] * 2

    page = decode(json.dumps({"data": records, "hasMore": False}).encode())
    violations.summary()

    assert [msgspec.to_builtins(record) for record in page.data if isinstance(record, dict)]
    assert len(page.data) == len(records)
    assert SECRET not in caplog.text
    logged = [record.message for record in caplog.records if "Such values are written" in record.message]
    assert len(logged) == len({message.split(" in ")[-1] for message in logged})
    assert sum(violations.count.values()) == sum(isinstance(record, dict) for record in page.data)


@pytest.fixture(params=["lines", "maps", "batch"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings that lead to one of the paths."""
    storage = {"root": f"file://{tmp_path}/batches"}
    ways: dict[str, dict[str, Any]] = {
        "lines": {},
        "maps": {"stream_maps": {"bookings": {"name": "name"}}},
        "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage}},
    }
    return ways[request.param]


def with_property(name: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    """A catalog in which a property of bookings is another, or none."""
    chosen = selecting("bookings")
    (entry,) = [entry for entry in chosen["streams"] if entry["tap_stream_id"] == "bookings"]
    entry["schema"]["properties"][name] = schema
    if schema is None:
        del entry["schema"]["properties"][name]
    return chosen


def test_a_record_that_does_not_fit_is_written_as_it_came_and_counted(
    tap: Tap, simulator: Simulator, path: dict[str, Any]
) -> None:
    run = tap(config_of(simulator, **path), catalog=with_property("status", {"type": ["integer", "null"]}))

    assert run.code == 0
    written = run.records("bookings") or run.batched("bookings")
    assert [(record["id"], record["status"]) for record in written] == [
        (record["id"], record["status"]) for record in simulator.records("bookings")
    ]
    assert len(run.lines_with("expected `int | null`, got `str` in status")) == 1
    assert f"{len(written)} records do not fit the schema in status." in run.log


def test_a_field_that_the_catalog_lacks_is_told_once(tap: Tap, simulator: Simulator, path: dict[str, Any]) -> None:
    run = tap(config_of(simulator, **path), catalog=with_property("status", None))

    assert run.code == 0
    written = run.records("bookings") or run.batched("bookings")
    assert [record["id"] for record in written] == [record["id"] for record in simulator.records("bookings")]
    assert not any("status" in record for record in written)
    (line,) = run.lines_with("fields that the catalog lacks are ignored")
    assert (
        "Stream bookings: fields that the catalog lacks are ignored: status. To have them, set unknown_fields: keep, or "
        in line
    )


GROWING: list[tuple[list[dict[str, Any]], str]] = [
    ([{"id": 1}], ""),
    ([{"id": 2}, {"id": 3, "new": 4}, {"id": 4, "new": [5], "newer": {"x": 6}}], "new, newer"),
    ([{"id": 5, "newer": 7, "inner": {"a": 8}}], ""),
    ([{"id": 6, "inner": {"deep": 9}}, {"id": 7, "new": 1, "list": [{"b": 1}, {"b": 2, "deep": {}}]}], "inner.deep, list.deep"),
    ([{"id": "misnamed", "newest": 1, "new": 2}], "newest"),
    ([{"id": 8, "later": 1}], ""),
    ([{"id": 9}], ""),
    ([{"id": 10, "newest": None, "list": [{"deep": 1, "c": 1}]}, {"id": 11, "last": 1}], "list.c, last"),
]  # fmt: skip
GROWN = {
    "properties": {
        "tenant_id": {"type": "string"},
        "id": {"type": ["integer"]},
        "inner": {"type": "object", "properties": {"a": {"type": ["integer"]}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": ["integer"]}}}},
    }
}


def reading(stream: EndpointStream) -> tuple[Decoder[Any], PageWriter]:
    """How a stream reads and writes its pages."""
    shape = shape_of(stream)
    return shape.decoder(FeedPage), shape.writer("1001")


def test_unknown_fields_are_logged_once_each_from_the_first_page_that_has_some_then_from_pages_2_4_8(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decode, writer = reading(stream_of(GROWN))
    logged: list[str] = []
    for page, _ in GROWING:
        caplog.clear()
        read = decode(json.dumps({"data": page, "hasMore": False}).encode()).data
        lines = written(writer, read)

        logged.append(", ".join(re.findall("ignored: (.*)\\. To have them", caplog.text)))
        assert [json.loads(line + "}")["record"] for line in lines] == [pruned(record) for record in page]
    assert [set(each.split(", ")) for each in logged] == [set(news.split(", ")) for _, news in GROWING]


def pruned(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the fields that the schema lacks."""
    pruned: dict[str, Any] = {"tenant_id": "1001", "id": record["id"]}
    if "inner" in record:
        pruned["inner"] = {key: value for key, value in record["inner"].items() if key == "a"}
    if "list" in record:
        pruned["list"] = [{key: value for key, value in item.items() if key == "b"} for item in record["list"]]
    return pruned


@pytest.mark.parametrize("others", [{}, {"gone": {"type": ["integer"]}}])
def test_fields_that_are_deselected_are_not_unknown(others: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    schema = {"properties": {"tenant_id": {"type": "string"}, "id": {"type": ["integer"]}, **others}}
    decode, _ = reading(stream_of(schema, **dict.fromkeys(others, False)))
    page = json.dumps(
        {"data": [{"id": 1, "new": 1}, {"id": 2, **dict.fromkeys(others, 1), "newer": 2}], "hasMore": False}
    )

    read = [decode(page.encode()).data for _ in range(2)]

    assert re.findall("ignored: (.*)\\. To have them", caplog.text) == ["new, newer"]
    assert [[record.f1 for record in page] for page in read] == [[1, 2]] * 2


def test_a_field_that_comes_twice_in_a_record_is_read_whichever_of_them_counts() -> None:
    decode, _ = reading(stream_of(GROWN))

    (record,) = decode(b'{"data":[{"id":1,"inner":{"new":1},"inner":{"a":2}}],"hasMore":false}').data

    assert record.f2.f0 == 2


def test_unknown_fields_whose_names_never_end_are_logged_in_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    decode, _ = reading(stream_of(GROWN))

    for number in range(20):
        page = {"data": [{"id": number, f"name{number}_{n}": 1} for n in range(20)], "hasMore": False}
        assert [record.f1 for record in decode(json.dumps(page).encode()).data] == [number] * 20

    logged = re.findall("ignored: (.*?)\\. To have them", caplog.text)
    assert len(re.findall("name[0-9]+_", "".join(logged))) == MAX_UNKNOWN_LOGGED
    assert len(re.findall("ignored: ", caplog.text)) < 6


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nFORGED \x1b[31m", "", "x" * 1000, "Ä\u202e"])
def test_unknown_field_of_any_name_is_logged_on_one_line_and_ends_nothing(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for slow in (False, True):
        caplog.clear()
        shape = shape_of(stream_of(GROWN), slow=slow)
        body = json.dumps({"data": [{"id": 1, name: 2, "inner": {name: 3}}], "hasMore": False}).encode()

        for _ in range(2):
            lines = written(shape.writer("1001"), shape.decoder(FeedPage)(body).data)

        assert [json.loads(line + "}")["record"] for line in lines] == [{"tenant_id": "1001", "id": 1, "inner": {}}]
        (message,) = [record.getMessage() for record in caplog.records]
        assert "are ignored" in message
        assert message.isprintable()
        assert len(message) < 500


def test_threads_that_read_pages_of_a_stream_at_once_tell_each_field_once_and_count_every_misfit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = stream_of(GROWN)
    decode, _ = reading(stream)
    pages = [
        json.dumps({"data": [{"id": 1, f"new{n % 7}": 1}, {"id": "x"}, {"id": 2}], "hasMore": False})
        for n in range(200)
    ]

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda page: decode(page.encode()).data, pages))

    assert [len(page) for page in read] == [3] * 200
    assert sorted(re.findall("ignored: (.*)\\. To have them", caplog.text)) == [f"new{n}" for n in range(7)]
    assert stream.violations.count == {"id": 200}
    assert caplog.text.count("Such values are written") == 1


@pytest.mark.parametrize(
    "way", [{"stream_maps": {"bookings": {"name": "name"}}}, {"flattening_enabled": True, "flattening_max_depth": 1}]
)
def test_maps_and_flattening_take_the_sdks_road(tap: Tap, simulator: Simulator, way: dict[str, Any]) -> None:
    run = tap(config_of(simulator, **way), catalog=selecting("bookings"))

    assert run.code == 0
    assert [record["id"] for record in run.records("bookings")] == [
        record["id"] for record in simulator.records("bookings")
    ]
    if "flattening_enabled" in way:
        cities = [(record["address"] or {}).get("city") for record in simulator.records("bookings")]
        assert [record.get("address__city") for record in run.records("bookings")] == cities


def test_the_writer_counts_what_it_writes() -> None:
    writer = MessageWriter()
    message = RecordMessage(stream="x", record={"price": Decimal("12.10"), "nothing": None})
    output = TextIOWrapper(BytesIO(), encoding="utf-8")

    with redirect_stdout(output):
        writer.write_message(message)

    line = output.buffer.getvalue()
    assert line == b'{"type":"RECORD","stream":"x","record":{"price":12.10,"nothing":null}}\n'
    assert writer.bytes_written == len(line)
    assert writer.state_bytes == 0


def test_every_record_says_when_it_was_extracted(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator), catalog=selecting("bookings"))

    assert all(extracted(run.of_type("RECORD")))


def extracted(messages: list[dict[str, Any]]) -> Iterator[bool]:
    for message in messages:
        yield datetime.fromisoformat(message["time_extracted"]).tzinfo is not None

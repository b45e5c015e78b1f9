"""Fields that the catalog lacks: ignored, and logged once each."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers.record_paths import (
    shape_of,
    stream_of,
    written,
)

from tap_servicetitan.output.decoder import Decoder, FeedPage
from tap_servicetitan.output.violations import MAX_UNKNOWN_LOGGED
from tap_servicetitan.output.writers import PageWriter
from tap_servicetitan.streams.base import EndpointStream

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


def test_field_that_a_record_has_twice_has_its_last_value() -> None:
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


def test_threads_that_read_pages_of_a_stream_log_each_field_once_and_count_every_violation(
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

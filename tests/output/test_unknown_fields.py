"""Fields that the schema lacks: kept in their column on every path, or reported with a remedy that works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from helpers.record_paths import (
    ANYTHING,
    NAMES,
    both_paths,
    cases,
    shape_of,
    stream_of,
    without_nul,
    written,
    wrong_cases,
)
from helpers.support import Tap, config_of, selecting
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.output.kept_fields import MAX_FIELDS
from tap_servicetitan.output.unknown_fields import COLUMN, COLUMN_SCHEMA
from tap_servicetitan.simulator import Simulator

ADDRESS = {"type": ["object", "null"], "properties": {"city": {"type": ["string"]}, "zip": {"type": ["string"]}}}
LINES = {"type": ["array", "null"], "items": {"type": "object", "properties": {"sku": {"type": ["string"]}}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tenant_id": {"type": "string"},
        "id": {"type": ["integer"]},
        "gone": {"type": ["integer", "null"]},
        "address": ADDRESS,
        "lines": LINES,
        COLUMN: COLUMN_SCHEMA,
    },
}


def keeping(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], COLUMN: COLUMN_SCHEMA}}


def record_of(line: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(line + "}", parse_float=Decimal)["record"]
    return record


def read(bodies: list[bytes], *, slow: bool, **selection: bool) -> list[list[dict[str, Any]]]:
    """Read pages with one decoder, and return the records that are written of each."""
    shape = shape_of(stream_of(SCHEMA, **selection), slow=slow)
    decode, writer = shape.decoder(FeedPage), shape.writer("1001")
    return [list(map(record_of, written(writer, decode(body).data))) for body in bodies]


def page(*records: dict[str, Any]) -> bytes:
    return json.dumps({"data": records, "hasMore": False}).encode()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases() | wrong_cases(), st.data())
def test_kept_fields_are_the_same_bytes_on_both_paths(
    case: tuple[dict[str, Any], list[dict[str, Any]]], data: st.DataObject
) -> None:
    schema, records = case
    others = st.dictionaries(NAMES | st.sampled_from(['a"b', "", "x\ny", "later"]), ANYTHING, max_size=3)
    records = [{**data.draw(others), **record} for record in records]

    fast, slow = both_paths(keeping(schema), records)

    assert fast == slow
    for line, record in zip(fast, records, strict=True):
        unknown = {name: value for name, value in record.items() if name not in schema["properties"]}
        assert record_of(line).get(COLUMN, {}) == without_nul(unknown)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("selection", [{}, {"gone": False, "address/properties/zip": False}])
def test_field_is_kept_from_the_page_on_that_shows_it_first(slow: bool, selection: dict[str, bool]) -> None:  # noqa: FBT001 -- a parameter of the test
    plain = {"id": 1, "gone": 2, "address": {"city": "Reno", "zip": "1"}, "lines": [{"sku": "a"}]}
    newer = {
        "id": 3, "new": [{"x": 1.10}], "gone": 2, "address": {"age": {"y": 1}, "city": "Reno", "zip": "1"},
        "lines": [{"sku": "a"}, {"late": None, "sku": "b"}],
    }  # fmt: skip
    shown = {} if selection else {"gone": 2}
    inner = {"city": "Reno"} if selection else {"city": "Reno", "zip": "1"}

    pages = read([*[page(plain)] * 6, page(plain, newer), page({**newer, "other": True})], slow=slow, **selection)

    assert pages[0] == [{"tenant_id": "1001", "id": 1, **shown, "address": inner, "lines": [{"sku": "a"}]}]
    expected = {
        "tenant_id": "1001", "id": 3, **shown, "address": {**inner, "age": {"y": 1}},
        "lines": [{"sku": "a"}, {"sku": "b", "late": None}], COLUMN: {"new": [{"x": Decimal("1.1")}]},
    }  # fmt: skip
    assert pages[6] == [*pages[0], expected]
    assert pages[7] == [{**expected, COLUMN: {"new": [{"x": Decimal("1.1")}], "other": True}}]
    assert list(pages[6][1]) == list(expected)


def test_fields_without_number_are_kept() -> None:
    records = [{"id": n, f"name{n}": n, f"other{n}": {"a": n}} for n in range(MAX_FIELDS)]

    fast, slow = (read([page(*records[:9]), page(*records)], slow=slow) for slow in (False, True))

    assert fast == slow
    assert [record[COLUMN] for record in fast[1]] == [{f"name{n}": n, f"other{n}": {"a": n}} for n in range(MAX_FIELDS)]


def test_inside_a_deselected_object_nothing_is_kept() -> None:
    for slow in (False, True):
        ((record,),) = read([page({"id": 1, "address": {"new": 1}})], slow=slow, address=False)
        assert record == {"tenant_id": "1001", "id": 1}


def test_threads_that_read_at_once_lose_no_field() -> None:
    shape = shape_of(stream_of(SCHEMA))
    decode = shape.decoder(FeedPage)
    bodies = [page({"id": n, f"new{n % 9}": n}, {"id": n, "lines": [{f"deep{n % 5}": n}]}) for n in range(300)]

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda body: decode(body).data, bodies))

    for n, records in enumerate(pages):
        first, second = map(record_of, written(shape.writer("1001"), records))
        assert first[COLUMN] == {f"new{n % 9}": n}
        assert second["lines"] == [{f"deep{n % 5}": n}]


def test_kept_fields_are_logged_once_and_not_as_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    read([page({"id": 1, "new": 1, "lines": [{"late": 1}]})] * 3, slow=False)

    assert [record.getMessage() for record in caplog.records] == [
        "Stream bookings: fields that the catalog lacks are kept: lines.late, new."
    ]


PATHS: dict[str, dict[str, Any]] = {
    "lines": {},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 2},
    "mapped": {"stream_maps": {"bookings": {"more": "id"}}},
    "mapped and flattened": {
        "stream_maps": {"bookings": {"more": "id"}}, "flattening_enabled": True, "flattening_max_depth": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("path", [*PATHS, "batch"])
def test_keep_loses_no_field_on_any_path(tap: Tap, simulator: Simulator, path: str, tmp_path: Any) -> None:
    batch = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": tmp_path.as_uri()}}
    options = {"batch_config": batch} if path == "batch" else PATHS[path]
    catalog = selecting("bookings")
    (bookings,) = (one for one in catalog["streams"] if one["tap_stream_id"] == "bookings")
    for name in ("status", "source"):
        del bookings["schema"]["properties"][name]
    del bookings["schema"]["properties"]["address"]["properties"]["city"]

    run = tap(config_of(simulator, unknown_fields="keep", **options), catalog=catalog)

    assert run.code == 0
    (schema,) = run.of_type("SCHEMA")
    assert COLUMN in schema["schema"]["properties"]
    found = run.records("bookings") or run.batched("bookings")
    for record, sent in zip(found, simulator.records("bookings"), strict=True):
        assert record.keys() <= schema["schema"]["properties"].keys()
        kept = record[COLUMN] if isinstance(record[COLUMN], dict) else json.loads(record[COLUMN])
        city = (sent["address"] or {}).get("city")
        assert {name: kept[name] for name in ("source", "status")} == {
            name: sent[name] for name in ("source", "status")
        }
        assert (
            kept.get("address__city") == city
            if "flattening_enabled" in options
            else record["address"] == sent["address"]
        )
    assert not run.lines_with("are ignored")


def test_discovery_has_the_column_only_if_fields_are_kept(tap: Tap, simulator: Simulator) -> None:
    for value, has in (("keep", True), ("warn", False)):
        catalog = json.loads(tap(config_of(simulator, unknown_fields=value), "--discover").stdout)
        assert {COLUMN in one["schema"]["properties"] for one in catalog["streams"]} == {has}


SENT = {
    "text": "a", "whole": 1, "part": 1.5, "flag": True, "nothing": None, "object": {"a": 1}, "list": [1], "objects": [{"a": 1}],
}  # fmt: skip


def extra_of(log: str) -> dict[str, dict[str, Any]]:
    """Return the last ``schema`` extra in a log."""
    extra: dict[str, dict[str, Any]] = json.loads(
        re.findall(r"add to the extractor: schema: (\{.*\})$", log, re.MULTILINE)[-1]
    )
    return extra


@pytest.mark.parametrize("slow", [False, True])
def test_remedy_that_is_logged_brings_the_fields(
    slow: bool,  # noqa: FBT001 -- a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    without: dict[str, Any] = {
        "properties": {name: SCHEMA["properties"][name] for name in ("tenant_id", "id", "gone", "address", "lines")}
    }
    sent = {"id": 1, "address": {"city": "Reno", "new": 1}, "lines": [{"sku": "a", "new": [{}]}], **SENT}
    body = page({"id": 1}, sent, {"id": 2, **dict.fromkeys(SENT), "whole": 2.5})
    shape = shape_of(stream_of(without), slow=slow)
    before = written(shape.writer("1001"), shape.decoder(FeedPage)(body).data)
    assert not SENT.keys() & record_of(before[1]).keys()

    (columns,) = extra_of(caplog.text).values()

    assert {name: column["type"][0] for name, column in columns.items()} == {
        "text": "string", "whole": "number", "part": "number", "flag": "boolean", "nothing": "string",
        "object": "object", "list": "array", "objects": "array", "address": "object", "lines": "array",
    }  # fmt: skip
    caplog.clear()
    pasted: dict[str, Any] = {"properties": {**without["properties"], **columns}}
    shape = shape_of(stream_of(pasted), slow=slow)
    after = written(shape.writer("1001"), shape.decoder(FeedPage)(body).data)
    assert record_of(after[1]) == {"tenant_id": "1001", **sent, "part": Decimal("1.5")}
    assert not caplog.text


def test_names_that_meltano_cannot_add_are_not_in_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    without: dict[str, Any] = {"properties": {"tenant_id": {"type": "string"}}}
    decode: Callable[[bytes], Any] = shape_of(stream_of(without)).decoder(FeedPage)

    decode(page({"a b": 1, "plain": 1, "x" * 100: 1}))

    assert extra_of(caplog.text) == {"bookings": {"plain": {"type": ["integer", "null"]}}}

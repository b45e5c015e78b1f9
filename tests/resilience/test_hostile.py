"""Malformed data, STATE and catalogs: each is written, skipped with a log line, or an error in one line."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, feed, http
from helpers.support import Output, Tap, config_of, days_ago, run_here, selecting
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib import Catalog

from tap_servicetitan import input_catalog
from tap_servicetitan.dates import format_api_date
from tap_servicetitan.errors import CatalogError, StateError
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.state import bookmarks
from tap_servicetitan.streams.state.state_migration import normalize_state

WRITERS = ["fast", "slow", "batch"]


def served(answers: Callable[[str], bytes], *streams: str, writer: str = "fast", root: Path | None = None) -> Output:
    """Run the tap against a server that returns an answer for each path."""
    settings: dict[str, dict[str, Any]] = {
        "fast": {},
        "slow": {"stream_maps": {stream: {"mapped": "'yes'"} for stream in streams}},
        "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": f"file://{root}"}}},
    }  # fmt: skip
    with RawServer(answers).listening() as config:
        return run_here({**config, "requests_per_second": 10_000, **settings[writer]}, *streams)


def written_records(run: Output, stream: str) -> list[dict[str, Any]]:
    """Return the records as the API sent them, with exact numbers."""
    lines = [json.loads(line, parse_float=Decimal) for line in run.stdout.split("\n")[:-1]]
    records = [line["record"] for line in lines if line["type"] == "RECORD"] + run.batched(stream)
    return [{key: value for key, value in record.items() if key not in {"tenant_id", "mapped"}} for record in records]


TEXT = "\x01\x1f\x7f\u2028\ufeff\u202e \U0001f4a7 \"'\\ Ünïcödé"
AS_SENT: dict[str, str] = {
    "unicode and control characters": json.dumps({"id": 1, "name": TEXT}),
    "an undocumented enum value": '{"id": 1, "type": "Martian"}',
    "ids beyond 64 bits": f'{{"id": {2**64}, "mergedToId": {10**30}}}',
    "seven digits of a second": '{"id": 1, "modifiedOn": "2025-01-01T00:00:00.1234567Z"}',
    "no digits of a second": '{"id": 1, "modifiedOn": "2025-01-01T00:00:00"}',
    "a date alone": '{"id": 1, "modifiedOn": "2025-01-01"}',
    "the first of all dates, which .NET sends for none": '{"id": 1, "modifiedOn": "0001-01-01T00:00:00"}',
    "a date before the first of all dates": '{"id": 1, "modifiedOn": "0001-01-01T00:00:00+14:00"}',
    "the last of all dates": '{"id": 1, "modifiedOn": "9999-12-31T23:59:59.9999999-12:00"}',
    "null in every nullable field": '{"id": 1, "name": null, "balance": null, "modifiedOn": null, "customFields": null}',
    "nothing but the key": '{"id": 1}',
}
REPORTED: dict[str, tuple[str, dict[str, Any], str]] = {
    "null in place of a key": ('{"id": null, "name": "x"}', {"id": None, "name": "x"}, "expected `int`, got `null` in id"),
    "no key": ('{"name": "x"}', {"name": "x"}, "object missing required field `id`"),
    "text in place of a key": ('{"id": "7"}', {"id": "7"}, "expected `int`, got `str` in id"),
    "no record at all": ("{}", {}, "object missing required field `id`"),
    "a number in place of a date": ('{"id": 1, "modifiedOn": 5}', {"id": 1, "modifiedOn": "5"}, "got `int` in modifiedOn"),
    "a number beyond every decimal": (
        '{"id": 1, "balance": 1e1000000000000000000}', {"id": 1, "balance": "1e1000000000000000000"}, "exponent is too large in the record"),
    "NUL": ('{"id": 1, "name": "a\\u0000"}', {"id": 1, "name": "a\ufffd"}, "NUL characters"),
    "half a character": ('{"id": 1, "name": "a\\ud800"}', {"id": 1, "name": "a\ufffd"}, "not Unicode, replaced by U+FFFD"),
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
def test_values_that_the_schema_allows_are_written_unchanged(writer: str, tmp_path: Path) -> None:
    run = served(
        lambda _: feed(*(text.encode() for text in AS_SENT.values())), "customers", writer=writer, root=tmp_path
    )

    assert run.code == 0
    sent = [json.loads(text) for text in AS_SENT.values()]
    assert written_records(run, "customers") == sent
    assert "do not fit" not in run.log


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(("sent", "kept", "line"), REPORTED.values(), ids=REPORTED)
def test_values_that_the_schema_forbids_are_written_and_reported(
    writer: str, sent: str, kept: dict[str, Any], line: str, tmp_path: Path
) -> None:
    good = {"id": 2, "name": "good"}

    run = served(lambda _: feed(sent.encode(), good), "customers", writer=writer, root=tmp_path)

    assert run.code == 0
    assert written_records(run, "customers") == [kept, good]
    assert run.lines_with(line)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_duplicate_key_in_a_record_has_its_last_value(writer: str, tmp_path: Path) -> None:
    run = served(
        lambda _: feed(b'{"id": 1, "name": "a", "id": 2, "name": "b"}'), "customers", writer=writer, root=tmp_path
    )

    assert written_records(run, "customers") == [{"id": 2, "name": "b"}]


@pytest.mark.parametrize("writer", WRITERS)
def test_strings_of_megabytes_are_written_with_bounded_memory(writer: str, tmp_path: Path) -> None:
    long = "x" * 5_000_000
    pages = iter([*(feed({"id": n, "name": long}, more=True, continue_from=f"t{n}") for n in range(6)), feed()])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    run = served(lambda _: next(pages), "customers", writer=writer, root=tmp_path)

    assert run.code == 0
    assert [record["id"] for record in written_records(run, "customers")] == list(range(6))
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    )  # KB, including the copies of the output in this process


def test_a_bookmark_is_usable_after_records_with_extreme_dates() -> None:
    for date in ("0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        run = served(lambda _, date=date: feed({"id": 1, "modifiedOn": date}), "customers")  # type: ignore[misc]  # the loop's value, bound now
        with RawServer(lambda _: feed()).listening() as config:
            second = run_here(config, "customers", state=run.state)

        assert (run.code, second.code) == (0, 0), run.log + second.log


UNREADABLE: dict[str, bytes] = {
    "no hasMore": http(b'{"data":[{"id":1}],"continueFrom":"t"}'),
    "hasMore without a token": feed({"id": 1}, more=True, continue_from=None),
    "null for a record": feed(None),
    "a number of 5000 digits": feed(b'{"id": ' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_page_fails_its_stream_in_one_line_and_moves_no_bookmark(answer: bytes) -> None:
    run = served(lambda path: answer if "customers" in path else feed({"id": 1}), "customers", "leads")

    assert run.code == 1
    assert run.counts()["leads"] == 1
    assert "customers" not in run.states[-1]["bookmarks"] or "hasMore without" in run.log
    (line,) = [line for line in run.log.splitlines() if line.startswith("tenant 1001, stream customers: ")]
    assert "Unexpected" not in line


def test_an_expression_that_fails_for_a_value_is_named() -> None:
    with RawServer(lambda _: feed({"id": 1, "active": True})).listening() as config:
        run = run_here({**config, "stream_maps": {"customers": {"name": "active.upper()"}}}, "customers")

    assert run.code == 1
    assert "The expression 'active.upper()' of stream_maps fails with AttributeDoesNotExist." in run.log


def test_an_expression_that_raises_is_reported_without_the_value() -> None:
    with RawServer(lambda _: feed({"id": 1, "name": "Jane Doe"})).listening() as config:
        run = run_here({**config, "stream_maps": {"customers": {"name": "int(name)"}}}, "customers")

    assert run.code == 1
    assert "The expression 'int(name)' of stream_maps fails with ValueError." in run.log
    assert "Jane Doe" not in run.log
    assert not [state for state in run.states if "customers" in state.get("bookmarks", {})]


@pytest.mark.parametrize(
    ("encoding", "root", "words"),
    [
        ("jsonl", "s3://bucket", "ImportError"),
        ("jsonl", "file:///dev/null/x", "Error"),
        ("parquet", "file:///tmp", "Error"),
    ],
)
def test_batches_that_cannot_be_written_are_reported_and_move_no_bookmark(encoding: str, root: str, words: str) -> None:
    batches = {"encoding": {"format": encoding, "compression": "gzip"}, "storage": {"root": root}}
    with RawServer(lambda _: feed({"id": 1})).listening() as config:
        run = run_here({**config, "batch_config": batches}, "customers")

    assert run.code == 1
    (line,) = [line for line in run.log.splitlines() if line.startswith("tenant 1001, stream customers: ")]
    assert "The files of BATCH cannot be written: " in line
    assert words in line
    assert not [state for state in run.states if "customers" in state.get("bookmarks", {})]


def parents_and_notes(path: str) -> bytes:
    if "/notes" in path:
        return http(b'{"data":[{"id":1,"text":"n"}],"hasMore":false}')
    odd = [{"id": 7}, {"id": None}, {}, {"id": "a/../b?c"}, {"id": 2**70, "name": "\ud800"}]
    return http(json.dumps({"data": odd, "hasMore": False}).encode())


def test_parents_with_odd_ids_change_no_path_and_parents_without_id_are_reported() -> None:
    server = RawServer(parents_and_notes)
    with server.listening() as config:
        run = run_here(config, "customer_notes")

    assert run.code == 0
    asked = {seen.split(b" ")[1].decode().split("?")[0] for seen in server.seen if b"/notes" in seen}
    assert asked == {f"/crm/v2/tenant/1001/customers/{place}/notes" for place in ("7", "a%2F..%2Fb%3Fc", str(2**70))}
    assert {record["customer_id"] for record in run.records("customer_notes")} == {7, "a/../b?c", 2**70}
    assert "stream customer_notes: 2 of its parents have no id, so that their records cannot be asked for." in run.log


def test_rows_whose_list_is_not_a_list_do_not_stop_the_stream() -> None:
    rows = [{"jobId": 1, "history": [{"id": 5}]}, {"jobId": 2, "history": None}, {"jobId": 3, "history": "x"}]

    run = served(lambda _: feed(*rows), "job_history")

    assert run.code == 0
    assert [record["jobId"] for record in run.records("job_history")] == [1, 3]


def page_of(path: str) -> int:
    """Return the number of the requested page."""
    return int(parse_qs(urlsplit(path).query)["page"][0])


def listing(*ids: int, more: bool | None, total: int | None = None) -> bytes:
    """Return an answer with a page of a listing."""
    rest = {"hasMore": more, "totalCount": total}
    return http(
        json.dumps({"data": [{"id": id_} for id_ in ids], **{k: v for k, v in rest.items() if v is not None}}).encode()
    )


def test_a_listing_ends_with_its_last_page_even_if_the_total_is_higher() -> None:
    run = served(lambda path: listing(page_of(path), more=page_of(path) < 3, total=10**12), "zones")

    assert run.code == 0
    assert [record["id"] for record in run.records("zones")] == [1, 2, 3]


def test_a_listing_is_read_to_its_end_if_pages_are_smaller_than_requested() -> None:
    def answer(path: str) -> bytes:
        first = 3 * page_of(path)
        return listing(first, first + 1, first + 2, more=page_of(path) < 20, total=60)

    run = served(answer, "zones")

    assert run.code == 0
    assert [record["id"] for record in run.records("zones")] == list(range(3, 63))


def test_pages_without_has_more_end_with_an_empty_page() -> None:
    run = served(lambda path: listing(*([page_of(path)] if page_of(path) < 4 else []), more=None), "wbs_segments")

    assert run.code == 0
    assert [record["id"] for record in run.records("wbs_segments")] == [1, 2, 3]


ENDLESS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "more pages than the total needs": (
        lambda path: listing(page_of(path), more=True, total=9),
        "180 pages are far more than 9 records need, and the last says hasMore."),
    "the same page": (
        lambda _: listing(1, more=True), "Page 2 is the same as an earlier one, and there should be more"),
    "empty pages": (
        lambda _: listing(more=True), "10 pages in a row are empty and say hasMore"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "line"), ENDLESS.values(), ids=ENDLESS)
def test_endless_pages_are_an_error(answer: Callable[[str], bytes], line: str) -> None:
    run = served(answer, "zones")

    assert run.code == 1
    assert f"tenant 1001, stream zones: {line}" in run.log


def test_parents_in_pages_without_has_more_fail_their_stream() -> None:
    run = served(
        lambda path: http(b'{"data":[{"id":1}]}') if "/notes" not in path else listing(1, more=False), "customer_notes"
    )

    assert run.code == 1
    assert "stream customer_notes: " in run.log
    assert "hasMore" in run.log
    assert not run.state.get("bookmarks", {}).get("customer_notes")


@pytest.mark.parametrize(("gone", "code"), [(12, 1), (11, 0)])
def test_deleted_parents_are_reported_and_if_all_are_deleted_the_stream_fails(gone: int, code: int) -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(*range(12), more=False)
        number = int(path.split("/")[6])
        return (
            http(status="404 Not Found") if number < gone else http(b'{"data":[{"id":1,"text":"n"}],"hasMore":false}')
        )

    run = served(answer, "customer_notes")

    assert run.code == code
    assert len(run.records("customer_notes")) == 12 - gone
    assert f"stream customer_notes: {gone} of the 12 parents were refused, the last one with: " in run.log


def test_a_stream_whose_parents_are_all_deleted_fails_in_every_run() -> None:
    def answer(path: str) -> bytes:
        if "/notes" in path:
            return http(status="404 Not Found")
        first = 10 * page_of(path)
        return listing(*range(first, first + 10), more=page_of(path) < 3)

    with RawServer(answer).listening() as config:
        first = run_here(config, "customer_notes")
        second = run_here(config, "customer_notes", state=first.state)

    for run in (first, second):
        assert run.code == 1
        assert "stream customer_notes: 30 of the 30 parents were refused, the last one with: " in run.log


def test_pages_of_a_parent_are_written_one_by_one() -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(7, more=False)
        first = 1000 * page_of(path)
        return listing(*range(first, first + 1000), more=True) if first < 3000 else http(status="400 Bad Request")

    run = served(answer, "customer_notes")

    assert run.code == 1
    assert [record["id"] for record in run.records("customer_notes")] == list(range(1000, 3000))
    assert {record["customer_id"] for record in run.records("customer_notes")} == {7}


def test_records_of_a_parent_that_is_deleted_between_two_of_its_pages_are_kept() -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(7, 8, more=False)
        return listing(1, more="/7/" in path) if page_of(path) == 1 else http(status="404 Not Found")

    run = served(answer, "customer_notes")

    assert run.code == 0
    assert [record["customer_id"] for record in run.records("customer_notes")] == [7, 8]
    assert "stream customer_notes: 1 of the 2 parents were refused" in run.log


def test_windows_of_several_pages_come_in_order() -> None:
    def answer(path: str) -> bytes:
        start = parse_qs(urlsplit(path).query)["fromUtc"][0]
        lead = {"dateTime": start, "leadType": "Call", "call": {"id": str(page_of(path))}}
        return http(json.dumps({"data": [lead], "hasMore": page_of(path) < 3}).encode())

    with RawServer(answer).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(2))}, "attributed_leads")

    assert run.code == 0
    leads = [(record["dateTime"], record["leadId"]) for record in run.records("attributed_leads")]
    assert leads == [(format_api_date(days_ago(days)), page) for days in (2, 1, 0) for page in ("1", "2", "3")]


def bookmarked(**bookmark: Any) -> dict[str, Any]:
    return {"bookmarks": {"bookings": {"partitions": [{"context": {"tenant_id": "1001"}, **bookmark}]}}}


INVALID_STATES: dict[str, tuple[Any, str]] = {
    "a list": ([1], "The input state is not a JSON object."),
    "a bookmark that is text": ({"bookmarks": {"gone": "x"}}, "stream 'gone' is not usable: it is not an object"),
    "a token that is a number": (bookmarked(continue_from=5), "'bookings' is not usable: Expected `str | null`, got `int`"),
    "a date that is a number": ({"bookmarks": {"bookings": {"replication_key_value": 5}}}, "Expected `str | null`, got `int`"),
    "a page that is negative": (bookmarked(parent_page=-1), "Expected `int` >= 0"),
    "two of one tenant": (
        {"bookmarks": {"bookings": {"partitions": 2 * bookmarked()["bookmarks"]["bookings"]["partitions"]}}},
        "it has two bookmarks of one tenant"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "line"), INVALID_STATES.values(), ids=INVALID_STATES)
def test_an_invalid_state_ends_the_run_with_one_line(simulator: Simulator, state: Any, line: str) -> None:
    run = run_here(config_of(simulator), "bookings", state=state)

    assert run.code == 1
    assert run.stdout == ""
    assert line in run.log
    assert not simulator.requests


LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "2025-01-01", "0001-01-01"])
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner))


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with these fields, of which one is sometimes missing or of another type."""
    odd = st.dictionaries(st.sampled_from(sorted(fields)), JSON | st.just(...), max_size=1)
    broken = st.integers(0, 4).flatmap(lambda number: st.just({}) if number else odd)
    return st.tuples(st.fixed_dictionaries(fields), broken).map(
        lambda pair: {name: value for name, value in {**pair[0], **pair[1]}.items() if value is not ...}
    )


CONTEXTS = st.sampled_from([{"tenant_id": "1001"}, {"tenant_id": "7"}, {}])
DATES = st.sampled_from(["2025-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
PARTITIONS = objects(
    context=CONTEXTS, continue_from=st.just("t"), replication_key_value=DATES, parent_page=st.just(1), started=DATES
)
BOOKMARKS = objects(partitions=st.lists(PARTITIONS, max_size=2), replication_key_value=DATES)
ENTRIES = objects(
    tap_stream_id=st.sampled_from(["bookings", "bookingz"]),
    schema=objects(properties=objects(id=st.just({"type": "integer"}))),
    metadata=st.lists(objects(breadcrumb=st.just([]), metadata=st.just({"selected": True})), max_size=2),
    key_properties=st.just(["id"]),
)


@given(objects(bookings=BOOKMARKS, gone=BOOKMARKS))
@settings(max_examples=300)
def test_any_state_is_refused_or_usable(state: Any) -> None:
    with suppress(StateError):
        adopted = normalize_state({"bookmarks": state}, ["1001"], {"bookings"})
        for partition in adopted["bookmarks"].get("bookings", {}).get("partitions", []):
            bookmark = bookmarks.FeedBookmark.load(partition, "modifiedOn")
            assert isinstance(bookmark.start(None), str | None)
            bookmarks.store(partition, bookmark.advance("t", None, datetime.now(UTC), has_more=False))
            datetime.fromisoformat(partition.get("replication_key_value") or "2025-01-01").astimezone(UTC)


@given(objects(streams=st.lists(ENTRIES, max_size=2)))
@settings(max_examples=300)
def test_any_catalog_is_refused_or_usable(catalog: Any) -> None:
    with suppress(CatalogError):
        input_catalog.check(catalog)
        list(input_catalog.unknown(Catalog.from_dict(catalog), ["bookings"]))


START: dict[str, tuple[dict[str, Any], str | None]] = {
    "the date of another tap": ({"bookmarks": {"bookings": {"replication_key": "modifiedOn", "replication_key_value": "2025-09-01T00:00:00+02:00"}}}, "2025-08-31T21:30"),
    "the bookmark of another tap that was interrupted": ({"bookmarks": {"bookings": {"progress_markers": {"Note": "..."}}}}, None),
    "bookmarks that are null": ({"bookmarks": None}, None),
    "a bookmark of nulls": (bookmarked(continue_from=None, replication_key_value=None), None),
    "a token that is empty": (bookmarked(continue_from="", replication_key_value="2025-09-01"), "2025-08-31T23:30"),
    "the first of all dates": (bookmarked(replication_key_value="0001-01-01T00:00:00+05:00"), "1899-12-31T23:30"),
    "a bookmark of another tenant": ({"bookmarks": {"bookings": {"partitions": [{"context": {"tenant_id": "7"}, "continue_from": "x"}]}}}, None),
}  # fmt: skip


@pytest.mark.parametrize(("state", "since"), START.values(), ids=START)
def test_an_unusual_state_determines_where_reading_starts(
    simulator: Simulator, state: dict[str, Any], since: str | None
) -> None:
    run = run_here(config_of(simulator), "bookings", state=state)

    assert run.code == 0
    asked = next(request.query.get("from") for request in simulator.requests if request.stream)
    assert asked is None if since is None else str(asked).startswith(since)
    assert run.bookmark("bookings")["continue_from"]


def test_a_bookmark_in_the_future_is_replaced_by_one_that_is_not(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", state=bookmarked(replication_key_value="2999-01-01T00:00:00Z"))

    assert run.code == 0
    assert run.bookmark("bookings")["replication_key_value"] < "2999"
    assert run.bookmark("bookings")["continue_from"]


def test_bookmarks_of_unknown_streams_are_kept_unchanged(simulator: Simulator) -> None:
    gone = {"replication_key_value": 4711, "partitions": "x"}

    run = run_here(config_of(simulator), "bookings", state={"bookmarks": {"gone": gone}})

    assert run.code == 0
    assert run.state["bookmarks"]["gone"] == gone


def test_a_token_of_another_feed_is_replaced_by_the_date(simulator: Simulator) -> None:
    customers = run_here(config_of(simulator), "customers").bookmark("customers")["continue_from"]

    run = run_here(
        config_of(simulator),
        "bookings",
        state=bookmarked(continue_from=customers, replication_key_value="2024-01-01T00:00:00Z"),
    )

    assert run.code == 0
    assert "the API refused the continuation token" in run.log
    assert run.counts()["bookings"] == 60


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops"])
def test_a_token_is_kept_if_the_request_fails_with_another_status_than_400(status: str) -> None:
    state = bookmarked(continue_from="tok", replication_key_value="2024-01-01T00:00:00.000000Z")
    with RawServer(lambda _: http(b"", status)).listening() as config:
        run = run_here(config, "bookings", state=state)

    assert run.code == 1
    assert f"API answered {status[:3]}" in run.log
    assert not run.states or run.state == state


def entry(**changes: Any) -> dict[str, Any]:
    (found,) = [each for each in selecting("bookings")["streams"] if each["tap_stream_id"] == "bookings"]
    return {key: value for key, value in {**found, **changes}.items() if value is not ...}


INVALID_CATALOGS: dict[str, tuple[Any, str]] = {
    "a list": ([], "The input catalog is not a JSON object."),
    "nothing": ({}, "not usable: Object missing required field `streams`"),
    "streams by name": ({"streams": {}}, "Expected `array`, got `object` - at `$.streams`"),
    "a stream without a name": ({"streams": [entry(tap_stream_id=...)]}, "missing required field `tap_stream_id`"),
    "a stream without a schema": ({"streams": [entry(schema=...)]}, "missing required field `schema`"),
    "metadata of another shape": ({"streams": [entry(metadata={"x": 1})]}, "at `$.streams[0].metadata`"),
    "an unknown replication method": ({"streams": [entry(replication_method="SOMETIMES")]}, "Invalid enum value"),
    "a key without a property": ({"streams": [entry(key_properties=["gone"])]}, "has the key 'gone', which its schema lacks"),
}  # fmt: skip


@pytest.mark.parametrize(("catalog", "line"), INVALID_CATALOGS.values(), ids=INVALID_CATALOGS)
def test_an_invalid_catalog_ends_the_run_with_one_line(simulator: Simulator, catalog: Any, line: str) -> None:
    run = run_here(config_of(simulator), "bookings", catalog=catalog)

    assert run.code == 1
    assert run.stdout == ""
    assert line in run.log


def test_an_empty_catalog_reads_nothing_and_logs_a_warning(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", catalog={"streams": []})

    assert run.code == 0
    assert [message["type"] for message in run.messages] == ["STATE"]
    assert "No stream is selected: there is nothing to read." in run.log


def test_unknown_streams_are_reported_and_unknown_fields_stay_empty(simulator: Simulator) -> None:
    older = entry()
    older["schema"]["properties"]["oldField"] = {"type": ["string", "null"]}
    older["schema"]["properties"].pop("name")
    gone = entry(tap_stream_id="bookingz", stream="bookingz")

    run = run_here(config_of(simulator), "bookings", catalog={"streams": [gone, older]})

    assert run.code == 0
    assert (
        "Stream 'bookingz' of the catalog is not one of this tap's and is not read. Did you mean 'bookings'?" in run.log
    )
    (schema,) = run.of_type("SCHEMA")
    assert "oldField" in schema["schema"]["properties"]
    assert len(run.records("bookings")) == 60
    assert not any({"name", "oldField"} & record.keys() for record in run.records("bookings"))


def test_key_properties_of_the_catalog_are_the_keys_of_the_stream(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", catalog={"streams": [entry(key_properties=["id"])]})

    assert run.of_type("SCHEMA")[0]["key_properties"] == ["id"]
    assert len(run.records("bookings")) == 60


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"", b"[1]", b'{"streams": [{"tap_stream_id": "x", "schema": {"properties": {"a": {"type": 5}}}}]}'],
)
def test_unreadable_files_end_the_executable_without_a_traceback(
    tap: Tap, simulator: Simulator, tmp_path: Path, content: bytes
) -> None:  # fmt: skip
    (tmp_path / "garbage.json").write_bytes(content)

    run = tap(config_of(simulator), "--catalog", str(tmp_path / "garbage.json"))

    assert run.code == 1
    assert run.stdout == ""
    assert "Traceback" not in run.log
    assert run.lines_with("ERROR")

"""Malformed records: each is written, or fails its stream in one line."""

from __future__ import annotations

import json
import resource
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.raw import RawServer, feed
from helpers.served import served
from helpers.support import Output, run_here

WRITERS = ["fast", "slow", "batch"]


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
def test_number_in_place_of_text_is_text_without_a_warning(writer: str, tmp_path: Path) -> None:
    run = served(lambda _: feed({"id": 1, "modifiedOn": 5}), "customers", writer=writer, root=tmp_path)

    assert run.code == 0
    assert written_records(run, "customers") == [{"id": 1, "modifiedOn": "5"}]
    assert "modifiedOn" not in run.log


@pytest.mark.parametrize("writer", WRITERS)
def test_duplicate_key_in_a_record_has_its_last_value(writer: str, tmp_path: Path) -> None:
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


def test_bookmark_is_usable_after_records_with_extreme_dates() -> None:
    for date in ("0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        run = served(lambda _, date=date: feed({"id": 1, "modifiedOn": date}), "customers")  # type: ignore[misc]  # the loop's value, bound now
        with RawServer(lambda _: feed()).listening() as config:
            second = run_here(config, "customers", state=run.state)

        assert (run.code, second.code) == (0, 0), run.log + second.log


def test_expression_that_fails_for_a_value_is_named() -> None:
    with RawServer(lambda _: feed({"id": 1, "active": True})).listening() as config:
        run = run_here({**config, "stream_maps": {"customers": {"name": "active.upper()"}}}, "customers")

    assert run.code == 1
    assert "The expression 'active.upper()' of stream_maps fails with AttributeDoesNotExist." in run.log


def test_expression_that_raises_is_reported_without_the_value() -> None:
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


def test_rows_whose_list_is_not_a_list_do_not_stop_the_stream() -> None:
    rows = [{"jobId": 1, "history": [{"id": 5}]}, {"jobId": 2, "history": None}, {"jobId": 3, "history": "x"}]

    run = served(lambda _: feed(*rows), "job_history")

    assert run.code == 0
    assert [record["jobId"] for record in run.records("job_history")] == [1, 3]

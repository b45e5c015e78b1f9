"""Malformed pages: unreadable ones fail their stream in one line, endless ones end."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, feed, http
from helpers.served import listing, page_of, served
from helpers.support import days_ago, run_here

from tap_servicetitan.dates import format_api_date

UNREADABLE: dict[str, bytes] = {
    "no hasMore": http(b'{"data":[{"id":1}],"continueFrom":"t"}'),
    "hasMore without a token": feed({"id": 1}, more=True, continue_from=None),
    "null for a record": feed(None),
    "a number of 5000 digits": feed(b'{"id": ' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_page_fails_its_stream_in_one_line_and_moves_no_bookmark(answer: bytes) -> None:
    run = served(lambda path: answer if "customers" in path else feed({"id": 1}), "customers", "leads")

    assert run.code == 1
    assert run.counts()["leads"] == 1
    assert "customers" not in run.states[-1]["bookmarks"] or "hasMore without" in run.log
    (line,) = [line for line in run.log.splitlines() if line.startswith("tenant 1001, stream customers: ")]
    assert "Unexpected" not in line


def test_listing_ends_with_its_last_page_even_if_the_total_is_higher() -> None:
    run = served(lambda path: listing(page_of(path), more=page_of(path) < 3, total=10**12), "zones")

    assert run.code == 0
    assert [record["id"] for record in run.records("zones")] == [1, 2, 3]


def test_listing_is_read_to_its_end_if_pages_are_smaller_than_requested() -> None:
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


def test_windows_of_several_pages_come_in_order() -> None:
    def answer(path: str) -> bytes:
        start = parse_qs(urlsplit(path).query)["fromUtc"][0]
        lead = {"dateTime": start, "leadType": "Call", "call": {"id": str(page_of(path))}}
        return http(json.dumps({"data": [lead], "hasMore": page_of(path) < 3}).encode())

    with RawServer(answer).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(60))}, "attributed_leads")

    assert run.code == 0
    leads = [(record["dateTime"], record["leadId"]) for record in run.records("attributed_leads")]
    assert leads == [(format_api_date(days_ago(days)), page) for days in (60, 32, 4) for page in ("1", "2", "3")]

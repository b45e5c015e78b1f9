"""The proof that no row was skipped between numbered pages."""

from __future__ import annotations

import json
import math
import random
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, http
from helpers.support import run_here
from hypothesis import given
from hypothesis import strategies as st

from tap_servicetitan.streams.reading.id_coverage import Gap, IdCoverage, probe_page
from tap_servicetitan.streams.reading.row_versions import RowVersions, Version


def test_coverage_of_pages_that_share_an_id_has_no_gap() -> None:
    coverage = IdCoverage()
    coverage.add([1, 5], 0, last=False)
    coverage.add([5, 9], 2, last=True)

    assert coverage.gaps() == []


def test_coverage_has_a_gap_between_pages_that_only_border_on_each_other() -> None:
    coverage = IdCoverage()
    coverage.add([1, 5], 0, last=False)
    coverage.add([7, 9], 2, last=True)

    assert coverage.gaps() == [Gap(5, 7, 2)]


def test_coverage_needs_no_request_where_no_id_lies_between_two_pages() -> None:
    coverage = IdCoverage()
    coverage.add([1, 5], 0, last=False)
    coverage.add([6, 9], 2, last=True)

    assert coverage.gaps() == []


def test_coverage_is_open_at_its_end_until_an_answer_says_that_no_row_follows() -> None:
    coverage = IdCoverage()
    coverage.add([1, 5], 0, last=False)
    coverage.add([], 2, last=True)  # what was there moved onto the page before, perhaps unseen

    assert coverage.gaps() == [Gap(5, math.inf, 2)]
    coverage.add([4, 5, 6], 0, last=True)
    assert coverage.gaps() == []


def test_coverage_closes_a_gap_with_the_rows_around_it() -> None:
    coverage = IdCoverage()
    coverage.add([1, 5], 0, last=False)
    coverage.add([9, 12], 2, last=True)
    coverage.add([5, 7, 9], 1, last=False)

    assert coverage.gaps() == []


def test_coverage_knows_up_to_which_id_all_rows_were_read() -> None:
    coverage = IdCoverage()
    found = [coverage.read_up_to]
    for ids, start, last in (([1, 5], 0, False), ([7, 9], 2, True), ([5, 7], 1, False)):
        coverage.add(ids, start, last=last)
        found.append(coverage.read_up_to)

    assert found == [None, 5, 5, 9]


@pytest.mark.parametrize("ids", [[3, 2], [2, 2], ["a", "b"], [1, None], [1, 2.5]])
def test_coverage_proves_nothing_where_rows_are_in_no_order_of_integer_ids(ids: list[object]) -> None:
    coverage = IdCoverage()
    coverage.add(ids, 0, last=True)

    assert not coverage.in_order


@given(st.integers(1, 100_000), st.integers(2, 5000))
def test_probe_page_holds_the_row_of_a_position_and_the_one_before_it(position: int, size: int) -> None:
    number, rows = probe_page(position, size)

    assert 2 <= rows <= max(2, size)
    if size > 2:  # of two rows, both are on a page only for every other position
        assert number * rows < position < (number + 1) * rows


@given(st.integers(0, 2**32))
def test_coverage_never_lacks_a_row_that_was_there_all_the_time(seed: int) -> None:
    rng = random.Random(seed)
    rows = sorted(rng.sample(range(200), rng.randrange(1, 60)))
    always, seen = set(rows), set()
    coverage = IdCoverage()

    def answer(start: int, size: int) -> None:
        nonlocal rows
        while rng.random() < 0.5:  # a row enters or leaves
            number = rng.randrange(200)
            always.discard(number)
            rows = sorted({*rows} ^ {number})
        page = rows[start : start + size]
        seen.update(page)
        coverage.add(page, start, last=start + size >= len(rows))

    pages = list(range(8))
    rng.shuffle(pages)
    for page in pages:
        answer(page * 10, 10)
    for gap in coverage.gaps():
        number, size = probe_page(gap.position, 5)
        answer(number * size, size)

    if not coverage.gaps():
        assert always <= seen


@pytest.mark.parametrize("stream", ["reviews", "journal_entry_details"])
def test_listing_without_a_key_may_have_equal_pages(stream: str) -> None:
    def answer(path: str) -> bytes:
        if stream == "journal_entry_details" and "/details" not in path:
            return http(b'{"data":[{"id":1}],"hasMore":false,"totalCount":1}')
        more = b"false" if "page=3" in path else b"true"
        return http(b'{"data":[{},{}],"hasMore":' + more + b"}")

    server = RawServer(answer)
    with server.listening() as config:
        run = run_here({**config, "requests_per_second": 10_000}, stream)

    assert run.code == 0, run.log
    assert len(run.records(stream)) == 6


@pytest.mark.parametrize(
    ("times", "newer"),
    [((5, 6), True), ((1, 2), False), ((1, 9), None), ((3, 5), None)],
    ids=["after", "before", "around", "overlapping"],
)
def test_version_without_a_date_is_newer_only_if_it_was_requested_after_the_other_came(
    *, times: tuple[float, float], newer: bool | None
) -> None:
    assert Version(None, *times).is_newer_than(Version(None, 3, 4)) is newer


def test_version_with_a_date_is_as_new_as_its_date() -> None:
    assert Version("2026-01-02", 0, 1).is_newer_than(Version("2026-01-01", 5, 6))


def test_row_versions_keep_what_has_to_be_read_again() -> None:
    versions = RowVersions()
    versions.news(["a", "b"], [1, 2], [None, None], requested=1, answered=5)

    assert versions.news(["b", "c"], [2, 3], [None, None], requested=2, answered=3) == ["c"]
    assert versions.undecided == {2}


def test_listing_reads_a_row_again_that_two_pages_have_and_writes_it_last() -> None:
    two_is_out, three_is_out = threading.Event(), threading.Event()
    rows = {1: "[1,2]", 2: "[3,4]", 3: "[4,5]"}

    def answer(path: str) -> bytes:
        query = parse_qs(urlsplit(path).query)
        page, size = int(query["page"][0]), int(query["pageSize"][0])
        version = "old"
        if size < 5000:
            return page_of([3, 4, 5], "newest", more=False)
        if page == 2:  # requested before page 3 came, and answered after it
            two_is_out.set()
            assert three_is_out.wait(5)
            version = "newer"
        if page == 3:
            assert two_is_out.wait(5)
            three_is_out.set()
        return page_of(json.loads(rows[page]), version, more=page < 3)

    def page_of(ids: list[int], version: str, *, more: bool) -> bytes:
        data = [{"id": row_id, "year": version} for row_id in ids]
        return http(json.dumps({"data": data, "hasMore": more, "totalCount": 5}).encode())

    with RawServer(answer).listening() as config:
        run = run_here({**config, "requests_per_second": 10_000, "concurrency": 8}, "costs")

    assert run.code == 0, run.log
    assert [record["year"] for record in run.records("costs") if record["id"] == 4][-1] == "newest"

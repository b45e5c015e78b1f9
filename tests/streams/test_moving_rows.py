"""Collections that move, end or fail while they are read: nothing is passed over for good."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, feed, http
from helpers.support import Output, bookmark, run_here

NOW = datetime.now(UTC)


def asked(path: str, name: str) -> str | None:
    return parse_qs(urlsplit(path).query).get(name, [None])[0]


def run_against(
    answer: Callable[[str], bytes], stream: str, *, state: dict[str, Any] | None = None, **settings: Any
) -> tuple[RawServer, Output]:
    server = RawServer(answer)
    with server.listening() as config:
        return server, run_here({**config, "requests_per_second": 10_000, **settings}, stream, state=state)


def numbers(run: Output, stream: str) -> list[int]:
    return [record["id"] for record in run.records(stream)]


def page_of(*records: dict[str, Any], more: bool = False, **rest: Any) -> bytes:
    return http(json.dumps({"data": list(records), "hasMore": more, **rest}).encode())


class Feed:
    """A feed of 100 records in pages of 10; tokens are positions."""

    def __init__(self, order: list[int], dates: dict[int, str] | None = None) -> None:
        self.order = order
        self.dates = dates or {}
        self.refused: set[str] = set()
        """Tokens that get a 400, once."""
        self.cut_at: int | None = None
        """Position from which on the API is out of order."""

    def date(self, number: int) -> str:
        return self.dates.get(number, f"{NOW - timedelta(days=200 - number):%Y-%m-%dT%H:%M:%SZ}")

    def __call__(self, path: str) -> bytes:
        since = asked(path, "from") or "0"
        if since in self.refused:
            self.refused.remove(since)
            return http(b"{}", "400 B")
        rows = self.order
        start = 0
        if since.isdecimal():
            start = int(since)
        else:
            rows = [number for number in rows if self.date(number) >= since]
            start = self.order.index(rows[0]) if rows and rows == self.order[-len(rows) :] else -len(rows)
        if self.cut_at is not None and start >= self.cut_at:
            return http(b"", "404 N")
        if start < 0:  # in no order: all that are new enough, at once
            return feed(*({"id": each, "modifiedOn": self.date(each)} for each in rows), continue_from="100")
        records = [{"id": each, "modifiedOn": self.date(each)} for each in self.order[start : start + 10]]
        return feed(*records, more=start + 10 < 100, continue_from=str(start + 10))


def shuffled() -> list[int]:
    order = list(range(100))
    random.Random(1).shuffle(order)
    return order


@pytest.mark.parametrize("dates", [{}, {5: "9999-12-31T00:00:00Z"}], ids=["past", "one ahead of now"])
@pytest.mark.parametrize("order", [list(range(100)), shuffled()], ids=["sorted", "unsorted"])
def test_token_that_is_refused_within_a_feed_loses_nothing_in_whatever_order(
    order: list[int], dates: dict[int, str]
) -> None:
    source = Feed(order, dates)
    source.cut_at = 30
    _, first = run_against(source, "bookings")
    source.cut_at, source.refused = None, {"30"}
    _, second = run_against(source, "bookings", state=first.state)

    assert first.code == 1
    assert second.code == 0
    assert "the API refused the continuation token" in second.log
    assert set(numbers(first, "bookings") + numbers(second, "bookings")) == set(range(100))
    assert not {"pass_from", "unsorted"} & second.bookmark("bookings").keys()


def test_feed_starts_again_from_the_date_before_the_pass_in_which_its_token_was_refused() -> None:
    source = Feed(list(range(100)))
    source.cut_at = 30
    _, first = run_against(source, "bookings")
    source.cut_at, source.refused = None, {"30"}
    _, second = run_against(source, "bookings", state=first.state)

    assert numbers(second, "bookings") == list(range(100))


def test_tokens_that_are_always_refused_end_the_stream_even_if_a_date_lies_ahead() -> None:
    def answer(path: str) -> bytes:
        if (asked(path, "from") or "").startswith("t"):
            return http(b"{}", "400 B")
        return feed({"id": 1, "modifiedOn": "9999-12-31T00:00:00Z"}, more=True)

    server, run = run_against(answer, "bookings")

    assert run.code == 1
    assert "tenant 1001, stream bookings: The API answered 400" in run.log
    assert len(server.seen) < 10


def test_feed_of_nothing_but_empty_pages_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_servicetitan.streams.reading.pagination.MAX_EMPTY_FEED_PAGES", 30)
    _, run = run_against(lambda path: feed(more=True, continue_from=(asked(path, "from") or "t") + "x"), "bookings")

    assert run.code == 1
    assert "30 pages in a row are empty and say hasMore" in run.log


def test_pages_that_take_turns_come_to_an_end() -> None:
    _, run = run_against(lambda path: page_of({"id": int(asked(path, "page") or 0) % 2}, more=True), "zones")

    assert run.code == 1
    assert "is the same as an earlier one, and there should be more" in run.log


# Totals


ROWS = [{"id": number, "modifiedOn": "2025-01-01T00:00:00Z"} for number in range(40)]


def test_listing_that_brings_less_than_it_announced_keeps_its_bookmark() -> None:
    state = {"bookmarks": {"zones": {"replication_key_value": "2024-01-01T00:00:00Z"}}}
    _, run = run_against(lambda _: page_of(*ROWS[:9], totalCount=10), "zones", state=state)

    assert run.code == 0
    assert "received 9 of 10 records" in run.log
    assert bookmark(run.state, "zones")["replication_key_value"] == "2024-01-01T00:00:00.000000Z"


def test_listing_read_in_full_that_lacks_rows_drops_none_from_the_target() -> None:
    for total in (40, 41):
        _, run = run_against(
            lambda _, total=total: page_of(*ROWS, totalCount=total),  # type: ignore[misc]  # the loop's value, bound now
            "payment_types",
            emit_activate_version_messages=True,
        )
        assert len(run.of_type("ACTIVATE_VERSION")) == (total == 40)


@pytest.mark.parametrize("total", [None, -1, 0, 2, 20, "100", 100.5, 10**12])
def test_total_that_makes_no_sense_does_not_spoil_a_listing(total: Any) -> None:
    def answer(path: str) -> bytes:
        number = int(asked(path, "page") or 1) - 1
        return page_of(*ROWS[2 * number : 2 * number + 2], more=number < 19, totalCount=total)

    _, run = run_against(answer, "zones")

    assert run.code == 0, run.log
    assert set(numbers(run, "zones")) == set(range(40))


def test_answer_that_is_all_there_is_whatever_page_is_asked_for_is_read_once() -> None:
    _, run = run_against(lambda _: http(b'{"data":[{"id":1},{"id":2}]}'), "wbs_segments")

    assert run.code == 0
    assert len(run.records("wbs_segments")) == 2


# Parents


class Notes:
    """Customers in pages of 500, each with one note."""

    def __init__(self, customers: list[int]) -> None:
        self.customers = customers
        self.broken: dict[int, bytes] = {}
        """Answers in place of a customer's notes."""
        self.total: int | None = None
        """What the list says, if not the truth."""

    def __call__(self, path: str) -> bytes:
        parts = urlsplit(path).path.split("/")
        if parts[-1] == "notes":
            number = int(parts[-2])
            return self.broken.get(number) or page_of({"id": number, "text": "n"})
        first = 500 * (int(asked(path, "page") or 1) - 1)
        listed = [{"id": each} for each in self.customers[first : first + 500]]
        total = len(self.customers) if self.total is None else self.total
        return page_of(*listed, more=first + 500 < len(self.customers), totalCount=total)


def test_parent_that_fails_stops_no_other_and_is_requested_again() -> None:
    source = Notes(list(range(1, 1201)))
    source.broken[600] = http(b"{}", "403 F")
    _, first = run_against(source, "customer_notes")
    source.broken.clear()
    _, second = run_against(source, "customer_notes", state=first.state)

    assert first.code == 1
    assert (
        "stream customer_notes: 1 of the 1200 parents could not be read, the last one: The API answered 403"
        in first.log
    )
    assert set(numbers(first, "customer_notes")) == set(range(1, 1201)) - {600}
    assert second.code == 0
    assert min(numbers(second, "customer_notes")) == 501
    assert 600 in numbers(second, "customer_notes")
    assert "parent_page" not in second.bookmark("customer_notes")


def test_what_fails_for_every_parent_ends_the_stream_soon() -> None:
    source = Notes(list(range(1, 1201)))
    source.broken = dict.fromkeys(source.customers, http(b"{}", "403 F"))
    server, run = run_against(source, "customer_notes")

    assert run.code == 1
    assert len(server.seen) < 60


def test_parents_that_are_missing_from_their_list_are_requested_by_the_next_run() -> None:
    source = Notes(list(range(1, 11)))
    source.total = 11
    state = {"bookmarks": {"customer_notes": {"replication_key_value": "2024-01-01T00:00:00Z"}}}
    _, run = run_against(source, "customer_notes", state=state)

    assert run.code == 0
    assert "of its parents, received 10 of 11 records" in run.log
    assert bookmark(run.state, "customer_notes")["replication_key_value"] == "2024-01-01T00:00:00.000000Z"


def test_nested_state_names_the_last_parent_wherever_a_run_may_go_on() -> None:
    _, run = run_against(Notes(list(range(1, 1201))), "customer_notes")

    states = [bookmark(message["value"], "customer_notes") for message in run.of_type("STATE")]
    positions = [state.get("parent_id") for state in states if "parent_page" in state]
    assert list(dict.fromkeys(positions)) == [500, 1000, 1200]


def test_parents_that_moved_onto_pages_that_were_read_are_not_passed_over() -> None:
    source = Notes(list(range(1, 1201)))
    own = {"context": {"tenant_id": "1001"}, "parent_page": 1, "parents": 1200, "started": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}
    state = {"bookmarks": {"customer_notes": {"partitions": [own]}}}
    _, resumed = run_against(source, "customer_notes", state=state)
    source.customers = source.customers[30:]
    _, moved = run_against(source, "customer_notes", state=state)

    assert min(numbers(resumed, "customer_notes")) == 501
    assert set(numbers(moved, "customer_notes")) >= set(range(501, 1201))


def test_row_of_a_parent_that_moved_onto_a_page_that_was_read_is_not_passed_over() -> None:
    notes = list(range(1, 36))

    def answer(path: str) -> bytes:
        if urlsplit(path).path.endswith("/customers"):
            return page_of({"id": 7})
        page, size = int(asked(path, "page") or 1), min(10, int(asked(path, "pageSize") or 10))
        if page == 2 and 3 in notes:
            notes.remove(3)
        listed = notes[size * (page - 1) : size * page]
        return page_of(*({"id": each, "text": "n"} for each in listed), more=size * page < len(notes))

    _, run = run_against(answer, "customer_notes")

    assert run.code == 0, run.log
    assert set(numbers(run, "customer_notes")) == set(range(1, 36))


def test_parent_whose_rows_never_stand_still_is_requested_again() -> None:
    first_id = 1

    def answer(path: str) -> bytes:
        nonlocal first_id
        if urlsplit(path).path.endswith("/customers"):
            return page_of({"id": 7})
        page, size = int(asked(path, "page") or 1), min(10, int(asked(path, "pageSize") or 10))
        first_id = 1 if page == 1 else first_id + 1000
        dated = {"text": "n", "modifiedOn": "2025-01-01T00:00:00Z"}
        return page_of(*({"id": first_id + place, **dated} for place in range(size)), more=page < 4)

    _, run = run_against(answer, "customer_notes")

    assert run.code == 1
    assert "1 of the 1 parents could not be read, the last one: rows moved between its pages at" in run.log
    assert "replication_key_value" not in run.bookmark("customer_notes")

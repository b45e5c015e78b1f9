"""Invalid or unusual STATE: refused in one line, or the start that it determines."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from helpers.raw import RawServer, http
from helpers.served import objects
from helpers.support import config_of, run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_servicetitan.errors import StateError
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.state import bookmarks
from tap_servicetitan.streams.state.state_migration import normalize_state


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
def test_invalid_state_ends_the_run_with_one_line(simulator: Simulator, state: Any, line: str) -> None:
    run = run_here(config_of(simulator), "bookings", state=state)

    assert run.code == 1
    assert run.stdout == ""
    assert line in run.log
    assert not simulator.requests


CONTEXTS = st.sampled_from([{"tenant_id": "1001"}, {"tenant_id": "7"}, {}])


DATES = st.sampled_from(["2025-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])


PARTITIONS = objects(
    context=CONTEXTS, continue_from=st.just("t"), replication_key_value=DATES, parent_page=st.just(1), started=DATES
)


BOOKMARKS = objects(partitions=st.lists(PARTITIONS, max_size=2), replication_key_value=DATES)


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
def test_unusual_state_determines_where_reading_starts(
    simulator: Simulator, state: dict[str, Any], since: str | None
) -> None:
    run = run_here(config_of(simulator), "bookings", state=state)

    assert run.code == 0
    start = next(request.query.get("from") for request in simulator.requests if request.stream)
    assert start is None if since is None else str(start).startswith(since)
    assert run.bookmark("bookings")["continue_from"]


def test_bookmark_in_the_future_is_replaced_by_one_that_is_not(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), "bookings", state=bookmarked(replication_key_value="2999-01-01T00:00:00Z"))

    assert run.code == 0
    assert run.bookmark("bookings")["replication_key_value"] < "2999"
    assert run.bookmark("bookings")["continue_from"]


def test_bookmarks_of_unknown_streams_are_kept_unchanged(simulator: Simulator) -> None:
    gone = {"replication_key_value": 4711, "partitions": "x"}

    run = run_here(config_of(simulator), "bookings", state={"bookmarks": {"gone": gone}})

    assert run.code == 0
    assert run.state["bookmarks"]["gone"] == gone


def test_token_of_another_feed_is_replaced_by_the_date(simulator: Simulator) -> None:
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
def test_token_is_kept_if_the_request_fails_with_another_status_than_400(status: str) -> None:
    state = bookmarked(continue_from="tok", replication_key_value="2024-01-01T00:00:00.000000Z")
    with RawServer(lambda _: http(b"", status)).listening() as config:
        run = run_here(config, "bookings", state=state)

    assert run.code == 1
    assert f"API answered {status[:3]}" in run.log
    assert not run.states or run.state == state

"""Export feeds, end to end, against the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from helpers import raw
from helpers.support import FEEDS, Tap, config_of, plain, run_here, selecting

from tap_servicetitan.simulator import Simulator


def feed_requests(simulator: Simulator, stream: str = "bookings") -> list[dict[str, str]]:
    return [dict(request.query) for request in simulator.requests if request.stream == stream]


def test_first_run_writes_every_record_once_and_unchanged(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator))

    assert run.code == 0
    for stream in FEEDS:
        assert [plain(record) for record in run.records(stream)] == simulator.records(stream)
        assert {record["tenant_id"] for record in run.records(stream)} == {"1001"}


def test_schema_comes_first_and_once(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), *FEEDS)

    firsts: dict[str, str] = {}
    for message in run.messages:
        firsts.setdefault(str(message.get("stream")), message["type"])
    assert {stream: firsts[stream] for stream in FEEDS} == dict.fromkeys(FEEDS, "SCHEMA")
    assert len(run.of_type("SCHEMA")) == len(FEEDS)
    assert all(schema["key_properties"] == ["tenant_id", "id"] for schema in run.of_type("SCHEMA"))
    assert all(next(iter(schema["schema"]["properties"])) == "tenant_id" for schema in run.of_type("SCHEMA"))


def test_second_run_sends_one_request_a_feed_and_writes_no_record_if_nothing_changed(simulator: Simulator) -> None:
    first = run_here(config_of(simulator), *FEEDS)
    before = len(simulator.requests)

    second = run_here(config_of(simulator), *FEEDS, state=first.state)

    asked = Counter(request.stream for request in simulator.requests[before:] if request.stream)
    assert asked == dict.fromkeys(FEEDS, 1)
    assert second.counts() == {}
    assert second.state == first.state


def test_second_run_writes_new_and_changed_records_only(simulator: Simulator) -> None:
    config = config_of(simulator)
    first = run_here(config, *FEEDS)
    simulator.advance(new=7, changed=5)

    second = run_here(config, *FEEDS, state=first.state)

    assert second.counts() == dict.fromkeys(FEEDS, 12)
    newest = {record["id"]: record for record in first.records("bookings") + second.records("bookings")}
    assert sorted(map(plain, newest.values()), key=by_id) == sorted(simulator.records("bookings"), key=by_id)


def by_id(record: dict[str, Any]) -> int:
    return int(record["id"])


def test_bookmark_holds_the_last_token_and_the_newest_date(simulator: Simulator) -> None:
    run = run_here(config_of(simulator), *FEEDS)

    found = run.bookmark("bookings")
    assert set(found) == {"context", "continue_from", "replication_key", "replication_key_value"}
    assert found["replication_key"] == "modifiedOn"
    newest = max(record["modifiedOn"] for record in simulator.records("bookings"))
    assert found["replication_key_value"][:19] == newest[:19]


def test_state_follows_every_page(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=100, page_size=10)
    catalog = selecting("bookings")

    run = run_here(config_of(simulator), *FEEDS, catalog=catalog)

    kinds = [message["type"] for message in run.messages]
    assert kinds == ["SCHEMA", *(["RECORD"] * 10 + ["STATE"]) * 10]


def test_first_run_starts_at_the_start_date(simulator: Simulator) -> None:
    catalog = selecting("bookings")

    run = run_here(config_of(simulator, start_date="2025-07-01T00:00:00Z"), *FEEDS, catalog=catalog)

    expected = [record for record in simulator.records("bookings") if record["modifiedOn"] >= "2025-07-01"]
    assert 0 < len(expected) < 60
    assert list(map(plain, run.records("bookings"))) == expected


def test_start_date_does_not_matter_once_there_is_a_bookmark(simulator: Simulator) -> None:
    first = run_here(config_of(simulator), *FEEDS)

    second = run_here(config_of(simulator, start_date="2024-01-01"), *FEEDS, state=first.state)

    assert second.counts() == {}


def test_state_of_another_tap_continues_from_its_date(simulator: Simulator) -> None:
    state = {
        "bookmarks": {"bookings": {"replication_key": "modifiedOn", "replication_key_value": "2025-09-01T00:00:00Z"}}
    }
    catalog = selecting("bookings")

    run = run_here(config_of(simulator), *FEEDS, catalog=catalog, state=state)

    assert feed_requests(simulator)[0]["from"] == "2025-08-31T23:30:00.000000Z"
    assert set(run.state["bookmarks"]["bookings"]) == {"partitions"}
    assert run.bookmark("bookings")["continue_from"]


@pytest.mark.parametrize("where", ["replication_method", "forced-replication-method"])
def test_full_table_forced_in_the_catalog_reads_everything_and_keeps_the_bookmark(
    simulator: Simulator, where: str
) -> None:
    first = run_here(config_of(simulator), *FEEDS)
    catalog = selecting("bookings")
    entry = next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == "bookings")
    root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
    (entry if where == "replication_method" else root["metadata"])[where] = "FULL_TABLE"

    second = run_here(config_of(simulator), *FEEDS, catalog=catalog, state=first.state)

    assert second.counts() == {"bookings": 60}
    assert second.bookmark("bookings") == first.bookmark("bookings")


def test_recent_changes_are_requested_only_with_the_setting(simulator: Simulator) -> None:
    catalog = selecting("bookings")
    simulator.advance(new=0, changed=0, recent=4)

    without = run_here(config_of(simulator), *FEEDS, catalog=catalog)
    wanted = run_here(config_of(simulator, include_recent_changes=True), *FEEDS, catalog=catalog)

    assert len(without.records("bookings")) < len(wanted.records("bookings"))
    assert [dict(query).get("includeRecentChanges") for query in feed_requests(simulator)].count("true") == 4


def test_empty_page_that_has_more_is_followed_by_the_next(simulator: Simulator) -> None:
    simulator.misbehave("empty_page", stream="bookings", after=1, times=2)

    run = run_here(config_of(simulator), *FEEDS)

    assert run.code == 0
    assert list(map(plain, run.records("bookings"))) == simulator.records("bookings")


def test_token_that_repeats_itself_is_an_error_and_not_a_loop(simulator: Simulator) -> None:
    simulator.misbehave("repeat_token", stream="bookings", after=1, times=None)

    run = run_here(config_of(simulator), *FEEDS)

    assert run.code == 1
    assert len(feed_requests(simulator)) == 2
    assert "tenant 1001, stream bookings: Page 2 repeats an earlier continueFrom" in run.log
    assert "Traceback" not in run.log
    assert run.counts()["leads"] == 60


def test_refused_token_restarts_from_the_date_less_the_overlap_and_says_so(simulator: Simulator) -> None:
    config = config_of(simulator)
    first = run_here(config, *FEEDS)
    simulator.advance(new=3, changed=0)
    simulator.misbehave("refuse_token", stream="bookings")
    before = len(feed_requests(simulator))

    second = run_here(config, *FEEDS, state=first.state)

    assert second.code == 0
    since = feed_requests(simulator)[before + 1]["from"]
    newest = first.bookmark("bookings")["replication_key_value"]
    assert since < newest
    assert since[:16] >= newest[:11]
    assert "the API refused the continuation token" in second.log
    assert since in second.log
    ids = {record["id"] for record in first.records("bookings") + second.records("bookings")}
    assert ids == {record["id"] for record in simulator.records("bookings")}


def test_token_refused_in_the_middle_of_a_feed_loses_nothing(simulator: Simulator) -> None:
    simulator.misbehave("refuse_token", stream="bookings", after=1)

    run = run_here(config_of(simulator), *FEEDS)

    assert run.code == 0
    newest = {record["id"]: plain(record) for record in run.records("bookings")}
    assert sorted(newest.values(), key=by_id) == sorted(simulator.records("bookings"), key=by_id)


def test_feed_whose_tokens_are_always_refused_ends_in_one_line(simulator: Simulator) -> None:
    simulator.misbehave("refuse_token", stream="bookings", times=None)

    run = run_here(config_of(simulator), *FEEDS)

    assert run.code == 1
    assert "tenant 1001, stream bookings: The API answered 400" in run.log
    assert run.log.count("Starting again from the beginning") == 1


def test_tokens_refused_where_dates_lead_no_further_end_the_stream_and_not_the_run(simulator: Simulator) -> None:
    first = run_here(config_of(simulator), *FEEDS)
    simulator.advance(minutes=20, new=50, changed=0)
    simulator.misbehave("refuse_token", stream="bookings", times=None)

    run = run_here(config_of(simulator), *FEEDS, state=first.state)

    assert run.code == 1
    assert "tenant 1001, stream bookings: The API answered 400" in run.log
    assert len(run.records("leads")) == 50


def test_feed_fails_at_a_token_that_is_not_unicode_instead_of_sending_another() -> None:
    pages = iter([raw.feed({"id": 1}, more=True, continue_from="1"), raw.feed({"id": 2}, continue_from="a\ud800")])
    server = raw.RawServer(lambda _: next(pages))

    with server.listening() as config:
        run = run_here(config, "bookings")

    assert run.code == 1
    assert "stream bookings: A continueFrom is not valid Unicode, so it cannot be sent back." in run.log
    assert run.bookmark("bookings")["continue_from"] == "1"

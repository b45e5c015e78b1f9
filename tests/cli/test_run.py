"""A run: requests at the same time, several tenants, the order of records and STATE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from helpers.support import (
    FEEDS,
    Tap,
    bookmark,
    config_of,
    plain,
    run_here,
)

from tap_servicetitan.simulator import Simulator


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_never_more_requests_are_in_flight_than_allowed(simulate: Callable[..., Simulator], concurrency: int) -> None:
    simulator = simulate(page_size=10, latency=0.01)

    run = run_here(config_of(simulator, concurrency=concurrency), *FEEDS)

    assert run.code == 0
    assert simulator.max_in_flight == min(concurrency, len(FEEDS))


def test_records_and_state_of_a_stream_come_in_feed_order_at_any_concurrency(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(page_size=7, latency=0.002)

    one, many = (run_here(config_of(simulator, concurrency=concurrency), *FEEDS) for concurrency in (1, 16))

    for stream in FEEDS:
        assert list(map(plain, many.records(stream))) == simulator.records(stream)
        assert many.records(stream) == one.records(stream)
        assert many.bookmark(stream) == one.bookmark(stream)
    tokens = {stream: list(dict.fromkeys(many.tokens(stream))) for stream in FEEDS}
    assert tokens == {stream: list(dict.fromkeys(one.tokens(stream))) for stream in FEEDS}


def test_state_never_runs_ahead_of_the_records(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(page_size=10, latency=0.002)

    run = run_here(config_of(simulator), *FEEDS)

    written: Counter[str] = Counter()
    newest: dict[str, int] = {}
    pages: dict[str, list[str]] = {stream: run.tokens(stream) for stream in FEEDS}
    order = {stream: {token: index for index, token in enumerate(dict.fromkeys(pages[stream]))} for stream in FEEDS}
    for message in run.messages:
        if message["type"] == "RECORD":
            written[message["stream"]] += 1
        if message["type"] == "STATE":
            for stream in message["value"]["bookmarks"]:
                newest[stream] = order[stream][bookmark(message["value"], stream)["continue_from"]]
                assert written[stream] >= 10 * (newest[stream] + 1)


def test_tenants_share_a_run_and_keep_their_own_bookmarks(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=3)

    run = run_here(config_of(simulator), *FEEDS)

    assert run.code == 0
    assert simulator.token_requests == 3
    assert len(run.of_type("SCHEMA")) == len(FEEDS)
    for tenant_id in ("1001", "1002", "1003"):
        of_tenant = [record for record in run.records("bookings") if record["tenant_id"] == tenant_id]
        assert list(map(plain, of_tenant)) == simulator.records("bookings", tenant_id)
        assert run.bookmark("bookings", tenant_id)["continue_from"]


def test_tenant_that_is_added_starts_from_scratch_and_leaves_the_others_bookmarks_alone(
    simulate: Callable[..., Simulator],
) -> None:
    simulator = simulate(tenants=2)
    config = config_of(simulator)
    first = run_here({**config, "tenants": config["tenants"][:1]}, *FEEDS)

    second = run_here(config, *FEEDS, state=first.state)

    assert {record["tenant_id"] for record in second.records("bookings")} == {"1002"}
    assert second.counts() == dict.fromkeys(FEEDS, 60)
    assert second.bookmark("bookings", "1001") == first.bookmark("bookings", "1001")


def test_bookmark_without_a_tenant_is_left_aside_if_there_are_several(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    state = {"bookmarks": {"bookings": {"replication_key_value": "2025-09-01T00:00:00Z"}}}

    run = run_here(config_of(simulator), *FEEDS, state=state)

    assert run.counts()["bookings"] == 120
    assert "Stream bookings: STATE has a bookmark without a tenant, which is ignored." in run.log


def test_credentials_of_the_top_level_serve_tenants_that_have_none(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    first, second = simulator.config["tenants"]
    config = config_of(simulator, client_id=first["client_id"], client_secret=first["client_secret"])

    run = run_here({**config, "tenants": [{"tenant_id": "1001"}, second]}, *FEEDS)

    assert run.code == 0
    assert run.counts()["bookings"] == 120


def test_state_stays_under_a_tenth_of_the_output_with_many_tenants(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=30, records=40, page_size=10)

    run = run_here(config_of(simulator, concurrency=16), *FEEDS)

    assert run.code == 0
    lines = run.stdout.splitlines(keepends=True)
    state = sum(len(line) for line in lines if line.startswith('{"type":"STATE"'))
    assert state < len(run.stdout) / 10
    assert len(run.state["bookmarks"]["bookings"]["partitions"]) == 30
    assert simulator.token_requests == 30


def test_trial_run_writes_a_record_of_each_stream(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator), "--test")

    assert run.code == 0
    assert set(run.counts().values()) == {1}
    assert len(run.counts()) > 160


def test_bookmarks_of_unknown_streams_are_kept(simulator: Simulator) -> None:
    state = {"bookmarks": {"gone": {"partitions": [{"context": {"tenant_id": "1001"}, "continue_from": "x"}]}}}

    run = run_here(config_of(simulator), *FEEDS, state=state)

    assert run.state["bookmarks"]["gone"] == state["bookmarks"]["gone"]

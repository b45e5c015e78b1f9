"""Export feeds of the simulator: pages, tokens and dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from helpers.api_client import (
    CUSTOMERS,
    ApiClient,
    StreamReader,
    assert_problem,
    simple_feeds,
)

from tap_servicetitan.simulator import Simulator


def test_feed_has_pages_that_continue_until_has_more_is_false(client: ApiClient) -> None:
    pages = list(client.feed_pages())

    assert [len(page["data"]) for page in pages] == [50, 50, 20]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    assert len({row["id"] for page in pages for row in page["data"]}) == 120
    assert all(set(page) == {"hasMore", "continueFrom", "data"} for page in pages)


def test_feed_continues_from_the_last_page_after_a_change(simulator: Simulator, client: ApiClient) -> None:
    *_, last = client.feed_pages()
    after = client.page(from_=last["continueFrom"])
    simulator.advance(minutes=60, new=3, changed=0)

    assert after == {"hasMore": False, "continueFrom": last["continueFrom"], "data": []}
    assert len(client.page(from_=last["continueFrom"])["data"]) == 3


def test_feed_without_records_has_a_token() -> None:
    with Simulator(records=0) as simulator:
        client = ApiClient(simulator)
        page = client.page()
        simulator.advance(minutes=60, new=2, changed=0)

        assert page["data"] == []
        assert page["hasMore"] is False
        assert page["continueFrom"]
        assert len(client.feed(from_=page["continueFrom"])) == 2
        client.session.close()


def test_feed_of_each_stream_is_served(simulator: Simulator, client: ApiClient) -> None:
    for endpoint in simple_feeds():
        rows = client.feed(f"{endpoint.api}/{endpoint.path}")
        assert rows == simulator.records(endpoint.name)
        assert len(rows) == 120
        assert "tenant_id" not in rows[0]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_feed_from_a_date_has_records_modified_on_or_after_it(client: ApiClient) -> None:
    rows = client.feed()
    modified = rows[70]["modifiedOn"]
    expected = [row for row in rows if moment(row["modifiedOn"]) >= moment(modified)]

    assert client.feed(from_=modified) == expected
    assert client.feed(from_=modified.replace("Z", "+00:00")) == expected
    assert client.feed(from_="2020-01-01") == rows
    assert client.feed(from_="2030-01-01T00:00:00-07:00") == []
    assert len(client.feed(from_="2025-01-01")) < len(rows)


def test_feed_has_records_with_the_same_modification_time(client: ApiClient) -> None:
    client.simulator.close()
    with Simulator(records=500) as simulator:
        dates = [row["modifiedOn"] for row in simulator.records("bookings")]
    assert len(set(dates)) < len(dates)


@pytest.mark.parametrize("garbled", ["nonsense", "2025-13-01", "20250101", "YWJj", "!"])
def test_feed_refuses_what_is_neither_date_nor_token(client: ApiClient, garbled: str) -> None:
    assert_problem(client.get(from_=garbled), 400)


def test_feed_refuses_the_token_of_another_feed_tenant_or_seed() -> None:
    with (
        Simulator(records=10, page_size=5, tenants=2) as simulator,
        Simulator(records=10, page_size=5, seed=2) as other,
    ):
        first, second, stranger = ApiClient(simulator), ApiClient(simulator, 1), ApiClient(other)
        token = first.page()["continueFrom"]

        assert_problem(first.get(CUSTOMERS, from_=token), 400)
        assert_problem(second.get(from_=token), 400)
        assert_problem(stranger.get(from_=token), 400)
        for client in (first, second, stranger):
            client.session.close()


def test_feed_token_is_valid_in_another_simulator_with_the_same_seed() -> None:
    pages = []
    token = None
    for _ in range(2):
        with Simulator(records=10, page_size=5) as simulator:
            client = ApiClient(simulator)
            pages.append(client.page(**({"from_": token} if token else {})))
            token = pages[0]["continueFrom"]
            client.session.close()

    assert len({row["id"] for page in pages for row in page["data"]}) == 10


def test_feed_ignores_unknown_parameters(client: ApiClient) -> None:
    assert client.page(pageSize="3", modifiedBefore="2020-01-01") == client.page()


def test_feed_of_assignments_hides_inactive_rows_by_default(
    start: Callable[..., StreamReader],
) -> None:
    reader = start(records=200)
    assignments, appointments = (
        [len(reader.data(path, **query)) for query in ({}, {"active": "Any"}, {"active": "True"})]
        for path in ("dispatch/v2/export/appointment-assignments", "jpm/v2/export/appointments")
    )

    assert assignments[0] == assignments[2] < assignments[1] == 200
    assert appointments[2] < appointments[0] == appointments[1] == 200

"""Many requests at once, and memory that does not grow with the pages that are read."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from helpers.api_client import ApiClient

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.api import selection, service
from tap_servicetitan.simulator.api.handlers import list_handler
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
from tap_servicetitan.simulator.http import request_log
from tap_servicetitan.simulator.http.application import Application


def test_fifty_requests_in_flight_are_all_answered(
    simulate: Callable[..., Simulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_there = Barrier(50, timeout=60)
    answer = Application.handle

    def handle(application: Application, request: ApiRequest) -> ApiResponse:
        """Answer none of the requests for bookings before all are there."""
        if request.path.endswith("/bookings"):
            all_there.wait()
        return answer(application, request)

    monkeypatch.setattr(Application, "handle", handle)
    simulator = simulate(records=1000)
    with ApiClient(simulator) as client, ThreadPoolExecutor(50) as pool:
        url, headers = client.url("crm/v2/bookings"), dict(client.session.headers)

        def page(number: int) -> list[dict[str, Any]]:
            """Read a page through a connection of its own."""
            query: dict[str, Any] = {"page": number, "pageSize": 20, "active": "Any"}
            data: list[dict[str, Any]] = requests.get(url, query, headers=headers, timeout=60).json()["data"]
            return data

        pages = list(pool.map(page, range(1, 51)))

    ids = [record["id"] for page in pages for record in page]
    assert len(ids) == len(set(ids)) == 1000
    assert simulator.max_in_flight == 50


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Return the bytes that Python's objects take."""
    tracemalloc.start()

    def size() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield size
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_pages_that_are_read(
    simulate: Callable[..., Simulator], traced: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE_LIMIT", 1_000_000)
    monkeypatch.setattr(service, "SELECTION_LIMIT", 5_000)
    monkeypatch.setattr(request_log, "MAX_LOGGED", 10)
    simulator = simulate(records=0, sizes={"bookings": 2_000}, page_size=100)
    with ApiClient(simulator) as client:

        def read(number: int) -> None:
            """Read the feed and the list; no page is one that was read before."""
            for page in client.feed_pages(from_=f"200{number}-01-01"):
                assert page["data"]
            for part in range(1, 9):
                client.data("crm/v2/bookings", page=part, pageSize=200, createdOnOrAfter=f"200{number}-01-01")

        read(0)
        before = traced()
        for number in range(1, 5):
            read(number)

        assert traced() - before < 500_000


def test_list_selects_its_records_once_for_all_pages(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    selected: list[str] = []

    def select(collection: Any, indices: Any, parameters: Any, log: Any) -> list[int]:
        selected.append(collection.endpoint.name)
        return selection.select(collection, indices, parameters, log)

    monkeypatch.setattr(list_handler, "select", select)
    pages = [client.data("crm/v2/bookings", page=page, pageSize=10) for page in range(1, 5)]
    assert len({record["id"] for page in pages for record in page}) == 40
    assert selected == ["bookings"]

    client.data("crm/v2/bookings", page=1, pageSize=10, sort="-Id")
    client.simulator.advance()
    client.data("crm/v2/bookings", page=1, pageSize=10)
    assert selected == ["bookings"] * 3


def test_expired_tokens_and_spent_faults_are_forgotten(
    simulate: Callable[..., Simulator], traced: Callable[[], int]
) -> None:
    simulator = simulate(records=1, token_lifetime=0.0001)
    with ApiClient(simulator) as client:

        def repeat() -> None:
            for _ in range(150):
                simulator.misbehave("token_error", times=1)
                client.token_response()
                client.token_response()

        repeat()
        before = traced()
        repeat()

        assert traced() - before < 250_000
        assert len(simulator._faults._faults) == 1


def test_log_keeps_equal_headers_once(client: ApiClient) -> None:
    client.get()
    client.get(from_="2025-01-01")
    client.get("crm/v2/leads", page=2)

    first, second, third = client.simulator.requests[-3:]
    assert first.headers is second.headers is third.headers
    assert first.headers["st-app-key"] == "ak1.simulator"

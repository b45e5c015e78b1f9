"""When requests fail without being sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from helpers import raw
from helpers.clients import BOOKINGS, WAIT_FACTOR, client_of, clients_of, page

from tap_servicetitan.client import circuit_breaker, tries
from tap_servicetitan.errors import APIError, CredentialsError
from tap_servicetitan.simulator import Simulator


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "token_error", "status": 503}, "the token endpoint answered 503"),
        ({"kind": "hang", "seconds": 9}, r"no answer in time \(127.0.0.1\)"),
        ({"kind": "reset"}, r"the connection failed: connection reset by peer \(127.0.0.1\)"),
    ],
)
def test_open_breaker_fails_requests_unsent_except_one_try_after_each_outage(
    simulator: Simulator, fault: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "OUTAGE_SECONDS", 0.5 / WAIT_FACTOR)
    client = client_of(simulator, request_timeout=0.1)
    streams = ["bookings"] if fault["kind"] == "token_error" else ["bookings", "leads"]
    simulator.misbehave(**fault, times=len(streams) * tries.MAX_TRIES + 1)

    for stream in streams:
        with pytest.raises(APIError, match=f"Gave up after 7 tries: {words}"):
            page(client, BOOKINGS.replace("bookings", stream))
    for _ in range(50):
        with pytest.raises(APIError, match=f"Not requested, since the API is unavailable: {words}"):
            page(client)
    time.sleep(0.5)
    with pytest.raises(APIError, match=f"Gave up: {words}"):
        page(client)
    time.sleep(0.5)

    assert len(page(client).data) == 20
    simulator.misbehave("error", times=3)
    assert len(page(client).data) == 20


@pytest.mark.parametrize("fault", [{"kind": "hang", "seconds": 9}, {"kind": "reset"}, {"kind": "rate_limit"}])
def test_breaker_stays_closed_for_one_stream_without_an_answer(simulator: Simulator, fault: dict[str, Any]) -> None:
    client = client_of(simulator, request_timeout=0.1)
    client._rate_limiter.max_wait = 0.2
    simulator.misbehave(**fault, stream="bookings", times=None)

    for _ in range(2):
        with pytest.raises(APIError, match=r"Gave up after 7 tries|429"):
            page(client)
        client._rate_limiter._paused_until = 0.0
        assert len(page(client, BOOKINGS.replace("bookings", "leads")).data) == 20


def test_breaker_stays_closed_while_other_requests_succeed(simulator: Simulator) -> None:
    client = client_of(simulator, request_timeout=0.1)
    simulator.misbehave("hang", stream="bookings", seconds=9, times=None)
    with ThreadPoolExecutor() as pool:
        failing = pool.submit(page, client)
        while not failing.done():
            page(client, BOOKINGS.replace("bookings", "leads"))

    with pytest.raises(APIError, match="Gave up after 7 tries"):
        failing.result()
    assert len(page(client, BOOKINGS.replace("bookings", "leads")).data) == 20


def test_breaker_opens_after_two_streams_are_throttled_for_too_long(simulator: Simulator) -> None:
    client = client_of(simulator)
    client._rate_limiter.max_wait = 0.3
    simulator.misbehave("rate_limit", retry_after=0.1, times=None)

    for stream in ("bookings", "leads"):
        with pytest.raises(APIError, match=r"The API answered 429.* Waited 0s for it"):
            page(client, BOOKINGS.replace("bookings", stream))
    asked = len(simulator.requests)
    with pytest.raises(APIError, match="Not requested, since the API is unavailable: The API answered 429"):
        page(client)
    assert len(simulator.requests) == asked


def test_wrong_app_key_is_not_tried_for_every_stream(simulator: Simulator) -> None:
    client = client_of(simulator, st_app_key="ak1.wrong")

    for feed in [BOOKINGS, "/jpm/v2/tenant/1001/export/jobs", "/payroll/v2/tenant/1001/export/activity-codes"] * 5:
        with pytest.raises(CredentialsError, match="The API answered 401"):
            page(client, feed)

    assert simulator.token_requests == 1 + circuit_breaker.KEY_REFUSALS


def test_breaker_ignores_401_of_a_single_api(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.misbehave("unauthorized", times=10)
    for _ in range(8):
        with pytest.raises(CredentialsError, match="The API answered 401"):
            page(client)

    while True:
        with suppress(CredentialsError):
            assert len(page(client).data) == 20
            break


def test_breaker_opens_for_all_tenants_when_the_host_refuses_connections(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=3)
    with raw.RawServer(lambda _: b"").listening() as other:
        gone = other["api_url"]
    first, *others = clients_of(simulator, api_url=gone)

    with pytest.raises(APIError, match="Gave up after 3 tries: no connection: connection refused"):
        page(first)
    for client in others:
        with pytest.raises(APIError, match="Not requested, since the API is unavailable: no connection: connection"):
            page(client)
    assert simulator.token_requests == 1

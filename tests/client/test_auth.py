"""Tokens: requested, renewed, shared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers import raw
from helpers.clients import BOOKINGS, client_of, decode_page, page

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import CredentialsError
from tap_servicetitan.simulator import Simulator


def test_token_endpoint_that_hangs_is_waited_for_once_by_all() -> None:
    waits = iter([9, 0, 0, 0])

    def token() -> bytes:
        over.wait(next(waits))
        return raw.http(raw.TOKEN)

    over = threading.Event()
    server = raw.RawServer(lambda _: raw.feed({"id": 1}), token)
    with server.listening() as config, ThreadPoolExecutor(8) as pool:
        client = client_of(config, request_timeout=0.5)
        started = time.monotonic()
        pages = list(pool.map(lambda _: page(client), range(8)))
        over.set()

    assert all(len(one.data) == 1 for one in pages)
    assert time.monotonic() - started < 2 * 0.5
    assert len([seen for seen in server.seen if seen.startswith(b"POST")]) == 2


def test_token_that_expires_during_a_pause_is_renewed_again(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.misbehave("unauthorized", times=1)
    simulator.misbehave("rate_limit", retry_after=0.05, times=1, after=1)
    simulator.misbehave("unauthorized", times=1, after=2)

    assert len(page(client).data) == 20
    assert [request.status for request in simulator.requests if request.stream] == [401, 429, 401, 200]


def test_throttled_token_endpoint_and_401_use_no_run_of_a_report(simulator: Simulator) -> None:
    client = client_of(simulator)
    limiter = RateLimiter((2, 60.0))
    simulator.misbehave("token_error", status=429, times=3, retry_after=0.05)
    simulator.misbehave("unauthorized", times=1)

    client.request(BOOKINGS, {}, decode_page, rate_limiter=limiter)
    client.request(BOOKINGS, {}, decode_page, rate_limiter=limiter)

    assert limiter._reserve() > 50


def test_token_is_shared_by_parallel_requests(simulator: Simulator) -> None:
    client = client_of(simulator)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: page(client), range(30)))

    assert simulator.token_requests == 1


def test_token_is_renewed_before_it_expires(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(token_lifetime=1)
    client = client_of(simulator)
    until = time.monotonic() + 2.2
    while time.monotonic() < until:
        page(client)

    assert simulator.token_requests == 3
    assert {request.status for request in simulator.requests} == {200}


def test_token_is_renewed_once_after_401(simulator: Simulator) -> None:
    client = client_of(simulator)
    page(client)
    simulator.misbehave("unauthorized")

    assert len(page(client).data) == 20
    assert simulator.token_requests == 2


def test_second_401_is_reported_as_wrong_credentials(simulator: Simulator) -> None:
    with pytest.raises(CredentialsError, match="The API answered 401"):
        page(client_of(simulator, st_app_key="ak1.wrong"))

    assert simulator.token_requests == 2


def test_wrong_secret_is_reported_and_not_retried(simulator: Simulator) -> None:
    with pytest.raises(CredentialsError) as caught:
        page(client_of(simulator, client_secret="cs2.wrong"))

    assert str(caught.value) == "The token endpoint refused the credentials (400)."
    assert simulator.token_requests == 1


def test_token_endpoint_with_an_error_is_retried(simulator: Simulator) -> None:
    simulator.misbehave("token_error", status=503, times=2)

    assert len(page(client_of(simulator)).data) == 20


def test_token_can_be_renewed_at_concurrency_1(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(token_lifetime=0.2)
    client = client_of(simulator, concurrency=1)

    while simulator.token_requests < 3:
        page(client)

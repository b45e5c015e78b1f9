"""Rate limits and the pauses that the API asks for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
import requests
from helpers.clients import BOOKINGS, client_of, decode_page, page
from helpers.support import wait_for

from tap_servicetitan.client import rate_limit, tries
from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import APIError
from tap_servicetitan.simulator import Simulator


def test_pause_is_waited_for_and_is_not_a_try(simulator: Simulator) -> None:
    simulator.misbehave("rate_limit", times=2 * tries.MAX_TRIES, retry_after=0.05)

    assert len(page(client_of(simulator)).data) == 20


def test_pause_is_the_longer_of_header_and_text() -> None:
    assert wait({"Retry-After": "1.5"}, b"Try again in 3 seconds.") == 3
    assert wait({"Retry-After": "2.5"}, b"") == 2.5
    assert wait({}, b"Rate limit is exceeded. Try again in 50 seconds.") == 50
    assert wait({}, b"Try again in 1 second.") == 1
    assert wait({"Retry-After": formatdate(time.time() + 30, usegmt=True)}, b"") == pytest.approx(30, abs=2)
    assert wait({}, b"<html>") == rate_limit.DEFAULT_RATE_LIMIT_WAIT
    assert wait({"Retry-After": "soon"}, b"") == rate_limit.DEFAULT_RATE_LIMIT_WAIT
    assert wait({"Retry-After": "nan"}, b"") == rate_limit.DEFAULT_RATE_LIMIT_WAIT
    assert wait({"Retry-After": "1e9"}, b"") == 1e9


def wait(headers: dict[str, str], body: bytes) -> float:
    response = requests.Response()
    response.headers.update(headers)
    response._content = body
    return rate_limit.retry_after(response)


def test_pause_that_is_too_long_fails_at_once(simulator: Simulator) -> None:
    simulator.misbehave("rate_limit", retry_after=rate_limit.MAX_RATE_LIMIT_WAIT + 1)

    with pytest.raises(APIError, match=r"429.*\. It asks for a pause of 901s, which is too long\."):
        page(client_of(simulator))


def test_pause_applies_to_all_requests_of_a_tenant(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(simulator)
    page(client)
    simulator.misbehave("rate_limit", retry_after=0.4)
    with ThreadPoolExecutor() as pool:
        refused = pool.submit(page, client)
        wait_for(lambda: "rate limit reached" in caplog.text)
        others = [pool.submit(page, client) for _ in range(4)]
        for request in (refused, *others):
            request.result()

    limited = next(request.at for request in simulator.requests if request.status == 429)
    after = [request.at - limited for request in simulator.requests if request.at > limited]
    assert len(after) == 5
    assert min(after) >= 0.35


def test_limiter_allows_no_more_than_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    limiter = RateLimiter.per_second(20)
    times = []
    for _ in range(200):
        while (seconds := limiter._reserve()) > 0:
            clock += seconds
        times.append(clock)

    assert all(later - earlier >= 0.999 for earlier, later in zip(times, times[25:], strict=False))
    assert all(later - earlier >= 2.999 for earlier, later in zip(times, times[60:], strict=False))
    assert times[-1] - times[0] < 10


def test_client_waits_for_its_limiter(simulator: Simulator) -> None:
    client = client_of(simulator, requests_per_second=4)
    started = time.monotonic()
    for _ in range(6):
        page(client)

    assert time.monotonic() - started >= 1


def test_limiter_below_one_a_second_allows_one_in_several_seconds() -> None:
    limiter = RateLimiter.per_second(0.5)

    assert limiter._reserve() == 0
    assert limiter._reserve() == pytest.approx(2, abs=0.1)


def test_limiter_by_the_minute_allows_all_at_once() -> None:
    limiter = RateLimiter.per_minute(5)

    assert [limiter._reserve() for _ in range(5)] == [0] * 5
    assert limiter._reserve() == pytest.approx(60, abs=0.1)
    seldom = RateLimiter.per_minute(0.5)
    assert seldom._reserve() == 0
    assert seldom._reserve() == pytest.approx(120, abs=0.1)


def test_second_limiter_applies_too_and_pauses_alone(simulator: Simulator) -> None:
    client = client_of(simulator)
    limiter = RateLimiter((2, 0.3))
    simulator.misbehave("rate_limit", retry_after=0.5)

    with ThreadPoolExecutor() as pool:
        small = [pool.submit(client.request, BOOKINGS, {}, decode_page, rate_limiter=limiter) for _ in range(4)]
        time.sleep(0.1)
        started = time.monotonic()
        page(client)
        assert time.monotonic() - started < 0.2
        assert all(len(one.result().data) == 20 for one in small)

    times = sorted(request.at for request in simulator.requests if request.stream)
    assert times[-1] - times[0] >= 0.5 + 0.3


def test_maintenance_is_waited_for_and_then_reported(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.misbehave("maintenance", retry_after=0.2, times=None)

    with pytest.raises(APIError, match=r"409: The service is suspended for maintenance.* Waited 0s for it\.") as caught:
        client.request(BOOKINGS, {}, decode_page, rate_limiter=RateLimiter(max_wait=0.3))

    assert caught.value.remedy.startswith("Run again when the maintenance is over")
    assert [request.status for request in simulator.requests if request.stream] == [409, 409]

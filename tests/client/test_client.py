"""One tenant's client against an API that misbehaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
import requests
from helpers import raw

from tap_servicetitan.client import circuit_breaker, rate_limit
from tap_servicetitan.client import client as client_module
from tap_servicetitan.client.client import Client
from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.client.session import ConnectionPool
from tap_servicetitan.errors import APIError, CredentialsError, MissingScopeError, NotFoundError, RefusedRequestError
from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.settings import Settings
from tap_servicetitan.simulator import Simulator

BOOKINGS = "/crm/v2/tenant/1001/export/bookings"
WAIT_FACTOR = 0.01
DEFAULTS = {
    "environment": "production",
    "include_recent_changes": False,
    "request_timeout": 5,
    "concurrency": 8,
    "requests_per_second": 10_000,
    "reports_per_minute": 5,
    "log_interval": 0,
}


def client_of(server: Simulator | dict[str, Any], **settings: Any) -> Client:
    config = server if isinstance(server, dict) else server.config
    parsed = Settings.parse({**DEFAULTS, **config, **settings}, user_agent="tests")
    return Client(parsed.tenants[0], parsed, ConnectionPool(parsed.concurrency), wait_factor=WAIT_FACTOR)


def page(client: Client, path: str = BOOKINGS, **params: str) -> FeedPage[dict[str, Any]]:
    decode = msgspec.json.Decoder(FeedPage[dict[str, Any]]).decode
    return client.request(path, params, decode)


@pytest.mark.parametrize(
    "fault",
    [
        "error",
        "bad_gateway",
        "unavailable",
        "reset",
        "reset_body",
        "cut",
        "cut_chunked",
        "empty",
        "html",
        "wrong_shape",
    ],
)
def test_what_can_heal_is_tried_again(simulator: Simulator, fault: str) -> None:
    simulator.misbehave(fault, times=2)

    assert len(page(client_of(simulator)).data) == 20
    assert len([request for request in simulator.requests if request.stream]) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("error", "Gave up after 7 tries: the API answered 500"),
        ("bad_gateway", "Gave up after 7 tries: the API answered 502"),
        ("reset", "Gave up after 7 tries: the connection failed: connection reset by peer (127.0.0.1)"),
        ("cut", "Gave up after 7 tries: the answer was cut short (127.0.0.1)"),
        ("empty", "Gave up after 7 tries: the answer is not JSON (0 bytes"),
        ("html", "Gave up after 7 tries: the answer is not JSON ("),
        ("wrong_shape", "Gave up after 3 tries: the answer has another shape than documented (Object missing required"),
    ],
)
def test_what_does_not_heal_ends_after_a_bounded_number_of_tries(simulator: Simulator, fault: str, words: str) -> None:
    simulator.misbehave(fault, times=None)

    with pytest.raises(APIError) as caught:
        page(client_of(simulator))

    assert str(caught.value).startswith(words)
    tries = client_module.MALFORMED_TRIES if fault == "wrong_shape" else client_module.MAX_TRIES
    assert len([request for request in simulator.requests if request.stream]) == tries


def test_no_answer_in_time_is_tried_again(simulator: Simulator) -> None:
    simulator.misbehave("hang", seconds=30)

    assert len(page(client_of(simulator, request_timeout=0.2)).data) == 20


def test_a_host_that_does_not_exist_is_told_without_the_url(simulator: Simulator) -> None:
    client = client_of(simulator, api_url="https://servicetitan.invalid")

    with pytest.raises(APIError, match=r"the host name could not be resolved \(servicetitan\.invalid\)\.") as caught:
        page(client)

    assert caught.value.remedy.startswith("Check api_url and auth_url")


def test_a_host_that_takes_no_connections_is_a_matter_of_the_network(simulator: Simulator) -> None:
    client = client_of(simulator, auth_url="http://127.0.0.1:9/connect/token")

    with pytest.raises(
        APIError, match=r"Gave up after 3 tries: no connection: connection refused \(127\.0\.0\.1:9\)\."
    ) as caught:
        page(client)

    assert caught.value.remedy.startswith("Check the network")


def test_a_rate_limit_is_waited_out_and_costs_no_tries(simulator: Simulator) -> None:
    simulator.misbehave("rate_limit", times=2 * client_module.MAX_TRIES, retry_after=0.05)

    assert len(page(client_of(simulator)).data) == 20


def test_the_wait_is_the_longer_of_header_and_text() -> None:
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


def test_a_pause_that_is_too_long_is_told_at_once(simulator: Simulator) -> None:
    simulator.misbehave("rate_limit", retry_after=rate_limit.MAX_RATE_LIMIT_WAIT + 1)

    with pytest.raises(APIError, match=r"429.*\. It asks for a pause of 901s, which is too long\."):
        page(client_of(simulator))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "token_error", "status": 503}, "the token endpoint answered 503"),
        ({"kind": "hang", "seconds": 9}, r"no answer in time \(127.0.0.1\)"),
        ({"kind": "reset"}, r"the connection failed: connection reset by peer \(127.0.0.1\)"),
    ],
)
def test_while_nobody_is_served_requests_fail_unasked_but_for_one_try_now_and_then(
    simulator: Simulator, fault: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "OUTAGE_SECONDS", 0.5 / WAIT_FACTOR)
    client = client_of(simulator, request_timeout=0.1)
    streams = ["bookings"] if fault["kind"] == "token_error" else ["bookings", "leads"]
    simulator.misbehave(**fault, times=len(streams) * client_module.MAX_TRIES + 1)

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
def test_one_stream_that_is_never_served_costs_no_other_even_one_after_the_other(
    simulator: Simulator, fault: dict[str, Any]
) -> None:
    client = client_of(simulator, request_timeout=0.1)
    client._rate_limiter.max_wait = 0.2
    simulator.misbehave(**fault, stream="bookings", times=None)

    for _ in range(2):
        with pytest.raises(APIError, match=r"Gave up after 7 tries|429"):
            page(client)
        client._rate_limiter._paused_until = 0.0
        assert len(page(client, BOOKINGS.replace("bookings", "leads")).data) == 20


def test_a_request_that_is_served_nowhere_does_not_stand_for_the_others(simulator: Simulator) -> None:
    client = client_of(simulator, request_timeout=0.1)
    simulator.misbehave("hang", stream="bookings", seconds=9, times=None)
    with ThreadPoolExecutor() as pool:
        failing = pool.submit(page, client)
        while not failing.done():
            page(client, BOOKINGS.replace("bookings", "leads"))

    with pytest.raises(APIError, match="Gave up after 7 tries"):
        failing.result()
    assert len(page(client, BOOKINGS.replace("bookings", "leads")).data) == 20


def test_a_token_endpoint_that_hangs_is_waited_for_once_by_all() -> None:
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


def test_a_limit_that_never_ends_is_waited_for_once(simulator: Simulator) -> None:
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


def test_a_wrong_app_key_is_not_tried_for_every_stream(simulator: Simulator) -> None:
    client = client_of(simulator, st_app_key="ak1.wrong")

    for feed in [BOOKINGS, "/jpm/v2/tenant/1001/export/jobs", "/payroll/v2/tenant/1001/export/activity-codes"] * 5:
        with pytest.raises(CredentialsError, match="The API answered 401"):
            page(client, feed)

    assert simulator.token_requests == 1 + circuit_breaker.KEY_REFUSALS


def test_a_401_of_some_resources_alone_does_not_count_against_the_others(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.misbehave("unauthorized", times=10)
    for _ in range(8):
        with pytest.raises(CredentialsError, match="The API answered 401"):
            page(client)

    while True:
        with suppress(CredentialsError):
            assert len(page(client).data) == 20
            break


def test_a_token_that_dies_while_a_pause_is_waited_out_is_renewed_again(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.misbehave("unauthorized", times=1)
    simulator.misbehave("rate_limit", retry_after=0.05, times=1, after=1)
    simulator.misbehave("unauthorized", times=1, after=2)

    assert len(page(client).data) == 20
    assert [request.status for request in simulator.requests if request.stream] == [401, 429, 401, 200]


def test_a_throttled_token_endpoint_and_a_401_cost_no_run_of_a_report(simulator: Simulator) -> None:
    decode = msgspec.json.Decoder(FeedPage[dict[str, Any]]).decode
    client = client_of(simulator)
    limiter = RateLimiter((2, 60.0))
    simulator.misbehave("token_error", status=429, times=3, retry_after=0.05)
    simulator.misbehave("unauthorized", times=1)

    client.request(BOOKINGS, {}, decode, rate_limiter=limiter)
    client.request(BOOKINGS, {}, decode, rate_limiter=limiter)

    assert limiter._reserve() > 50


def test_a_pause_holds_all_of_a_tenants_requests(simulator: Simulator) -> None:
    client = client_of(simulator)
    page(client)
    simulator.misbehave("rate_limit", retry_after=0.4)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: page(client), range(5)))

    limited = next(request.at for request in simulator.requests if request.status == 429)
    after = [request.at - limited for request in simulator.requests if request.at > limited + 0.05]
    assert after
    assert min(after) >= 0.35


def test_requests_keep_to_the_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_requests_wait_for_the_limiter(simulator: Simulator) -> None:
    client = client_of(simulator, requests_per_second=4)
    started = time.monotonic()
    for _ in range(6):
        page(client)

    assert time.monotonic() - started >= 1


def test_a_limiter_below_one_a_second_spreads_requests_wider() -> None:
    limiter = RateLimiter.per_second(0.5)

    assert limiter._reserve() == 0
    assert limiter._reserve() == pytest.approx(2, abs=0.1)


def test_a_limiter_by_the_minute_may_be_spent_at_once() -> None:
    limiter = RateLimiter.per_minute(5)

    assert [limiter._reserve() for _ in range(5)] == [0] * 5
    assert limiter._reserve() == pytest.approx(60, abs=0.1)
    seldom = RateLimiter.per_minute(0.5)
    assert seldom._reserve() == 0
    assert seldom._reserve() == pytest.approx(120, abs=0.1)


def test_a_limiter_of_its_own_is_kept_to_and_pauses_alone(simulator: Simulator) -> None:
    client = client_of(simulator)
    decode = msgspec.json.Decoder(FeedPage[dict[str, Any]]).decode
    limiter = RateLimiter((2, 0.3))
    simulator.misbehave("rate_limit", retry_after=0.5)

    with ThreadPoolExecutor() as pool:
        small = [pool.submit(client.request, BOOKINGS, {}, decode, rate_limiter=limiter) for _ in range(4)]
        time.sleep(0.1)
        started = time.monotonic()
        page(client)
        assert time.monotonic() - started < 0.2
        assert all(len(one.result().data) == 20 for one in small)

    times = sorted(request.at for request in simulator.requests if request.stream)
    assert times[-1] - times[0] >= 0.5 + 0.3


def test_maintenance_is_waited_out_and_then_told(simulator: Simulator) -> None:
    decode = msgspec.json.Decoder(FeedPage[dict[str, Any]]).decode
    client = client_of(simulator)
    simulator.misbehave("maintenance", retry_after=0.2, times=None)

    with pytest.raises(APIError, match=r"409: The service is suspended for maintenance.* Waited 0s for it\.") as caught:
        client.request(BOOKINGS, {}, decode, rate_limiter=RateLimiter(max_wait=0.3))

    assert caught.value.remedy.startswith("Run again when the maintenance is over")
    assert [request.status for request in simulator.requests if request.stream] == [409, 409]


def test_one_token_serves_many_requests_at_once(simulator: Simulator) -> None:
    client = client_of(simulator)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: page(client), range(30)))

    assert simulator.token_requests == 1


def test_a_token_is_renewed_before_it_expires(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(token_lifetime=1)
    client = client_of(simulator)
    until = time.monotonic() + 2.2
    while time.monotonic() < until:
        page(client)

    assert simulator.token_requests == 3
    assert {request.status for request in simulator.requests} == {200}


def test_a_401_gets_a_new_token_once(simulator: Simulator) -> None:
    client = client_of(simulator)
    page(client)
    simulator.misbehave("unauthorized")

    assert len(page(client).data) == 20
    assert simulator.token_requests == 2


def test_a_401_that_stays_is_told_as_a_matter_of_credentials(simulator: Simulator) -> None:
    with pytest.raises(CredentialsError, match="The API answered 401"):
        page(client_of(simulator, st_app_key="ak1.wrong"))

    assert simulator.token_requests == 2


def test_a_wrong_secret_is_told_and_not_tried_again(simulator: Simulator) -> None:
    with pytest.raises(CredentialsError) as caught:
        page(client_of(simulator, client_secret="cs2.wrong"))

    assert str(caught.value) == "The token endpoint refused the credentials (400)."
    assert simulator.token_requests == 1


def test_a_token_endpoint_out_of_order_is_tried_again(simulator: Simulator) -> None:
    simulator.misbehave("token_error", status=503, times=2)

    assert len(page(client_of(simulator)).data) == 20


def test_a_missing_scope_is_told_with_servicetitans_words(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.bookings:r"])

    with pytest.raises(MissingScopeError, match="The API answered 403: Scope validation failed"):
        page(client_of(simulator))


def test_other_refusals_have_their_own_errors(simulator: Simulator) -> None:
    client = client_of(simulator)

    with pytest.raises(NotFoundError):
        page(client, "/crm/v2/tenant/1001/export/nothing")
    with pytest.raises(RefusedRequestError):
        page(client, **{"from": "neither token nor date"})


def test_credentials_do_not_follow_a_redirect(simulator: Simulator, simulate: Callable[..., Simulator]) -> None:
    elsewhere = simulate()
    simulator.misbehave("redirect", location=elsewhere.url, times=None)

    with pytest.raises(APIError, match="302, a redirect, which is not followed"):
        page(client_of(simulator))

    assert elsewhere.requests == []


def test_the_tap_names_itself_and_both_keys_are_sent(simulator: Simulator) -> None:
    page(client_of(simulator, user_agent="acme-elt/1"))

    (asked,) = [request for request in simulator.requests if request.stream]
    assert asked.headers["user-agent"] == "acme-elt/1"
    assert asked.headers["st-app-key"] == "ak1.simulator"
    assert asked.headers["authorization"].startswith("Bearer ")


def test_one_request_at_a_time_can_renew_its_token(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(token_lifetime=0.2)
    client = client_of(simulator, concurrency=1)

    while simulator.token_requests < 3:
        page(client)

"""Every fault on every request of every kind of stream, and answers that break HTTP or JSON."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers.raw import TOKEN, RawServer, feed, http
from helpers.support import Output, config_of, run_here

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.simulator import Simulator

SINCE = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
"""A first window: three days."""

KINDS = {
    "bookings": "a feed",
    "job_history": "a feed whose rows hold records",
    "journal_entries": "a listing with a known number of pages",
    "customer_notes": "a nested collection",
    "email_channel_costs": "windows",
    "contact_preferences": "an array",
    "business_hours": "a single object",
    "capacities": "availability, by POST",
}
FAULTS: dict[str, dict[str, Any]] = {
    "rate limit with Retry-After": {"kind": "rate_limit", "retry_after": 0.01},
    "rate limit without Retry-After": {"kind": "rate_limit", "seconds": 0},
    "500": {"kind": "error"},
    "502 with HTML": {"kind": "bad_gateway"},
    "503 with Retry-After": {"kind": "unavailable", "retry_after": 0.05},
    "reset before the answer": {"kind": "reset"},
    "reset inside the body": {"kind": "reset_body"},
    "a body that is cut": {"kind": "cut"},
    "a chunked body that is cut": {"kind": "cut_chunked"},
    "an empty body": {"kind": "empty"},
    "HTML with status 200": {"kind": "html"},
    "JSON of another shape": {"kind": "wrong_shape"},
    "401 in the middle": {"kind": "unauthorized"},
    "no answer in time": {"kind": "hang", "seconds": 1},
}


def world(simulate: Callable[..., Simulator], **options: Any) -> tuple[Simulator, dict[str, Any]]:
    simulator = simulate(records=30, page_size=10, sizes={"journal_entries": 1200, "customers": 4}, **options)
    return simulator, config_of(simulator, request_timeout=0.3)


def run_of(config: dict[str, Any], stream: str) -> Output:
    return run_here(config | ({"start_date": SINCE} if stream == "email_channel_costs" else {}), stream)


def texts(run: Output, stream: str) -> list[str]:
    return [json.dumps(record, sort_keys=True) for record in run.records(stream)]


@pytest.mark.parametrize("stream", KINDS, ids=KINDS.values())
def test_run_with_a_fault_on_any_request_writes_the_same_as_a_run_without(
    simulate: Callable[..., Simulator], stream: str, *, long: bool
) -> None:
    simulator, config = world(simulate)
    expected = run_of(config, stream)
    requests = sum(request.stream is not None for request in simulator.requests)
    assert expected.counts()[stream]
    cases = [(name, number) for name in FAULTS for number in range(requests)]
    for name, number in cases if long else random.Random(stream).sample(cases, 5):
        simulator.behave()
        before = len(simulator.requests)
        simulator.misbehave(**FAULTS[name], after=number)

        run = run_of(config, stream)

        assert run.code == 0, (name, number, run.log)
        assert texts(run, stream) == texts(expected, stream), (name, number)
        assert any(request.fault for request in simulator.requests[before:]), (name, number)


@pytest.mark.parametrize("stream", KINDS, ids=KINDS.values())
def test_lasting_fault_is_one_line_for_the_stream(simulate: Callable[..., Simulator], stream: str) -> None:
    simulator, config = world(simulate)
    simulator.misbehave("error", times=None)

    run = run_of(config, stream)

    assert run.code == 1
    assert run.counts() == {}
    assert "Traceback" not in run.log
    (line,) = [line for line in run.log.splitlines() if line.startswith("tenant 1001")]
    assert line.startswith(f"tenant 1001, stream {stream}: Gave up after 7 tries: the API answered 500")
    assert line.endswith("Run again later: the sync resumes where it stopped.")


RECORD = {"id": 1, "name": "Dana"}
BROKEN = {
    "no HTTP": b"HELLO\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n{}",
    "an invalid chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "not gzip": http(b"{}", Content_Encoding="gzip"),
    "too many headers": http(b"{}", **{f"X{number}": "1" for number in range(200)}),
    "a header too long": http(b"{}", X="x" * 100_000),
    "too deep": feed(b"[" * 100_000 + b"]" * 100_000),
    "another encoding": http(json.dumps({"data": []}).encode("utf-16")),
    "a record in place of the page": http(json.dumps(RECORD).encode()),
    "null in place of the list": http(b'{"data":null,"hasMore":false,"continueFrom":"t"}'),
    "null in place of a record": feed(RECORD, None),
    "408": http(b"", "408 Request Timeout"),
    "999": http(b"", "999 Whatever"),
    "429 that says the year 99999": http(b"try again in 0 seconds", "429 T", Retry_After="Fri, 01 Jan 99999 00:00:00"),
}


def run_against(
    answers: Callable[[int], bytes | Iterator[bytes]], token: Callable[[], bytes] = lambda: http(TOKEN), **settings: Any
) -> tuple[RawServer, Output]:
    """Run the tap against answers by number of the request."""
    server = RawServer(lambda _: answers(len([seen for seen in server.seen if b" /token" not in seen])), token)
    with server.listening() as config:
        return server, run_here({**config, "request_timeout": 2, **settings}, "bookings")


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_broken_answer_is_requested_again(answer: bytes) -> None:
    _, run = run_against(lambda number: answer if number < 3 else feed(RECORD))

    assert run.code == 0
    assert run.records("bookings") == [{"tenant_id": "1001", **RECORD}]


@pytest.mark.parametrize("location", ["https://example.com/", "http://[", "\xff\xfe://x", None])
def test_redirect_is_reported_in_one_line(location: str | None) -> None:
    answer = http(b"", "302 Found", **({} if location is None else {"Location": location}))

    server, run = run_against(lambda _: answer)

    assert run.code == 1
    assert "The API answered 302, a redirect, which is not followed" in run.log
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", "500 Oops"), http(b"<html>", "503 Later"), http(b"", "408 Slow"), http(b"", "429 T", Retry_After="0"),
        http(b"<html>"), http(b""), b"", http(b'{"access_token":"\xff"}'), http(b'{"access_token":"a\\nb"}'),
        http(b'{"access_token":""}'), http('{"access_token":"t\u20ac"}'.encode()), http(b"[" * 100_000),
        http(b'{"error":"slow down"}'),
    ],
)  # fmt: skip
def test_token_is_requested_again_after_a_broken_answer(answer: bytes) -> None:
    tokens = iter([answer, answer])

    server, run = run_against(lambda _: feed(RECORD), lambda: next(tokens, http(TOKEN)))

    assert run.code == 0
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("400 B", "The token endpoint refused the credentials (400). Check client_id and client_secret"),
        ("401 U", "The token endpoint refused the credentials (401). Check client_id and client_secret"),
        ("302 F", "The token endpoint answered 302, which is neither a token nor a refusal. Check environment"),
        ("404 N", "The token endpoint answered 404, which is neither a token nor a refusal. Check environment"),
    ],
)
def test_token_endpoint_that_refuses_gets_one_request(status: str, line: str) -> None:
    server, run = run_against(lambda _: feed(RECORD), lambda: http(b"", status, Location="https://example.com/"))

    assert run.code == 1
    assert line in run.log
    assert len(server.seen) == 1


def test_token_endpoint_gets_the_pause_that_it_asks_for() -> None:
    tokens = iter([http(b"", "429 T", Retry_After="0.4")])
    started = time.monotonic()

    _, run = run_against(lambda _: feed(RECORD), lambda: next(tokens, http(TOKEN)))

    assert run.code == 0
    assert time.monotonic() - started > 0.4
    assert "Tenant 1001: rate limit reached, waiting 0.4s." in run.log


@pytest.mark.parametrize("lifetime", ["null", "0", "-1", "1e99", '"soon"', "[]", '"900"', "86401"])
def test_token_with_an_invalid_lifetime_has_the_default_one(lifetime: str) -> None:
    token = http(b'{"access_token":"t","expires_in":%s}' % lifetime.encode())
    pages = [feed(RECORD, more=True, continue_from="1"), feed(RECORD)]

    server, run = run_against(lambda number: pages[number - 1], lambda: token)

    assert run.code == 0
    assert len(server.seen) == 3


def test_byte_order_mark_before_the_json_is_ignored() -> None:
    page = http(b'\xef\xbb\xbf{"data":[],"hasMore":false,"continueFrom":"t"}')

    server, run = run_against(lambda _: page, lambda: http(b"\xef\xbb\xbf" + TOKEN))

    assert run.code == 0
    assert len(server.seen) == 2


@pytest.mark.parametrize("place", ["head", "body", "body of unknown length"])
def test_answer_that_comes_byte_by_byte_is_aborted(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr("tap_servicetitan.client.session.TOTAL_TIMEOUT_FACTOR", 0.5)
    whole = feed(RECORD)
    if place == "body of unknown length":
        whole = whole.replace(b"Content-Length", b"X-Length")
    start = 10 if place == "head" else whole.index(b"\r\n\r\n") + 4

    def slow_bytes(number: int) -> Iterator[bytes]:
        if number > 1:
            yield whole
            return
        yield whole[:start]
        for letter in whole[start:] * 20:
            time.sleep(0.05)
            yield bytes([letter])

    started = time.monotonic()
    server, run = run_against(slow_bytes, request_timeout=1)

    assert run.code == 0
    assert len(run.records("bookings")) == 1
    assert "no answer in time (127.0.0.1); try 2 of 7" in run.log
    assert len(server.seen) == 3
    assert time.monotonic() - started < 5


def test_rate_limit_that_asks_for_no_pause_gets_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {**(RateLimiter.__init__.__kwdefaults__ or {}), "max_wait": 1.0}
    monkeypatch.setattr(RateLimiter.__init__, "__kwdefaults__", defaults)

    server, run = run_against(lambda _: http(b"", "429 Too Many Requests", Retry_After="0"))

    assert run.code == 1
    assert "s for it. Lower requests_per_second" in run.log
    assert len(server.seen) < 40


def test_pause_is_news_if_it_is_longer_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    budget = RateLimiter.per_second(10)

    assert [budget.pause(seconds) for seconds in (5, 5.5, 600, 600.5, 3)] == [True, False, True, False, False]


def test_token_that_expires_during_waits_is_renewed_before_it_is_sent(simulate: Callable[..., Simulator]) -> None:
    simulator, config = world(simulate, token_lifetime=0.3)
    simulator.misbehave("rate_limit", times=2, retry_after=0.4)

    run = run_of({**config, "request_timeout": 5}, "business_hours")

    assert run.code == 0
    assert [request.status for request in simulator.requests] == [200, 429, 200, 429, 200, 200]


def test_control_characters_of_an_error_do_not_reach_the_log() -> None:
    _, run = run_against(lambda _: http(b'{"title":"a\\u001b[31mb\\u0000\\u202e\\nc"}', "404 N"))

    assert run.code == 1
    assert "The API answered 404: a [31mb c." in run.log
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", run.log)

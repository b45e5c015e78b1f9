"""Answers whose result comes later, a busy API, and cancelling."""

from __future__ import annotations

import msgspec
import pytest
from helpers.clients import client_of
from helpers.raw import RawServer, http

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import APIError, WrongStateError

PATH = "/reporting/v2/tenant/1001/data-queries/t"


def decode_done(body: bytes) -> tuple[str, object]:
    return "done", msgspec.json.decode(body)


def decode_pending(body: bytes) -> tuple[str, object]:
    return "pending", msgspec.json.decode(body)


def test_pending_answer_is_decoded_by_its_status() -> None:
    answers = iter([http(b'{"token":"t"}', "202 A"), http(b'{"rows":1}'), http(b'{"token":"t"}', "202 A")])
    with RawServer(lambda _: next(answers)).listening() as config:
        client = client_of(config)
        found = [client.request(PATH, {}, decode_done, decode_pending=decode_pending) for _ in range(2)]
        with pytest.raises(APIError, match="The API answered 202"):
            client.request(PATH, {}, decode_done)

    assert found == [("pending", {"token": "t"}), ("done", {"rows": 1})]


@pytest.mark.parametrize("title", ["Another query is under way.", "The service is suspended for maintenance."])
def test_busy_api_gets_the_request_again_after_a_pause(title: str) -> None:
    busy = http(b'{"title":"%s"}' % title.encode(), "409 C", Retry_After="0")
    answers = iter([busy, busy, http(b"{}")])
    with RawServer(lambda _: next(answers)).listening() as config:
        found = client_of(config).request(PATH, {}, decode_done, retry_conflict=True)

    assert found == ("done", {})


def test_busy_api_is_given_up_with_what_to_do() -> None:
    with RawServer(lambda _: http(b'{"title":"Another query."}', "409 C", Retry_After="9")).listening() as config:
        client = client_of(config)
        with pytest.raises(WrongStateError):
            client.request(PATH, {}, decode_done)
        with pytest.raises(APIError, match=r"409: Another query\. It asks for a pause of 9s") as caught:
            client.request(PATH, {}, decode_done, rate_limiter=RateLimiter(max_wait=5), retry_conflict=True)

    assert caught.value.remedy == "Run again later: the sync resumes where it stopped."


@pytest.mark.parametrize("status", [204, 403, 500])
def test_delete_is_sent_once_and_returns_the_status(status: int) -> None:
    server = RawServer(lambda _: http(status=f"{status} X"))
    with server.listening() as config:
        assert client_of(config).delete(PATH) == status

    sent = [seen for seen in server.seen if b"/token " not in seen.split(b"\r\n")[0]]
    assert [seen.split(b" ")[0] for seen in sent] == [b"DELETE"]


def test_request_that_was_not_counted_is_given_back() -> None:
    limiter = RateLimiter((1, 1000.0), max_wait=0)
    limiter.wait()
    limiter.give_back()
    limiter.wait()

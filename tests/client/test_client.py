"""Which answers a client retries, and what it reports of the others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from helpers import raw
from helpers.clients import client_of, page
from helpers.support import run_here

from tap_servicetitan.client import tries
from tap_servicetitan.errors import APIError, MissingScopeError, NotFoundError, RefusedRequestError
from tap_servicetitan.simulator import Simulator


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
def test_client_retries_what_may_succeed_later(simulator: Simulator, fault: str) -> None:
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
def test_client_gives_up_after_a_bounded_number_of_tries(simulator: Simulator, fault: str, words: str) -> None:
    simulator.misbehave(fault, times=None)

    with pytest.raises(APIError) as caught:
        page(client_of(simulator))

    assert str(caught.value).startswith(words)
    expected = tries.MALFORMED_TRIES if fault == "wrong_shape" else tries.MAX_TRIES
    assert len([request for request in simulator.requests if request.stream]) == expected


def test_client_retries_after_no_answer_in_time(simulator: Simulator) -> None:
    simulator.misbehave("hang", seconds=30)

    assert len(page(client_of(simulator, request_timeout=0.2)).data) == 20


def test_missing_scope_is_reported_in_the_words_of_the_api(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.bookings:r"])

    with pytest.raises(MissingScopeError, match="The API answered 403: Scope validation failed"):
        page(client_of(simulator))


def test_refusals_have_errors_of_their_own(simulator: Simulator) -> None:
    client = client_of(simulator)

    with pytest.raises(NotFoundError):
        page(client, "/crm/v2/tenant/1001/export/nothing")
    with pytest.raises(RefusedRequestError):
        page(client, **{"from": "neither token nor date"})


def test_request_carries_user_agent_token_and_app_key(simulator: Simulator) -> None:
    page(client_of(simulator, user_agent="acme-elt/1"))

    (asked,) = [request for request in simulator.requests if request.stream]
    assert asked.headers["user-agent"] == "acme-elt/1"
    assert asked.headers["st-app-key"] == "ak1.simulator"
    assert asked.headers["authorization"].startswith("Bearer ")


def test_client_stops_early_at_an_endpoint_whose_answers_are_all_malformed() -> None:
    bad, good = raw.http(b'{"data":[]}'), raw.feed({"id": 1})
    answers = {"notes": bad, "tags": good}
    server = raw.RawServer(lambda path: answers[path.rsplit("/", 1)[-1]])

    def tries(parent: int, collection: str = "notes") -> int:
        before = len(server.seen)
        with suppress(APIError):
            page(client, f"/crm/v2/tenant/1001/customers/{parent}/{collection}")
        return len(server.seen) - before

    with server.listening() as config:
        client = client_of(config)
        assert [tries(1, "tags"), tries(1), tries(2), tries(3, "tags"), tries(3)] == [2, 3, 2, 1, 2]
        answers["notes"] = good
        assert tries(4) == 1
        answers["notes"] = bad
        assert tries(5) == 3


def test_client_retries_longer_where_answers_are_malformed_in_different_ways() -> None:
    bodies = itertools.cycle([b'{"data":[]}', b'{"data":1}'])
    server = raw.RawServer(lambda _: raw.http(next(bodies)))

    with server.listening() as config, pytest.raises(APIError, match="Gave up after 7 tries: the answer has another"):
        page(client_of(config))


@pytest.mark.parametrize("segment", ["..", ".", ""])
def test_client_refuses_an_id_that_would_change_the_path(simulator: Simulator, segment: str) -> None:
    with pytest.raises(APIError, match=f'The id "{re.escape(segment)}" cannot be part of a URL'):
        page(client_of(simulator), f"/crm/v2/tenant/1001/customers/{segment}/notes")

    assert simulator.requests == []


def test_client_reports_a_parent_whose_id_would_change_the_path() -> None:
    parents = raw.http(b'{"data":[{"id":".."}],"hasMore":false,"totalCount":1}')
    server = raw.RawServer(lambda _: parents)

    with server.listening() as config:
        run = run_here(config, "customer_notes")

    assert run.code == 1
    assert "tenant 1001, stream customer_notes: " in run.log
    assert 'The id ".." cannot be part of a URL' in run.log
    assert not any(b"/notes" in request for request in server.seen)

"""Faults of the simulator, one by one and at random."""

from __future__ import annotations

import socket

import pytest
import requests
from helpers.api_client import (
    BOOKINGS,
    CUSTOMERS,
    ApiClient,
    assert_problem,
)

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.api.faults import TRANSIENT, Faults


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("rate_limit", 429, "Rate limit is exceeded. Try again in 1 seconds."),
        ("error", 500, "An error occurred"),
        ("bad_gateway", 502, "<html>"),
        ("unavailable", 503, "<html>"),
        ("empty", 200, ""),
        ("html", 200, "<html>"),
        ("wrong_shape", 200, '{"items":[]}'),
        ("unauthorized", 401, ""),
        ("redirect", 302, ""),
    ],
)
def test_fault_hits_the_requested_number_of_requests(client: ApiClient, kind: str, status: int, body: str) -> None:
    client.simulator.misbehave(kind, stream="bookings", after=1, times=2)
    good = client.page()
    client.get(CUSTOMERS)
    for _ in range(2):
        response = client.get()
        assert response.status_code == status
        assert body in response.text
        client.log_in()

    assert client.page() == good
    assert [request.fault for request in client.simulator.requests if request.stream == "bookings"] == [
        None, kind, kind, None,
    ]  # fmt: skip


def test_fault_without_end_lasts_until_behave(client: ApiClient) -> None:
    client.simulator.misbehave("error", times=None)

    assert {client.get(path).status_code for path in (BOOKINGS, CUSTOMERS) * 3} == {500}
    client.simulator.behave()
    assert client.get().status_code == 200


def test_rate_limit_fault_has_the_requested_wait_in_header_or_title(client: ApiClient) -> None:
    client.simulator.misbehave("rate_limit", retry_after=0.2)
    client.simulator.misbehave("rate_limit", seconds=50)
    floating, titled = client.get(), client.get()

    assert floating.headers["Retry-After"] == "0.2"
    assert "Retry-After" not in titled.headers
    assert "in 50 seconds" in titled.json()["title"]


def test_unauthorized_fault_makes_the_access_token_invalid(client: ApiClient) -> None:
    client.simulator.misbehave("unauthorized")

    assert [client.get().status_code for _ in range(2)] == [401, 401]
    client.log_in()
    assert client.get().status_code == 200


@pytest.mark.parametrize("kind", ["reset", "reset_body", "cut", "cut_chunked"])
def test_broken_connection_fails_one_request(client: ApiClient, kind: str) -> None:
    client.simulator.misbehave(kind)
    with pytest.raises(requests.RequestException):
        client.get()

    assert client.get().status_code == 200


def test_reset_fault_resets_the_connection(client: ApiClient) -> None:
    client.simulator.misbehave("reset")
    host, port = client.simulator.url.removeprefix("http://").split(":")
    headers = "".join(f"{name}: {client.session.headers[name]!s}\r\n" for name in ("ST-App-Key", "Authorization"))
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {client.url(BOOKINGS)} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    assert client.simulator.requests[-1].status == 0


def test_hang_fault_delays_one_response(client: ApiClient) -> None:
    client.simulator.misbehave("hang", seconds=30)
    with pytest.raises(requests.Timeout):
        client.session.get(client.url(BOOKINGS), timeout=(5, 0.05))

    assert client.get().status_code == 200


def test_refuse_token_fault_does_not_refuse_a_date(client: ApiClient) -> None:
    token = client.page()["continueFrom"]
    client.simulator.misbehave("refuse_token")

    assert client.get().status_code == 200
    assert client.get(from_="2024-01-01").status_code == 200
    assert_problem(client.get(from_=token), 400)
    assert client.get(from_=token).status_code == 200


def test_empty_page_fault_loses_nothing_and_repeats_no_token(client: ApiClient) -> None:
    complete = client.feed()
    client.simulator.misbehave("empty_page", after=1, times=3)
    pages = list(client.feed_pages())

    assert [len(page["data"]) for page in pages] == [50, 0, 0, 0, 50, 20]
    assert len({page["continueFrom"] for page in pages}) == 6
    assert [row for page in pages for row in page["data"]] == complete


def test_repeat_token_fault_repeats_the_token(client: ApiClient) -> None:
    token = client.page()["continueFrom"]
    client.simulator.misbehave("repeat_token")
    page = client.page(from_=token)

    assert (page["hasMore"], page["continueFrom"]) == (True, token)


@pytest.mark.parametrize(("status", "error"), [(500, None), (429, None), (400, "invalid_client")])
def test_token_error_fault_hits_the_token_endpoint(client: ApiClient, status: int, error: str | None) -> None:
    client.simulator.misbehave("token_error", status=status)
    response = client.token_response()

    assert response.status_code == status
    assert response.json().get("error") == error
    assert client.token_response().status_code == 200


def test_misbehave_refuses_an_invalid_fault_with_a_reason(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="there are rate_limit, error"):
        simulator.misbehave("explode")
    with pytest.raises(ValueError, match="unknown field `often`"):
        simulator.misbehave("error", often=True)
    with pytest.raises(ValueError, match="No stream 'nothing'"):
        simulator.misbehave("error", stream="nothing")


def test_chaos_hits_its_share_of_requests_always_the_same_ones() -> None:
    def kinds() -> list[str | None]:
        faults = Faults(chaos=0.3, seed=1)
        calls = (faults.of_request("bookings", 1001, f"/{n % 10}", feed=True, token=False) for n in range(2000))
        return [fault.kind if fault else None for fault in calls]

    first = kinds()
    assert first == kinds()
    assert 400 < len([kind for kind in first if kind]) < 650
    assert set(first) == {None, *TRANSIENT}
    for path in range(10):
        failed = "".join("x" if kind else "." for kind in first[path::10])
        assert "xxx" not in failed

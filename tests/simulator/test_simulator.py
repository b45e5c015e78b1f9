"""The simulator keeps to what is known of ServiceTitan's API, and misbehaves exactly as told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import requests
from helpers.api_client import ApiClient

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.api.faults import TRANSIENT, Faults
from tap_servicetitan.simulator.fake.references import first_id

BOOKINGS = "/crm/v2/tenant/1001/export/bookings"
CUSTOMERS = "/crm/v2/tenant/1001/export/customers"


class Client(ApiClient):
    """A client that follows feeds."""

    def get(self, path: str = BOOKINGS, **query: Any) -> requests.Response:
        return super().get(path, **query)

    def page(self, path: str = BOOKINGS, **query: Any) -> dict[str, Any]:
        return super().page(path, **query)

    def pages(self, path: str = BOOKINGS, **query: str) -> Iterator[dict[str, Any]]:
        while True:
            page = self.page(path, **query)
            yield page
            if not page["hasMore"]:
                return
            query["from"] = page["continueFrom"]

    def rows(self, path: str = BOOKINGS, **query: str) -> list[dict[str, Any]]:
        return [row for page in self.pages(path, **query) for row in page["data"]]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(records=120, page_size=50, rate_limit=0) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    client = Client(simulator)
    with client.session:
        yield client


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def assert_problem(response: requests.Response, status: int) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == body["status"] == status
    assert set(body) == {"type", "title", "status", "traceId", "errors", "data"}
    return body


# Export feeds


def test_a_feed_comes_in_pages_that_lead_to_each_other_until_has_more_is_false(client: Client) -> None:
    pages = list(client.pages())

    assert [len(page["data"]) for page in pages] == [50, 50, 20]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    assert len({row["id"] for page in pages for row in page["data"]}) == 120
    assert all(set(page) == {"hasMore", "continueFrom", "data"} for page in pages)


def test_the_last_page_has_a_token_too_and_nothing_follows_it_until_something_changes(
    simulator: Simulator, client: Client
) -> None:
    *_, last = client.pages()
    after = client.page(from_=last["continueFrom"])
    simulator.advance(minutes=60, new=3, changed=0)

    assert after == {"hasMore": False, "continueFrom": last["continueFrom"], "data": []}
    assert len(client.page(from_=last["continueFrom"])["data"]) == 3


def test_an_empty_feed_has_a_token_to_come_back_with() -> None:
    with Simulator(records=0) as simulator:
        client = Client(simulator)
        page = client.page()
        simulator.advance(minutes=60, new=2, changed=0)

        assert page["data"] == []
        assert page["hasMore"] is False
        assert page["continueFrom"]
        assert len(client.rows(from_=page["continueFrom"])) == 2
        client.session.close()


def feeds() -> Iterator[Export]:
    return (
        endpoint
        for endpoint in table.endpoints()
        if isinstance(endpoint, Export) and not endpoint.params and not endpoint.explode
    )


def test_every_feed_of_the_table_is_served(simulator: Simulator, client: Client) -> None:
    for endpoint in feeds():
        rows = client.rows(endpoint.url_path.format(tenant_id="1001"))
        assert rows == simulator.records(endpoint.name)
        assert len(rows) == 120
        assert "tenant_id" not in rows[0]


def test_a_date_in_from_means_modified_then_or_later(client: Client) -> None:
    rows = client.rows()
    modified = rows[70]["modifiedOn"]
    expected = [row for row in rows if moment(row["modifiedOn"]) >= moment(modified)]

    assert client.rows(from_=modified) == expected
    assert client.rows(from_=modified.replace("Z", "+00:00")) == expected
    assert client.rows(from_="2020-01-01") == rows
    assert client.rows(from_="2030-01-01T00:00:00-07:00") == []
    assert len(client.rows(from_="2025-01-01")) < len(rows)


def test_records_that_were_modified_at_the_same_instant_exist(client: Client) -> None:
    client.simulator.close()
    with Simulator(records=500) as simulator:
        dates = [row["modifiedOn"] for row in simulator.records("bookings")]
    assert len(set(dates)) < len(dates)


@pytest.mark.parametrize("garbled", ["nonsense", "2025-13-01", "20250101", "YWJj", "!"])
def test_what_is_neither_date_nor_token_is_refused(client: Client, garbled: str) -> None:
    assert_problem(client.get(from_=garbled), 400)


def test_a_token_is_good_for_the_feed_it_came_from_only() -> None:
    with (
        Simulator(records=10, page_size=5, tenants=2) as simulator,
        Simulator(records=10, page_size=5, seed=2) as other,
    ):
        first, second, stranger = Client(simulator), Client(simulator, 1), Client(other)
        token = first.page()["continueFrom"]

        assert_problem(first.get(CUSTOMERS, from_=token), 400)
        assert_problem(second.get(BOOKINGS.replace("1001", "1002"), from_=token), 400)
        assert_problem(stranger.get(from_=token), 400)
        for client in (first, second, stranger):
            client.session.close()


def test_a_token_outlives_the_simulator_that_gave_it() -> None:
    pages = []
    token = None
    for _ in range(2):
        with Simulator(records=10, page_size=5) as simulator:
            client = Client(simulator)
            pages.append(client.page(**({"from": token} if token else {})))
            token = pages[0]["continueFrom"]
            client.session.close()

    assert len({row["id"] for page in pages for row in page["data"]}) == 10


def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert client.page(pageSize="3", modifiedBefore="2020-01-01") == client.page()


# What changes


def test_a_record_that_changes_moves_to_the_end_of_the_feed_and_is_sent_once(
    simulator: Simulator, client: Client
) -> None:
    before = client.rows()
    simulator.advance(minutes=60, new=4, changed=6)
    after = client.rows()
    tail = after[-10:]

    known = {row["id"]: row for row in before}
    assert len(after) == len({row["id"] for row in after}) == 124
    assert len([row for row in tail if row["id"] in known]) == 6
    assert [row for row in after[:-10] if row != known[row["id"]]] == []
    for row in tail:
        assert "2025-12-31T23:45" <= row["modifiedOn"] <= "2026-01-01T00:45"
        if row["id"] in known:
            assert row["createdOn"] == known[row["id"]]["createdOn"]
        else:
            assert row["createdOn"] == row["modifiedOn"]


def test_a_token_from_the_middle_of_a_feed_still_leads_to_all_that_follows(
    simulator: Simulator, client: Client
) -> None:
    first = client.page()
    simulator.advance(minutes=60, new=5, changed=30)
    rest = client.rows(from_=first["continueFrom"])

    seen = {row["id"]: row for row in [*first["data"], *rest]}
    truth = {row["id"]: row for row in simulator.records("bookings")}
    assert seen == truth
    assert client.rows(from_=first["continueFrom"]) == rest


def test_deleted_records_are_in_the_feed_inactive(simulator: Simulator, client: Client) -> None:
    before = sum(not row["active"] for row in client.rows())
    simulator.advance(minutes=60, new=0, changed=100)

    assert 0 < before < sum(not row["active"] for row in client.rows()) < 60


def test_changes_of_the_last_15_minutes_come_only_when_asked_for_and_then_come_again(
    simulator: Simulator, client: Client
) -> None:
    simulator.advance(minutes=60, new=2, changed=0, recent=8)
    settled = client.rows()
    *_, last = client.pages(includeRecentChanges="true")
    recent = client.rows(includeRecentChanges="true")[len(settled) :]
    again = client.rows(from_=last["continueFrom"], includeRecentChanges="true")

    assert len(again) == 8
    assert all(row["modifiedOn"] > "2026-01-01T00:45" for row in again)
    assert recent == again
    assert client.rows(from_=last["continueFrom"]) == []
    simulator.advance(minutes=15, new=0, changed=0)
    assert client.rows(from_=last["continueFrom"]) == again
    assert client.rows(from_=last["continueFrom"], includeRecentChanges="true") == again


def test_a_walk_through_many_recent_changes_ends(simulator: Simulator, client: Client) -> None:
    simulator.advance(minutes=60, new=0, changed=0, recent=200)
    pages = list(client.pages(includeRecentChanges="true"))

    assert len({page["continueFrom"] for page in pages}) == len(pages)
    assert [row for page in pages for row in page["data"]] == simulator.records("bookings")


def test_a_token_from_the_midst_of_recent_changes_loses_nothing(simulator: Simulator, client: Client) -> None:
    simulator.advance(minutes=60, new=0, changed=0, recent=120)
    *_, before_last, _ = client.pages(includeRecentChanges="true")
    resumed = client.page(from_=before_last["continueFrom"])
    simulator.advance(minutes=60, new=1, changed=0)

    assert resumed["data"] == []
    assert resumed["hasMore"] is False
    assert len(client.rows(from_=resumed["continueFrom"])) == 121


def test_the_clock_moves_only_by_advance_and_only_as_far_as_changes_can_be_dated(simulator: Simulator) -> None:
    simulator.advance(minutes=30, new=0, changed=0, recent=5, stream="leads")

    assert simulator.now == "2026-01-01T00:30:00Z"
    assert len(simulator.records("bookings")) == 120
    with pytest.raises(ValueError, match="Advance by more than 15 minutes"):
        simulator.advance(minutes=10, new=1)
    with pytest.raises(ValueError, match="must not be negative"):
        simulator.advance(minutes=-1)
    with pytest.raises(ValueError, match="No stream 'nothing'"):
        simulator.advance(stream="nothing")
    assert simulator.now == "2026-01-01T00:30:00Z"


# Records


def test_a_seed_always_gives_the_same_records_whatever_else_is_asked_for() -> None:
    def bookings(**options: Any) -> list[dict[str, Any]]:
        with Simulator(**options) as simulator:
            simulator.records("customers")
            simulator.advance(minutes=60, new=5, changed=5)
            return simulator.records("bookings")

    with Simulator(records=30) as simulator:
        simulator.advance(minutes=60, new=5, changed=5)
        assert simulator.records("bookings") == bookings(records=30)
    assert bookings(records=30) != bookings(records=30, seed=2)
    assert bookings(records=30)[0] == bookings(records=30, rate_limit=0, page_size=3)[0]


def test_tenants_have_the_same_ids_and_other_records() -> None:
    with Simulator(records=30, tenants=2) as simulator:
        first, second = (simulator.records("customers", tenant) for tenant in (1001, "1002"))

    assert {row["id"] for row in first} == {row["id"] for row in second}
    assert [row["name"] for row in first] != [row["name"] for row in second]


def test_references_lead_to_records_that_exist(simulator: Simulator) -> None:
    ids = {
        stream: {row["id"] for row in simulator.records(stream)} for stream in ("customers", "locations", "bookings")
    }

    assert {row["customerId"] for row in simulator.records("locations")} - {None} <= ids["customers"]
    assert {row["locationId"] for row in simulator.records("location_contacts")} - {None} <= ids["locations"]
    assert {row["bookingId"] for row in simulator.records("leads")} - {None} <= ids["bookings"]
    units = {row["businessUnitId"] for row in simulator.records("bookings")} - {None}
    assert units <= {first_id("business_units") + n for n in range(6)}


def test_ids_need_64_bits(simulator: Simulator) -> None:
    assert max(row["id"] for row in simulator.records("bookings")) > 2**32


def test_the_first_record_of_each_feed_has_every_field_and_others_are_null_at_times(simulator: Simulator) -> None:
    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict | list) and value:
            for one in value.values() if isinstance(value, dict) else value:
                yield from leaves(one)
        else:
            yield value

    for endpoint in feeds():
        if endpoint.keys != ("id",) or endpoint.replication_key != "modifiedOn":
            continue
        rows = sorted(simulator.records(endpoint.name), key=lambda row: row["id"])
        assert all(leaf not in (None, [], {}) for leaf in leaves(rows[0])), endpoint.name
        assert any(None in leaves(row) for row in rows)
        assert all((row["createdOn"] or "") <= row["modifiedOn"] for row in rows if row["modifiedOn"])


def test_timestamps_have_up_to_7_fractional_digits_and_a_z(simulator: Simulator) -> None:
    dates = [row["modifiedOn"] for row in simulator.records("bookings")]
    fractions = [re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,7}))?Z", date) for date in dates]

    assert {len(match[1] or "") for match in fractions if match} >= {0, 3, 7}
    assert all(fractions)


# Access


def test_a_token_says_how_long_it_is_good_for_and_for_what(client: Client) -> None:
    body = client.token_response().json()

    assert body.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (body["expires_in"], body["token_type"]) == (900, "Bearer")
    assert "tn.crm.bookings:r" in body["scope"].split()
    assert client.simulator.token_requests == 2


@pytest.mark.parametrize("wrong", ["client_id", "client_secret", "grant_type"])
def test_wrong_credentials_are_answered_with_400(client: Client, wrong: str) -> None:
    response = client.token_response(**{wrong: "wrong"})

    assert (response.status_code, response.json()) == (400, {"error": "invalid_client"})


def test_the_token_is_taken_with_and_without_bearer(client: Client) -> None:
    client.session.headers["Authorization"] = str(client.session.headers["Authorization"]).removeprefix("Bearer ")

    assert client.get().status_code == 200


@pytest.mark.parametrize("header", ["Authorization", "ST-App-Key"])
@pytest.mark.parametrize("value", [None, "wrong"])
def test_a_missing_or_wrong_header_is_answered_with_an_empty_401(
    client: Client, header: str, value: str | None
) -> None:
    client.session.headers.pop(header)
    if value:
        client.session.headers[header] = value
    response = client.get()

    assert (response.status_code, response.content) == (401, b"")


def test_a_token_expires() -> None:
    with Simulator(records=1, token_lifetime=0) as simulator:
        client = Client(simulator)
        assert client.get().status_code == 401
        client.session.close()


def test_a_token_of_another_tenant_is_refused() -> None:
    with Simulator(records=1, tenants=2) as simulator:
        client = Client(simulator, 1)
        assert_problem(client.get(), 403)
        assert client.get(BOOKINGS.replace("1001", "1002")).status_code == 200
        client.session.close()


def test_a_missing_scope_is_named_by_the_title_of_a_403() -> None:
    with Simulator(records=1, deny_scopes=["tn.crm.customers:r"]) as simulator:
        client = Client(simulator)
        assert assert_problem(client.get(CUSTOMERS), 403)["title"] == "Scope validation failed"
        assert client.get().status_code == 200
        assert "tn.crm.customers:r" not in client.token_response().json()["scope"]
        client.session.close()


def test_an_unknown_path_is_404_and_another_method_405(client: Client) -> None:
    assert_problem(client.get("/crm/v2/tenant/1001/export/nothing"), 404)
    assert_problem(client.get("/crm/v2/nothing"), 404)
    response = client.session.post(f"{client.simulator.url}{BOOKINGS}", json={}, timeout=10)
    assert_problem(response, 405)
    assert client.get().status_code == 200


def test_a_tenant_may_make_so_many_calls_a_second() -> None:
    with Simulator(records=1, rate_limit=2, tenants=2) as simulator:
        client, other = Client(simulator), Client(simulator, 1)
        responses = [client.get() for _ in range(4)]

        assert [response.status_code for response in responses] == [200, 200, 429, 429]
        title = assert_problem(responses[2], 429)["title"]
        assert re.fullmatch(r"Rate limit is exceeded\. Try again in \d+ seconds\.", title)
        assert ["Retry-After" in response.headers for response in responses] == [False, False, False, True]
        assert 0 < float(responses[3].headers["Retry-After"]) <= 1
        assert other.get(BOOKINGS.replace("1001", "1002")).status_code == 200
        client.session.close()
        other.session.close()


# Misbehaviour


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
def test_a_request_fails_as_often_as_told_and_in_its_turn(client: Client, kind: str, status: int, body: str) -> None:
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


def test_a_fault_without_end_stays_until_it_is_taken_back(client: Client) -> None:
    client.simulator.misbehave("error", times=None)

    assert {client.get(path).status_code for path in (BOOKINGS, CUSTOMERS) * 3} == {500}
    client.simulator.behave()
    assert client.get().status_code == 200


def test_a_refused_rate_says_how_long_to_wait_in_the_way_that_was_asked_for(client: Client) -> None:
    client.simulator.misbehave("rate_limit", retry_after=0.2)
    client.simulator.misbehave("rate_limit", seconds=50)
    floating, titled = client.get(), client.get()

    assert floating.headers["Retry-After"] == "0.2"
    assert "Retry-After" not in titled.headers
    assert "in 50 seconds" in titled.json()["title"]


def test_a_401_on_demand_makes_the_token_worthless(client: Client) -> None:
    client.simulator.misbehave("unauthorized")

    assert [client.get().status_code for _ in range(2)] == [401, 401]
    client.log_in()
    assert client.get().status_code == 200


@pytest.mark.parametrize("kind", ["reset", "reset_body", "cut", "cut_chunked"])
def test_a_connection_breaks_on_demand(client: Client, kind: str) -> None:
    client.simulator.misbehave(kind)
    with pytest.raises(requests.RequestException):
        client.get()

    assert client.get().status_code == 200


def test_a_reset_is_a_reset(client: Client) -> None:
    client.simulator.misbehave("reset")
    host, port = client.simulator.url.removeprefix("http://").split(":")
    headers = "".join(f"{name}: {client.session.headers[name]!s}\r\n" for name in ("ST-App-Key", "Authorization"))
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {BOOKINGS} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    assert client.simulator.requests[-1].status == 0


def test_a_request_hangs_as_long_as_told(client: Client) -> None:
    client.simulator.misbehave("hang", seconds=30)
    with pytest.raises(requests.Timeout):
        client.session.get(
            f"{client.simulator.url}{BOOKINGS}", headers=dict(client.session.headers), timeout=(5, 0.05)
        )  # fmt: skip

    assert client.get().status_code == 200


def test_a_token_is_refused_on_demand_where_a_date_is_not(client: Client) -> None:
    token = client.page()["continueFrom"]
    client.simulator.misbehave("refuse_token")

    assert client.get().status_code == 200
    assert client.get(from_="2024-01-01").status_code == 200
    assert_problem(client.get(from_=token), 400)
    assert client.get(from_=token).status_code == 200


def test_empty_pages_in_the_midst_lose_nothing_and_never_repeat_a_token(client: Client) -> None:
    whole = client.rows()
    client.simulator.misbehave("empty_page", after=1, times=3)
    pages = list(client.pages())

    assert [len(page["data"]) for page in pages] == [50, 0, 0, 0, 50, 20]
    assert len({page["continueFrom"] for page in pages}) == 6
    assert [row for page in pages for row in page["data"]] == whole


def test_a_token_repeats_itself_on_demand(client: Client) -> None:
    token = client.page()["continueFrom"]
    client.simulator.misbehave("repeat_token")
    page = client.page(from_=token)

    assert (page["hasMore"], page["continueFrom"]) == (True, token)


@pytest.mark.parametrize(("status", "error"), [(500, None), (429, None), (400, "invalid_client")])
def test_the_token_endpoint_fails_on_demand(client: Client, status: int, error: str | None) -> None:
    client.simulator.misbehave("token_error", status=status)
    response = client.token_response()

    assert response.status_code == status
    assert response.json().get("error") == error
    assert client.token_response().status_code == 200


def test_a_fault_that_makes_no_sense_is_refused_with_a_reason(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="there are rate_limit, error"):
        simulator.misbehave("explode")
    with pytest.raises(ValueError, match="unknown field `often`"):
        simulator.misbehave("error", often=True)
    with pytest.raises(ValueError, match="No stream 'nothing'"):
        simulator.misbehave("error", stream="nothing")


def test_chaos_spoils_about_its_share_of_requests_the_same_way_each_time_and_none_for_long() -> None:
    def kinds() -> list[str | None]:
        faults = Faults(chaos=0.3, seed=1)
        calls = (faults.of_request("bookings", 1001, f"/{n % 10}", feed=True, token=False) for n in range(2000))
        return [fault.kind if fault else None for fault in calls]

    first = kinds()
    assert first == kinds()
    assert 400 < len([kind for kind in first if kind]) < 650
    assert set(first) == {None, *TRANSIENT}
    for path in range(10):
        spoilt = "".join("x" if kind else "." for kind in first[path::10])
        assert "xxx" not in spoilt


# Seen from outside


def test_the_log_tells_what_was_asked(client: Client) -> None:
    client.get(from_="2025-01-01")
    request = client.simulator.requests[-1]

    assert (request.method, request.path, request.status) == ("GET", BOOKINGS, 200)
    assert (request.query, request.tenant_id, request.stream) == ({"from": "2025-01-01"}, 1001, "bookings")
    assert request.headers["st-app-key"] == "ak1.simulator"


def test_requests_in_flight_are_counted() -> None:
    with Simulator(records=1, latency=0.3) as simulator, ThreadPoolExecutor(4) as pool:
        client = Client(simulator)
        with client.session:
            statuses = list(pool.map(lambda _: client.get().status_code, range(4)))

    assert statuses == [200] * 4
    assert simulator.max_in_flight == 4


def test_several_tenants_make_a_list_of_credentials() -> None:
    with Simulator(records=1, tenants=[7, 8]) as simulator:
        config = simulator.config
    assert config["tenants"] == [
        {"tenant_id": "7", "client_id": "cid.7", "client_secret": "cs2.7"},
        {"tenant_id": "8", "client_id": "cid.8", "client_secret": "cs2.8"},
    ]
    assert "client_id" not in config


def test_it_can_be_steered_over_http(client: Client) -> None:
    def control(method: str, route: str, body: object = None) -> Any:
        url = f"{client.simulator.url}/simulator/{route}"
        return requests.request(method, url, data=json.dumps(body) if body else None, timeout=10).json()

    assert control("GET", "config") == client.simulator.config
    assert control("POST", "advance", {"minutes": 30, "new": 1, "changed": 0}) == {"now": "2026-01-01T00:30:00Z"}
    assert control("POST", "misbehave", {"kind": "error", "stream": "bookings", "times": None})["times"] is None
    assert client.get().status_code == 500
    assert control("POST", "behave") == {}
    assert client.get().status_code == 200
    assert len(control("GET", "records?stream=bookings&tenant=1001")) == 121
    summary = control("GET", "requests")
    assert summary["requests"] == {"/connect/token": {"200": 1}, "bookings": {"500": 1, "200": 1}}
    assert (summary["token_requests"], summary["max_in_flight"]) == (1, 1)
    assert "No stream 'nothing'" in control("GET", "records?stream=nothing")["error"]
    assert "unknown field" in control("POST", "advance", {"hours": 1})["error"]
    assert "POST /simulator/advance" in control("GET", "nothing")["error"]
    assert "POST only" in control("GET", "advance")["error"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tap_servicetitan.simulator", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_prints_where_it_listens_and_ends_quietly_at_once(number: signal.Signals) -> None:
    with start("--port", "0", "--records", "5", "--size", "leads=7", "--page-size", "3", "--tenants", "2") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.match(r"ServiceTitan simulator on (http://127\.0\.0\.1:\d+) ", line)
        assert match, line
        with requests.Session() as session:
            leads = session.get(f"{match[1]}/simulator/records?stream=leads&tenant=1002", timeout=10).json()
            assert len(leads) == 7
            os.kill(process.pid, number)
            output, errors = process.communicate(timeout=10)

    assert (process.returncode, output, errors) == (0, "", "")


def test_the_program_says_in_a_line_that_a_port_is_taken(simulator: Simulator) -> None:
    port = simulator.url.rpartition(":")[2]
    with start("--port", port) as process:
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output == ""
    assert errors.count("\n") == 1
    assert f"127.0.0.1:{port}" in errors


def test_the_program_says_in_a_line_what_is_wrong_with_its_options() -> None:
    with start("--port", "0", "--deny-scope", "tn.crm.bookngs:r") as process:
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors.startswith("No scope tn.crm.bookngs:r: there are tn.acc.apbills:r,")

"""Access to the simulator: tokens, headers, scopes and rate limits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from helpers.api_client import (
    BOOKINGS,
    CUSTOMERS,
    ApiClient,
    StreamReader,
    assert_problem,
)

from tap_servicetitan.simulator import Simulator


def test_access_token_has_a_lifetime_and_scopes(client: ApiClient) -> None:
    body = client.token_response().json()

    assert body.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (body["expires_in"], body["token_type"]) == (900, "Bearer")
    assert "tn.crm.bookings:r" in body["scope"].split()
    assert client.simulator.token_requests == 2


@pytest.mark.parametrize("wrong", ["client_id", "client_secret", "grant_type"])
def test_wrong_credentials_are_refused_with_400(client: ApiClient, wrong: str) -> None:
    response = client.token_response(**{wrong: "wrong"})

    assert (response.status_code, response.json()) == (400, {"error": "invalid_client"})


def test_access_token_is_accepted_with_and_without_bearer(client: ApiClient) -> None:
    client.session.headers["Authorization"] = str(client.session.headers["Authorization"]).removeprefix("Bearer ")

    assert client.get().status_code == 200


@pytest.mark.parametrize("header", ["Authorization", "ST-App-Key"])
@pytest.mark.parametrize("value", [None, "wrong"])
def test_missing_or_wrong_header_is_refused_with_an_empty_401(
    client: ApiClient, header: str, value: str | None
) -> None:
    client.session.headers.pop(header)
    if value:
        client.session.headers[header] = value
    response = client.get()

    assert (response.status_code, response.content) == (401, b"")


def test_access_token_expires() -> None:
    with Simulator(records=1, token_lifetime=0) as simulator:
        client = ApiClient(simulator)
        assert client.get().status_code == 401
        client.session.close()


def test_access_token_of_another_tenant_is_refused() -> None:
    with Simulator(records=1, tenants=2) as simulator:
        client = ApiClient(simulator, 1)
        assert_problem(client.get(tenant_id=1001), 403)
        assert client.get().status_code == 200
        client.session.close()


def test_missing_scope_is_refused_with_403() -> None:
    with Simulator(records=1, deny_scopes=["tn.crm.customers:r"]) as simulator:
        client = ApiClient(simulator)
        assert assert_problem(client.get(CUSTOMERS), 403)["title"] == "Scope validation failed"
        assert client.get().status_code == 200
        assert "tn.crm.customers:r" not in client.token_response().json()["scope"]
        client.session.close()


def test_unknown_path_is_refused_with_404_and_another_method_with_405(client: ApiClient) -> None:
    assert_problem(client.get("crm/v2/export/nothing"), 404)
    assert_problem(client.get("/crm/v2/nothing"), 404)
    response = client.post(BOOKINGS, {})
    assert_problem(response, 405)
    assert client.get().status_code == 200


def test_rate_limit_refuses_requests_of_one_tenant_with_429() -> None:
    with Simulator(records=1, rate_limit=2, tenants=2) as simulator:
        client, other = ApiClient(simulator), ApiClient(simulator, 1)
        responses = [client.get() for _ in range(4)]

        assert [response.status_code for response in responses] == [200, 200, 429, 429]
        title = assert_problem(responses[2], 429)["title"]
        assert re.fullmatch(r"Rate limit is exceeded\. Try again in \d+ seconds\.", title)
        assert ["Retry-After" in response.headers for response in responses] == [False, False, False, True]
        assert 0 < float(responses[3].headers["Retry-After"]) <= 1
        assert other.get().status_code == 200
        client.session.close()
        other.session.close()


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("tn.dis.zones:r", "dispatch/v2/zones"),
        ("tn.crm.customers:r", "crm/v2/customers"),
        ("tn.tsm.data:r", "taskmanagement/v2/data"),
        ("tn.mads.performance:r", "marketingads/v2/performance"),
        ("tn.crm.bookings:r", "crm/v2/bookings/1/contacts"),
        ("tn.rpr.reportcategories:r", "reporting/v2/report-categories"),
        ("tn.rpr.reports:r", "reporting/v2/report-category/accounting/reports/1"),
        ("tn.rpr.dynamicvaluesets:r", "reporting/v2/dynamic-value-sets/business-units"),
    ],
)
def test_scope_is_checked_for_each_kind_of_endpoint(start: Callable[..., StreamReader], scope: str, path: str) -> None:
    assert start(deny_scopes=[scope]).get(path).json()["title"] == "Scope validation failed"


def test_scope_of_capacity_is_one_to_write(start: Callable[..., StreamReader]) -> None:
    assert start(deny_scopes=["tn.dis.capacity:w"]).capacity().status_code == 403

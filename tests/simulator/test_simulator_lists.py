"""The simulator's lists, held to the API's facts: what a client that asks carelessly does not get."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.api_client import ApiClient

from tap_servicetitan.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(records=120, rate_limit=0) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(simulator: Simulator) -> Iterator[ApiClient]:
    client = ApiClient(simulator)
    yield client
    client.close()


def test_a_page_has_50_records_unless_asked_for_more(client: ApiClient) -> None:
    first = client.get("dispatch/v2/zones", active="Any").json()

    assert (first["page"], first["pageSize"], len(first["data"]), first["hasMore"]) == (1, 50, 50, True)
    assert len(client.data("dispatch/v2/zones", active="Any", pageSize=5000)) == 120
    assert client.get("dispatch/v2/zones", active="Any", page=3).json()["hasMore"] is False


def test_the_records_are_counted_only_if_asked(client: ApiClient) -> None:
    assert client.get("dispatch/v2/zones", active="Any").json()["totalCount"] is None
    assert client.get("dispatch/v2/zones", active="Any", includeTotal="true").json()["totalCount"] == 120


def test_a_page_may_not_be_larger_than_the_maximum(client: ApiClient) -> None:
    assert client.get("dispatch/v2/zones", pageSize=5001).status_code == 400
    assert client.get("accounting/v2/journal-entries", pageSize=501).status_code == 400
    assert client.get("accounting/v2/journal-entries", pageSize=500).status_code == 200


def test_inactive_records_are_hidden_unless_asked_for(client: ApiClient) -> None:
    everything = client.data("dispatch/v2/zones", active="Any", pageSize=500)

    assert client.data("dispatch/v2/zones", pageSize=500) == [row for row in everything if row["active"]]
    assert client.data("dispatch/v2/zones", active="False", pageSize=500) == [
        row for row in everything if not row["active"]
    ]
    assert len(client.data("dispatch/v2/teams", pageSize=500)) < len(
        client.data("dispatch/v2/teams", pageSize=500, includeInactive="true")
    )


def test_unknown_parameters_are_silently_ignored(client: ApiClient) -> None:
    assert client.data("dispatch/v2/zones", modifiedOnOrAfterr="2099-01-01") == client.data("dispatch/v2/zones")


def test_what_was_modified_since_is_found(client: ApiClient) -> None:
    rows = client.data("dispatch/v2/zones", active="Any", pageSize=500)
    since = sorted(row["modifiedOn"] for row in rows)[60]

    found = client.data("dispatch/v2/zones", active="Any", pageSize=500, modifiedOnOrAfter=since)

    assert {row["id"] for row in found} >= {row["id"] for row in rows if row["modifiedOn"][:19] > since[:19]}
    assert len(found) < 120


def test_required_parameters_are_demanded_by_name(client: ApiClient) -> None:
    answer = client.get("marketingads/v2/performance", fromUtc="2025-01-01T00:00:00Z")

    assert answer.status_code == 400
    assert {"toUtc", "performanceSegmentationType"} <= set(answer.json()["errors"])


def test_submissions_take_dates_with_z_only(client: ApiClient) -> None:
    assert client.get("forms/v2/submissions", submittedOnOrAfter="2025-01-01T00:00:00Z").status_code == 200
    assert client.get("forms/v2/submissions", submittedOnOrAfter="2025-01-01T00:00:00+00:00").status_code == 400


def test_records_of_an_unknown_parent_are_not_found(client: ApiClient) -> None:
    assert client.get("crm/v2/customers/1/notes").status_code == 404


def test_business_units_of_intacct_are_numbered_from_0(client: ApiClient) -> None:
    query: dict[str, str | int] = {"pageSize": 50, "includeTotal": "true"}

    assert len(client.data("settings/v2/business-units/intacct", page=0, **query)) == 50
    assert client.get("settings/v2/business-units/intacct", pageSize=50).status_code == 400

"""The page for people and the overview that it shows; tests/browser opens the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import requests
from helpers.api_client import ApiClient, StreamReader

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Export, Window
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.api.faults import FAULT_MEANINGS, FaultKind


def overview(simulator: Simulator, **query: Any) -> Any:
    return requests.get(f"{simulator.url}/simulator/overview", params=query, timeout=10).json()


def test_page_is_one_file_that_may_request_only_its_own_server(simulator: Simulator) -> None:
    page = requests.get(f"{simulator.url}/", timeout=10)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert requests.post(f"{simulator.url}/", timeout=10).status_code == 405
    assert simulator.requests == []


def test_overview_has_the_number_of_records_and_the_newest_change_of_each_stream(
    start: Callable[..., StreamReader],
) -> None:
    simulator = start(records=30).simulator
    simulator.advance(minutes=60, new=3, changed=2, removed=4)
    collections = {one["stream"]: one for one in overview(simulator)["collections"]}

    for endpoint in table.TABLE:
        records = simulator.records(endpoint.name)
        shown = collections[endpoint.name]
        assert shown["path"] == endpoint.url_path.replace("{tenant_id}", "1001")
        if isinstance(endpoint, Capacity):
            assert (shown["records"], shown["newest"]) == (None, None)
        elif not isinstance(endpoint, Window) and not (isinstance(endpoint, Export) and endpoint.explode):
            assert shown["records"] == len(records), endpoint.name
            if isinstance(endpoint, Export) and records[-1].get("modifiedOn"):
                assert shown["newest"] == records[-1]["modifiedOn"], endpoint.name


def test_overview_does_not_make_a_large_collection_that_nobody_has_read(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=1, sizes={"bookings": 30_000})

    def bookings() -> Any:
        return next(one for one in overview(simulator)["collections"] if one["stream"] == "bookings")

    assert (bookings()["records"], bookings()["newest"]) == (30_000, None)
    assert "bookings" not in simulator.world.made
    with ApiClient(simulator) as client:
        client.get()
    simulator.advance(minutes=60, new=0, changed=0)
    assert bookings()["newest"].startswith("2025-12-31T")


def test_overview_has_the_last_requests_and_the_faults_that_are_left(client: ApiClient) -> None:
    simulator = client.simulator
    simulator.misbehave("error", stream="bookings", times=2)
    simulator.misbehave("html", stream="leads", times=1)
    client.get(from_="2025-01-01")
    client.get("crm/v2/export/leads")

    shown = overview(simulator)
    leads, bookings, token = shown["requests"]
    assert [one["status"] for one in (leads, bookings, token)] == [200, 500, 200]
    assert (bookings["path"], bookings["query"]) == ("/crm/v2/tenant/1001/export/bookings", {"from": "2025-01-01"})
    assert (bookings["fault"], leads["fault"], token["fault"]) == ("error", "html", None)
    assert 0 <= leads["seconds_ago"] <= bookings["seconds_ago"] < 60
    assert [(one["kind"], one["times"]) for one in shown["faults"]] == [("error", 1)]


def test_overview_counts_how_long_an_answer_took(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=1, latency=0.05)
    with ApiClient(simulator) as client:
        client.get()

    assert overview(simulator)["requests"][0]["seconds"] >= 0.05


def test_overview_of_a_tenant_that_does_not_exist_is_refused(simulator: Simulator) -> None:
    assert overview(simulator, tenant=9)["error"].startswith("No tenant 9: there are 1001")
    assert overview(simulator, tenant=1001)["tenant"] == 1001


def test_every_kind_of_fault_has_a_meaning_for_people() -> None:
    assert list(FAULT_MEANINGS) == list(get_args(FaultKind))


@pytest.mark.parametrize("host", ["simulator:8080", "localhost:80"])
def test_config_has_the_address_by_which_the_client_came(simulator: Simulator, host: str) -> None:
    config = requests.get(f"{simulator.url}/simulator/config", headers={"Host": host}, timeout=10).json()

    assert config["api_url"] == f"http://{host}"
    assert config["auth_url"] == f"http://{host}/connect/token"

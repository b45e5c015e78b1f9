"""Collections that are read by time windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers.raw import RawServer, http
from helpers.support import config_of, days_ago, run_here

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.simulator import Simulator


def test_windows_of_a_later_run_do_not_start_before_start_date(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate()
    config = config_of(simulator, start_date=str(days_ago(2)))

    def starts() -> list[str]:
        seen = len(simulator.requests)
        run_here(config, "email_channel_costs", state=state)
        return sorted(one.query["from"] for one in simulator.requests[seen:] if one.stream == "email_channel_costs")

    state = None
    expected = [format_api_date(days_ago(days)) for days in (2, 1, 0)]
    assert starts() == expected
    state = run_here(config, "email_channel_costs").state
    assert starts() == expected


BOOKED: dict[str, Any] = {"booking": {"id": 5}, "job": {"id": 6}}


@pytest.mark.parametrize(
    ("lead", "lead_id"),
    [
        ({"leadType": 1, "call": {"id": 1}, **BOOKED}, "1"),
        ({"leadType": 3, "leadForm": {"leadNumber": 3}}, "3"),
        ({"leadType": 3, "leadForm": {"leadNumber": 3}, **BOOKED}, "3"),
        ({"leadType": 2, "booking": {"id": 2}, "call": {"id": 9}}, "2"),
        ({"leadType": 9, "job": {"id": 4}}, "4"),
    ],
)
def test_a_lead_keeps_its_key_when_it_is_booked(lead: dict[str, Any], lead_id: str) -> None:
    row = {"dateTime": format_api_date(days_ago(0)), **lead}
    body = json.dumps({"data": [row], "hasMore": False}).encode()
    with RawServer(lambda _: http(body)).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(0))}, "attributed_leads")

    assert [record["leadId"] for record in run.records("attributed_leads")] == [lead_id]


@pytest.mark.parametrize("linked", [False, True])
def test_a_campaign_keeps_its_key_when_it_is_linked(*, linked: bool) -> None:
    campaign = {"externalId": "ads-7", "name": "Spring", "id": 12 if linked else None}
    body = json.dumps({"data": [{"campaign": campaign}], "hasMore": False}).encode()
    with RawServer(lambda _: http(body)).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(0))}, "campaign_performance")

    assert [record["campaignId"] for record in run.records("campaign_performance")] == ["ads-7"]

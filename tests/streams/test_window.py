"""Collections that are read by time windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from helpers.raw import RawServer, http
from helpers.support import bookmark, bring_up_to_date, config_of, days_ago, queries, run_here

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
def test_lead_keeps_its_key_when_it_is_booked(lead: dict[str, Any], lead_id: str) -> None:
    row = {"dateTime": format_api_date(days_ago(0)), **lead}
    body = json.dumps({"data": [row], "hasMore": False}).encode()
    with RawServer(lambda _: http(body)).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(0))}, "attributed_leads")

    assert [record["leadId"] for record in run.records("attributed_leads")] == [lead_id]


@pytest.mark.parametrize("linked", [False, True])
def test_campaign_keeps_its_key_when_it_is_linked(*, linked: bool) -> None:
    campaign = {"externalId": "ads-7", "name": "Spring", "id": 12 if linked else None}
    body = json.dumps({"data": [{"campaign": campaign}], "hasMore": False}).encode()
    with RawServer(lambda _: http(body)).listening() as config:
        run = run_here({**config, "start_date": str(days_ago(0))}, "campaign_performance")

    assert [record["campaignId"] for record in run.records("campaign_performance")] == ["ads-7"]


def windows_of(simulator: Simulator, stream: str, since: int = 0) -> list[tuple[str, str]]:
    """The windows that were asked for, in order of time."""
    return sorted((query["from"], query["to"]) for query in queries(simulator, stream, since))


@pytest.mark.parametrize("hours", [0, 20, -4])
def test_windows_are_whole_days_in_utc_up_to_now_and_resume_with_a_look_back(simulator: Simulator, hours: int) -> None:
    zone = timezone(timedelta(hours=-7))
    start = (days_ago(12) + timedelta(hours=hours)).astimezone(zone).isoformat()
    config = config_of(simulator, start_date=start)

    first = run_here(config, "email_channel_costs")
    windows = windows_of(simulator, "email_channel_costs")
    before = len(simulator.requests)
    run_here(config, "email_channel_costs", state=first.state)

    assert first.code == 0
    days = [days_ago(days) for days in range(13 if hours < 0 else 12, -2, -1)]
    assert windows == list(pairwise(format_api_date(day) for day in days))
    assert windows_of(simulator, "email_channel_costs", before) == windows[-8:]


def test_windows_are_requested_at_the_same_time_and_written_in_order(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(latency=0.02)
    bring_up_to_date(simulator, new=500)

    run = run_here(config_of(simulator, start_date=str(days_ago(30)), concurrency=4), "campaign_cost_summaries")

    assert run.code == 0
    assert simulator.max_in_flight == 4
    days = [record["from"] for record in run.records("campaign_cost_summaries")]
    assert len(set(days)) > 10
    assert days == sorted(days)
    moves = [bookmark(state, "campaign_cost_summaries")["replication_key_value"] for state in run.states]
    assert moves == sorted(moves)

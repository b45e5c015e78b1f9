"""Collections that are read by time windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.raw import RawServer, http
from helpers.support import Output, bookmark, bring_up_to_date, config_of, days_ago, queries, run_here

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


def asked(simulator: Simulator, stream: str, since: int = 0) -> list[int]:
    """The days of each window that was asked for, in order of time."""
    windows = (map(datetime.fromisoformat, window) for window in windows_of(simulator, stream, since))
    return [(end - start).days for start, end in windows]


@pytest.mark.parametrize(("start_date", "days"), [(None, 6), ("2020-01-01", 6)])
def test_windows_start_date_says_how_far_back_windows_go(
    simulator: Simulator, start_date: str | None, days: int
) -> None:
    config = config_of(simulator, windows_start_date=str(days_ago(5)), start_date=start_date)

    run_here(config, "email_channel_costs")

    assert asked(simulator, "email_channel_costs") == [1] * days


class Quiet:
    """A collection of campaign costs that has rows only since a day, if at all."""

    def __init__(self, *, refuses_long: bool = False) -> None:
        self.refuses_long = refuses_long
        self.since: datetime | None = None
        self.days: list[int] = []
        self.costs: float | None = 0.0

    def __call__(self, path: str) -> bytes:
        query = {name: datetime.fromisoformat(values[0]) for name, values in parse_qs(urlsplit(path).query).items()}
        days = (query["to"] - query["from"]).days
        self.days.append(days)
        if days > 1 and self.refuses_long:
            return http(b'{"title": "At most a day."}', status="400 Bad Request")
        there = self.since is not None and query["to"] > self.since
        if "email-channel-cost" in path:
            return http(json.dumps({"totalCost": 3.5 if there else self.costs}).encode())
        return http(json.dumps({"items": [{"campaignId": 7, "totalCost": 3.5}] if there else []}).encode())

    def run(self, stream: str, state: dict[str, Any] | None = None) -> Output:
        self.days.clear()
        with RawServer(self).listening() as config:
            return run_here({**config, "requests_per_second": 10_000}, stream, state=state)


def test_year_without_rows_takes_one_request_and_each_later_run_another() -> None:
    quiet = Quiet()

    first = quiet.run("campaign_cost_summaries")
    days_of_first = list(quiet.days)
    later = quiet.run("campaign_cost_summaries", first.state)

    assert days_of_first == [366]
    assert quiet.days == [8]
    assert bookmark(later.state, "campaign_cost_summaries")["no_rows"] is True


def test_first_rows_after_a_quiet_time_are_read_by_day() -> None:
    quiet = Quiet()
    state = quiet.run("campaign_cost_summaries").state
    quiet.since = days_ago(1)

    run = quiet.run("campaign_cost_summaries", state)
    days = list(quiet.days)
    again = quiet.run("campaign_cost_summaries", run.state)

    assert days == [8, *[1] * 8]
    assert [record["from"] for record in run.records("campaign_cost_summaries")] == [
        format_api_date(days_ago(1)),
        format_api_date(days_ago(0)),
    ]
    assert quiet.days == [1] * 8
    assert "no_rows" not in bookmark(again.state, "campaign_cost_summaries")


@pytest.mark.parametrize("costs", [0.0, None])
def test_year_without_costs_takes_one_request(costs: float | None) -> None:
    quiet = Quiet()
    quiet.costs = costs

    run = quiet.run("email_channel_costs")

    assert quiet.days == [366]
    assert run.records("email_channel_costs") == []


def test_windows_are_read_by_day_where_the_api_refuses_a_long_one() -> None:
    quiet = Quiet(refuses_long=True)
    quiet.since = days_ago(1)

    run = quiet.run("campaign_cost_summaries")

    assert run.code == 0
    assert quiet.days == [366, *[1] * 366]
    assert len(run.records("campaign_cost_summaries")) == 2


def test_costs_that_were_corrected_to_nothing_are_read_again() -> None:
    quiet = Quiet()
    quiet.since = days_ago(2)
    state = quiet.run("email_channel_costs").state
    quiet.since = None

    run = quiet.run("email_channel_costs", state)

    assert [record["totalCost"] for record in run.records("email_channel_costs")] == [0.0] * 8


def test_windows_that_were_read_before_are_not_skipped() -> None:
    date = format_api_date(days_ago(60))
    partition = {"context": {"tenant_id": "1001"}, "replication_key": "from", "replication_key_value": date}
    quiet = Quiet()

    quiet.run("email_channel_costs", {"bookmarks": {"email_channel_costs": {"partitions": [partition]}}})

    assert quiet.days == [1] * 68

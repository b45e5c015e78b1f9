"""Feeds, lists, records by their id and nested lists show the same records at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.api_client import Record, StreamReader, agrees

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Export
from tap_servicetitan.endpoints.operations import operations, shape
from tap_servicetitan.simulator import Simulator

RECENT = 6
ALL: Record = {
    "active": "Any",
    "activeState": "All",
    "activeOnly": "false",
    "includeInactive": "true",
    "pageSize": 5000,
    **dict.fromkeys(("includeDiscounts", "includeDurationBilling", "includeRecurringServices"), "true"),
    **dict.fromkeys(("includeTags", "includeTechnicians", "calculatePrices"), "true"),
}
"""Parameters for all records with all their fields; each list ignores those of others."""


def list_path(feed: Endpoint) -> str:
    return shape(feed.url_path).replace("/export/", "/")


FEEDS = [
    feed
    for feed in table.TABLE
    if isinstance(feed, Export) and "id" in feed.keys and feed.explode is None and list_path(feed) in operations()
]


@pytest.fixture(scope="module")
def later() -> Iterator[StreamReader]:
    """Read a simulator after some changes, the last ones within the quarter of an hour that feeds hold back."""
    with Simulator(records=30, page_size=500, rate_limit=0) as simulator, StreamReader(simulator) as reader:
        simulator.advance(minutes=60, new=4, changed=8)
        simulator.advance(minutes=10, new=0, changed=0, recent=RECENT)
        yield reader


def shown(reader: StreamReader, path: str, **query: Any) -> list[Record]:
    """Return the records of a list; of calls, the feed has what is one level deeper here."""
    body = reader.get(path, **query).json()
    rows = body["data"] if isinstance(body, dict) else body
    return [row.get("leadCall", row) for row in rows]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_feed_list_and_record_agree_also_on_recent_changes(later: StreamReader, feed: Endpoint) -> None:
    path = list_path(feed)
    records = later.feed(f"{feed.api}/{feed.path}", includeRecentChanges="true", **feed.params)
    settled = later.feed(f"{feed.api}/{feed.path}", **feed.params)
    ids = {"ids": ",".join(str(one["id"]) for one in records)} if "ids" in operations()[path].required else {}

    listed = {row["id"]: row for row in shown(later, path, **ALL, **ids)}
    assert listed.keys() == {record["id"] for record in records}
    assert all(agrees(listed[record["id"]], record) for record in records)
    assert settled == records[:-RECENT]
    if f"{path}/{{}}" in operations():
        for record in records[-RECENT:]:
            one = later.page(f"{path}/{record['id']}", **ALL)
            assert agrees(one.get("leadCall", one), record)


@pytest.mark.parametrize(
    ("nested", "stream"),
    [
        ("equipment_system_details", "equipment_systems"),
        ("project_daily_log_details", "project_daily_logs"),
    ],
)
def test_nested_record_in_full_is_that_of_its_parent(later: StreamReader, nested: str, stream: str) -> None:
    parents = {record["id"]: record for record in later.simulator.records(stream)}
    records = later.simulator.records(nested)

    assert {record["id"] for record in records} == parents.keys()
    assert all(agrees(record, parents[record["id"]]) for record in records)


def test_canceled_logs_of_jobs_are_those_of_the_feed(start: Callable[..., StreamReader]) -> None:
    reader = start(records=30)
    for _ in range(2):
        feed = {record["id"]: record for record in reader.simulator.records("job_canceled_logs")}
        nested = {record["id"]: record for record in reader.simulator.records("job_canceled_log")}
        read: dict[int, Record] = {}
        for job in reader.simulator.records("jobs"):
            read |= {one["id"]: one for one in reader.data(f"jpm/v2/jobs/{job['id']}/canceled-log", pageSize=500)}
        assert read == nested == {number: one for number, one in feed.items() if one["jobId"] is not None}
        reader.simulator.advance(new=5, changed=5, stream="job_canceled_log")
    assert len(feed) == 35

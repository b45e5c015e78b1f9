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


WITH_ITEMS = [
    ("sales/v2", "estimates", "estimate_items", "estimates/items"),
    ("accounting/v2", "invoices", "invoice_items", "export/invoice-items"),
]


def times(reader: StreamReader) -> Iterator[None]:
    """Stop at the start, after changes of all streams, and while feeds hold back changes."""
    yield
    reader.simulator.advance(minutes=60, new=7, changed=9)
    yield
    reader.simulator.advance(minutes=10, new=0, changed=0, recent=RECENT)
    yield


@pytest.mark.parametrize(("api", "stream", "items_stream", "items_path"), WITH_ITEMS)
def test_items_in_a_record_are_those_of_their_own_list_or_feed(
    start: Callable[..., StreamReader], api: str, stream: str, items_stream: str, items_path: str
) -> None:
    reader = start(records=30)
    for _ in times(reader):
        query = {**ALL, "includeRecentChanges": "true"}
        read = reader.data(f"{api}/{items_path}", **query)
        items = {item["id"]: item for item in read}
        assert read == (reader.simulator.records(items_stream) if "export" in items_path else read)
        assert len(items) == len(read) == len(reader.simulator.records(items_stream)) >= 30
        for path in (f"{api}/{stream}", f"{api}/export/{stream}"):
            records = reader.data(path, **query)
            within = [(item, record) for record in records for item in record["items"] or ()]
            assert sorted(item["id"] for item, _ in within) == sorted(items)
            for item, record in within:
                assert agrees(item, items[item["id"]])
                assert items[item["id"]].get("invoiceId", record["id"]) == record["id"]
                assert record["modifiedOn"] in {None, item["modifiedOn"]}
            assert any(len(record["items"] or ()) > 1 for record in records)


def test_list_of_items_has_those_of_the_estimate_that_a_request_names(start: Callable[..., StreamReader]) -> None:
    reader = start(records=30)
    for _ in times(reader):
        for estimate in reader.data("sales/v2/estimates", **ALL):
            listed = reader.data("sales/v2/estimates/items", estimateId=estimate["id"], **ALL)
            shown_by_id = reader.page(f"sales/v2/estimates/{estimate['id']}")["items"]
            assert sorted(item["id"] for item in listed) == [item["id"] for item in estimate["items"] or ()]
            assert sorted(listed, key=lambda item: item["id"]) == (shown_by_id or [])
    assert reader.data("sales/v2/estimates/items", estimateId=1) == []
    assert reader.get("sales/v2/estimates/items", estimateId="x").status_code == 400


@pytest.mark.parametrize(("api", "stream", "items_stream", "items_path"), WITH_ITEMS)
def test_change_of_items_is_one_of_the_record_that_has_them(
    start: Callable[..., StreamReader], api: str, stream: str, items_stream: str, items_path: str
) -> None:
    reader = start(records=30)
    before = reader.page(f"{api}/export/{stream}")["continueFrom"]
    old = {item["id"]: item for item in reader.simulator.records(items_stream)}

    reader.simulator.advance(minutes=60, new=3, changed=6, stream=items_stream)

    new = {item["id"]: item for item in reader.simulator.records(items_stream)}
    moved = {number for number, item in new.items() if item != old.get(number)}
    changed = reader.feed(f"{api}/export/{stream}", from_=before)
    assert moved - old.keys()
    assert moved & old.keys()
    assert {item["id"] for record in changed for item in record["items"] or ()} == moved
    assert len(changed) == 9
    shown_items = {item["id"] for item in reader.data(f"{api}/{items_path}", **ALL)}
    assert shown_items == new.keys()


def test_field_that_is_added_to_items_is_in_both_places(start: Callable[..., StreamReader]) -> None:
    reader = start(records=10)
    reader.simulator.add_field("invoices", "items.extra")
    reader.simulator.add_field("estimate_items", "extra")

    assert all("extra" in item for item in reader.simulator.records("invoice_items"))
    for record in reader.simulator.records("invoices") + reader.simulator.records("estimates"):
        assert all("extra" in item for item in record["items"] or ())
    assert not any("extra" in record for record in reader.simulator.records("invoices"))

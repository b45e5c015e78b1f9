"""Changes in the simulator: what a step of the clock does to feeds and lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.api_client import (
    ApiClient,
    StreamReader,
    as_set,
)

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.fake.references import streams


def test_changed_record_moves_to_the_end_of_the_feed(simulator: Simulator, client: ApiClient) -> None:
    before = client.feed()
    simulator.advance(minutes=60, new=4, changed=6)
    after = client.feed()
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


def test_token_from_the_middle_of_a_feed_leads_to_all_later_changes(simulator: Simulator, client: ApiClient) -> None:
    first = client.page()
    simulator.advance(minutes=60, new=5, changed=30)
    rest = client.feed(from_=first["continueFrom"])

    seen = {row["id"]: row for row in [*first["data"], *rest]}
    expected = {row["id"]: row for row in simulator.records("bookings")}
    assert seen == expected
    assert client.feed(from_=first["continueFrom"]) == rest


def test_deleted_records_are_inactive_in_the_feed(simulator: Simulator, client: ApiClient) -> None:
    before = sum(not row["active"] for row in client.feed())
    simulator.advance(minutes=60, new=0, changed=100)

    assert 0 < before < sum(not row["active"] for row in client.feed()) < 60


def test_recent_changes_are_sent_on_request_only_and_are_sent_again(simulator: Simulator, client: ApiClient) -> None:
    simulator.advance(minutes=60, new=2, changed=0, recent=8)
    settled = client.feed()
    *_, last = client.feed_pages(includeRecentChanges="true")
    recent = client.feed(includeRecentChanges="true")[len(settled) :]
    again = client.feed(from_=last["continueFrom"], includeRecentChanges="true")

    assert len(again) == 8
    assert all(row["modifiedOn"] > "2026-01-01T00:45" for row in again)
    assert recent == again
    assert client.feed(from_=last["continueFrom"]) == []
    simulator.advance(minutes=15, new=0, changed=0)
    assert client.feed(from_=last["continueFrom"]) == again
    assert client.feed(from_=last["continueFrom"], includeRecentChanges="true") == again


def test_recent_changes_of_several_pages_have_an_end(simulator: Simulator, client: ApiClient) -> None:
    simulator.advance(minutes=60, new=0, changed=0, recent=200)
    pages = list(client.feed_pages(includeRecentChanges="true"))

    assert len({page["continueFrom"] for page in pages}) == len(pages)
    assert [row for page in pages for row in page["data"]] == simulator.records("bookings")


def test_token_from_the_middle_of_recent_changes_loses_nothing(simulator: Simulator, client: ApiClient) -> None:
    simulator.advance(minutes=60, new=0, changed=0, recent=120)
    *_, before_last, _ = client.feed_pages(includeRecentChanges="true")
    resumed = client.page(from_=before_last["continueFrom"])
    simulator.advance(minutes=60, new=1, changed=0)

    assert resumed["data"] == []
    assert resumed["hasMore"] is False
    assert len(client.feed(from_=resumed["continueFrom"])) == 121


def test_clock_moves_by_advance_if_changes_can_be_dated(simulator: Simulator) -> None:
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


@pytest.mark.parametrize("stream", ["zones", "customer_notes", "journal_entries", "material_cost_types", "reports"])
def test_advance_adds_and_changes_records_of_each_kind_of_endpoint(
    start: Callable[..., StreamReader], stream: str
) -> None:
    reader = start(records=12)
    before = reader.simulator.records(stream)
    reader.simulator.advance(new=4, changed=6)
    after = reader.simulator.records(stream)

    assert as_set(reader.read(streams()[stream])) == as_set(after)
    assert len({row["id"] for row in after} - {row["id"] for row in before}) == len(after) - len(before) == 4
    if "modifiedOn" in before[0]:
        assert len([row for row in after if row["modifiedOn"] >= "2025-12-31T23:45"]) >= 10


def test_list_shows_a_change_at_once(start: Callable[..., StreamReader]) -> None:
    reader = start(records=12)
    reader.simulator.advance(minutes=60, new=0, changed=0, recent=6, stream="zones")

    assert len(reader.data("dispatch/v2/zones", active="Any", modifiedOnOrAfter="2026-01-01T00:45")) == 6


def test_job_history_has_one_more_event_after_a_change(start: Callable[..., StreamReader]) -> None:
    simulator = start(records=12).simulator
    before = as_set(simulator.records("job_history"))
    simulator.advance(new=0, changed=5)
    after = as_set(simulator.records("job_history"))

    assert set(before) < set(after)
    assert len(after) == len(before) + 5


def test_removed_records_disappear_where_inactive_ones_cannot_be_listed(start: Callable[..., StreamReader]) -> None:
    reader = start(records=12)
    simulator = reader.simulator
    leads = len(simulator.records("attributed_leads"))
    simulator.advance(new=0, changed=0, removed=5)

    assert {len(simulator.records(stream)) for stream in ("costs", "contacts")} == {7}
    assert len(simulator.records("report_categories")) == 1
    assert {len(simulator.records(stream)) for stream in ("zones", "teams", "customers")} == {12}
    assert len(simulator.records("attributed_leads")) == leads
    assert len(simulator.records("task_data")) == 1
    categories = {row["id"] for row in simulator.records("report_categories")}
    assert {row["report_category"] for row in simulator.records("reports")} <= categories
    assert as_set(reader.read(streams()["reports"])) == as_set(simulator.records("reports"))
    with pytest.raises(ValueError, match="must not be negative"):
        simulator.advance(removed=-1)

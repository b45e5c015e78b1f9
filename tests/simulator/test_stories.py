"""Stories: with ``live``, bookings become jobs, appointments, invoices and payments while the clock moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from helpers.api_client import ApiClient, agrees

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.data.stories import STREAMS
from tap_servicetitan.simulator.fake import timestamps

Record = dict[str, Any]
Live = Callable[..., ApiClient]

LISTS = {
    "bookings": "crm/v2/bookings",
    "jobs": "jpm/v2/jobs",
    "appointments": "jpm/v2/appointments",
    "invoices": "accounting/v2/invoices",
    "payments": "accounting/v2/payments",
}


@pytest.fixture
def live() -> Iterator[Live]:
    """Start simulators in which 600 changes happen in an hour of their clock."""
    with ExitStack() as stack:

        def start(**options: Any) -> ApiClient:
            simulator = Simulator(**{"records": 40, "page_size": 100, "rate_limit": 0, "live": 600, **options})
            return stack.enter_context(ApiClient(stack.enter_context(simulator)))

        yield start


def pass_time(simulator: Simulator, minutes: float, steps: int = 1) -> None:
    for _ in range(steps):
        simulator.advance(minutes=minutes / steps, new=0, changed=0)


def of_stories(simulator: Simulator, stream: str) -> list[Record]:
    """Return the records that are not among those of the start."""
    records = sorted(simulator.records(stream), key=lambda record: record["id"])
    return records[40:]


def by_id(records: list[Record]) -> dict[int, Record]:
    return {record["id"]: record for record in records}


def test_stories_agree_from_booking_to_payment(live: Live) -> None:
    simulator = live().simulator
    pass_time(simulator, 120)
    bookings, jobs, appointments, invoices, payments = (by_id(of_stories(simulator, one)) for one in STREAMS)

    converted = [booking for booking in bookings.values() if booking["status"] == "Converted"]
    dismissed = [booking for booking in bookings.values() if booking["status"] == "Dismissed"]
    assert len(converted) > 70
    assert 0 < len(dismissed) < len(bookings) / 4
    assert [booking["jobId"] for booking in dismissed] == [None] * len(dismissed)
    assert {booking["jobId"] for booking in converted} == set(jobs)
    customers = {customer["id"] for customer in simulator.records("customers")}
    for job in jobs.values():
        appointment = appointments[job["firstAppointmentId"]]
        assert (appointment["jobId"], appointment["customerId"]) == (job["id"], job["customerId"])
        assert bookings[job["bookingId"]]["jobId"] == job["id"]
        assert job["customerId"] in customers
        assert (job["jobStatus"], appointment["status"]) in {
            ("Scheduled", "Scheduled"), ("Scheduled", "Dispatched"), ("InProgress", "Working"), ("Completed", "Done"),
        }  # fmt: skip
        assert (job["completedOn"] is not None) == (job["jobStatus"] == "Completed")
    assert {job["invoiceId"] for job in jobs.values() if job["invoiceId"]} == set(invoices)
    for invoice in invoices.values():
        job = jobs[invoice["job"]["id"]]
        assert (job["invoiceId"], job["jobStatus"], job["total"]) == (
            invoice["id"],
            "Completed",
            float(invoice["total"]),
        )
    for payment in payments.values():
        invoice = invoices[payment["appliedTo"][0]["appliedTo"]]
        assert (invoice["balance"], invoice["total"]) == ("0.00", payment["total"])
        assert (invoice["paidOn"], invoice["customer"]) == (payment["date"], payment["customer"])
    names = {customer["id"]: customer["name"] for customer in simulator.records("customers")}
    for record in [*invoices.values(), *payments.values()]:
        assert record["customer"]["name"] == names[record["customer"]["id"]]
    items = by_id(simulator.records("invoice_items"))
    of_stories_alone = [item for invoice in invoices.values() for item in invoice["items"] or ()]
    assert len(of_stories_alone) > 60
    assert all(agrees(item, items[item["id"]]) for item in of_stories_alone)
    assert sum(invoice["balance"] == "0.00" for invoice in invoices.values()) == len(payments) > 60


def test_an_hour_brings_about_as_many_changes_as_were_asked_for(live: Live) -> None:
    simulator = live().simulator
    pass_time(simulator, 60)
    before = timestamps.parse(simulator.now) or 0

    pass_time(simulator, 600)

    logs = [simulator.world.collection(1001, stream).now()[1] for stream in STREAMS]
    changes = sum(time > before for log in logs for time in log.times)
    assert 5_700 < changes < 6_300


def test_feed_list_and_record_agree_at_every_moment(live: Live) -> None:
    client = live()
    for minutes in (0.1, 3, 7, 20, 61):
        pass_time(client.simulator, minutes)
        for stream, path in LISTS.items():
            api, rest = path.rsplit("/", 1)
            feed = client.feed(f"{api}/export/{rest}", includeRecentChanges="true")
            listed = client.data(path, pageSize=5000, **({"active": "Any"} if stream != "invoices" else {}))
            seen = by_id(feed)
            assert len(seen) == len(feed)
            assert all(agrees(seen[record["id"]], record) for record in listed), stream
            new = [record for record in feed if record["createdOn"] > "2025-12-31T23:45:00Z"]
            assert {record["id"] for record in new} <= {record["id"] for record in listed}
            dates = [record["modifiedOn"] for record in new if record["modifiedOn"]]
            assert dates == sorted(dates)


def test_feed_moves_from_the_first_minute_and_holds_back_a_quarter_of_an_hour(live: Live) -> None:
    client = live()
    page = client.page("crm/v2/export/bookings")
    assert not [record for record in page["data"] if record["status"] == "Converted" and record["id"] % 100 >= 40]

    pass_time(client.simulator, 5)

    news = client.page("crm/v2/export/bookings", from_=page["continueFrom"])["data"]
    assert news
    assert all("2025-12-31T23:45:00Z" < record["modifiedOn"] <= "2026-01-01T00:05:00Z" for record in news)
    recent = client.page("crm/v2/export/bookings", from_=page["continueFrom"], includeRecentChanges="true")["data"]
    assert len(recent) > len(news)


@pytest.mark.parametrize("steps", [7, 90])
def test_stories_do_not_depend_on_how_the_clock_moves(live: Live, steps: int) -> None:
    at_once, in_steps = live().simulator, live().simulator
    pass_time(at_once, 90)
    pass_time(in_steps, 90, steps)

    for stream in STREAMS:
        assert at_once.records(stream) == in_steps.records(stream)


def test_another_seed_and_another_tenant(live: Live) -> None:
    first, second = live(tenants=2).simulator, live(seed=2).simulator
    for simulator in (first, second):
        pass_time(simulator, 60)

    def links(simulator: Simulator, tenant: int = 1001) -> list[tuple[Any, Any]]:
        jobs = simulator.records("jobs", tenant)
        return [(job["id"], job["bookingId"]) for job in jobs if job["createdOn"] > "2026"]

    assert links(first) == links(first, 1002) != []
    assert [job["createdOn"] for job in of_stories(first, "jobs")] != [
        job["createdOn"] for job in of_stories(second, "jobs")
    ]


def test_changes_on_request_and_stories_go_together(live: Live) -> None:
    client = live()
    simulator = client.simulator
    simulator.advance(minutes=60, new=5, changed=5, recent=4)
    simulator.advance(minutes=60, new=5, changed=0, stream="jobs")
    pass_time(simulator, 60)

    jobs, bookings = by_id(simulator.records("jobs")), simulator.records("bookings")
    new = [one for one in bookings if one["status"] == "Converted" and one["createdOn"] > "2026" and one["jobId"]]
    agreeing = [one for one in new if jobs.get(one["jobId"], {}).get("bookingId") == one["id"]]
    assert len(agreeing) > 100
    for stream in STREAMS:
        log = simulator.world.collection(1001, stream).now()[1]
        assert [*log.times] == sorted(log.times)
        assert len(log.created) == len({*log.indices})


def test_without_live_nothing_happens_by_itself(live: Live) -> None:
    simulator = live(live=0).simulator
    before = {stream: simulator.records(stream) for stream in STREAMS}
    pass_time(simulator, 600)

    assert {stream: simulator.records(stream) for stream in STREAMS} == before

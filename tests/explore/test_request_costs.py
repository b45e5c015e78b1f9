"""The requests that a stream is said to cost beside those that the simulator counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from helpers.support import TABLE, config_of, run_here

from tap_servicetitan.explore.request_costs import FEED_PAGE_SIZE, cost
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.state.bookmarks import OVERLAP

DAYS = 20
START = (datetime.now(UTC) - timedelta(days=DAYS)).isoformat()


@pytest.mark.parametrize(
    ("stream", "rows"),
    [
        ("bookings", 2 * FEED_PAGE_SIZE + 1),  # a feed
        ("bookings", 0),
        ("payment_terms", 5001),  # a listing of what is new
        ("payment_types", 100),  # a listing that is read in full
        ("booking_contacts", 501),  # a request for each parent
        ("job_booked_log", 501),  # later for changed parents only
        ("contact_method_preferences", 20),  # its parents are a stream
        ("gl_accounts_well_known", 1),  # one object
        ("capacities", 5),  # a request a day
        ("campaign_cost_summaries", 30),  # windows
    ],
)
def test_requests_are_as_many_as_estimated(stream: str, rows: int) -> None:
    with Simulator(records=rows, page_size=FEED_PAGE_SIZE, rate_limit=0) as simulator:
        config = config_of(simulator, **({"start_date": START} if stream == "campaign_cost_summaries" else {}))
        first = run_here(config, stream)
        requests = len(simulator.requests)
        run_here(config, stream, state=first.state)
        both = len(simulator.requests)
        dates = [datetime.fromisoformat(job["modifiedOn"]) for job in simulator.records("jobs")]

    recent = sum(date >= max(dates) - OVERLAP for date in dates) if stream == "job_booked_log" else 0
    expected = cost(TABLE[stream])
    tokens = 1
    assert requests - tokens == expected.first_run(rows, DAYS)
    assert both - requests - tokens == expected.later_run(rows, DAYS) + recent


def test_costs_in_words() -> None:
    words = {
        name: cost(TABLE[name]).words
        for name in ("bookings", "payment_terms", "payment_types", "booking_contacts", "invoice_tasks")
    }

    assert words == {
        "bookings": "a request for each page of the feed; later only for what is new",
        "payment_terms": "a request for each 5,000 rows; later only for what is new",
        "payment_types": "a request for each 5,000 rows, in each run",
        "booking_contacts": "a request for each parent, in each run",
        "invoice_tasks": "a request for each parent; later only for changed ones",
    }
    assert cost(TABLE["campaign_cost_summaries"]).words == (
        "a request for each day; in each run again for the last 7 days"
    )

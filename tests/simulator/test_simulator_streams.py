"""The simulator serves every stream of the table: what a walk finds is what it says there is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import jsonschema
import pytest
import requests
from helpers.api_client import ApiClient

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import (
    Capacity,
    Endpoint,
    Export,
    Listing,
    Nested,
    Paged,
    Singleton,
    Unpaged,
    Window,
)
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.fake.child_distribution import CHILDREN
from tap_servicetitan.simulator.fake.references import streams, target_stream

Row = dict[str, Any]
RECORDS = 24
DAY = timedelta(days=1)


class Walker(ApiClient):
    """Reads whole streams with the table's own parameters, by nothing but what the answers say."""

    def capacity(self, **body: Any) -> requests.Response:
        return self.post("dispatch/v2/capacity", body)

    def ask(self, endpoint: Endpoint, places: Row | None = None, **query: Any) -> Any:
        path = f"{endpoint.api}/{endpoint.path.format(**(places or {}))}"
        response = self.get(path, **{**endpoint.query, **query})
        if places and response.status_code == 409:
            return {"data": [], "hasMore": False}
        assert response.status_code == 200, response.text
        return response.json()

    def rows(self, endpoint: Endpoint) -> list[Row]:
        return list(WALKS[type(endpoint)](self, endpoint))

    def pages(self, endpoint: Paged, places: Row | None = None, **query: Any) -> Iterator[Row]:
        number = endpoint.first_page
        while True:
            numbers = {"page": number, "pageSize": endpoint.page_size} if endpoint.page_size else {}
            answer = self.ask(endpoint, places, **query, **numbers)
            data = answer[endpoint.records_path] if endpoint.records_path else answer
            yield from data if isinstance(data, list) else [data]
            if not endpoint.page_size or not data or (endpoint.has_more_flag and not answer["hasMore"]):
                return
            number += 1


def feed(walker: Walker, endpoint: Export) -> Iterator[Row]:
    query: Row = {}
    while True:
        page = walker.ask(endpoint, **query)
        for row in page["data"]:
            items = row.pop(endpoint.explode) if endpoint.explode else [{}]
            yield from [{**row, **item} for item in items]
        if not page["hasMore"]:
            return
        query = {"from": page["continueFrom"]}


def at_once(walker: Walker, endpoint: Endpoint) -> Iterator[Row]:
    answer = walker.ask(endpoint)
    data = answer[endpoint.records_path] if endpoint.records_path else answer
    yield from data if isinstance(data, list) else [data]


def nested(walker: Walker, endpoint: Nested) -> Iterator[Row]:
    bounds: Row = dict.fromkeys(endpoint.date_range_params or (), "2025-01-01T00:00:00Z")
    for parent in walker.rows(table.parent(endpoint)):
        places = {place: parent[name] for place, name in endpoint.path_params.items()}
        yield from [{**places, **row} for row in walker.pages(endpoint, places, **bounds)]


def windows(walker: Walker, endpoint: Window) -> Iterator[Row]:
    """Read the days on which something happened, and those after them."""
    dates = [row[str(endpoint.replication_key)] for row in walker.simulator.records(endpoint.name)]
    days = {datetime.fromisoformat(f"{date[:10]}T00:00:00Z") for date in dates}
    for day in sorted(days | {day + DAY for day in days}):
        start, end = (f"{one:%Y-%m-%d}T00:00:00Z" for one in (day, day + DAY))
        window: Row = {endpoint.start: start, endpoint.end: end}
        bounds = window if endpoint.replication_key == endpoint.start else {}
        yield from [{**bounds, **row} for row in walker.pages(endpoint, **window) if row != {"totalCost": 0.0}]


def fortnight(walker: Walker, endpoint: Capacity) -> Iterator[Row]:
    answer = walker.capacity(startsOnOrAfter="2026-01-01", endsOnOrBefore="2026-01-15", skillBasedAvailability=False)
    yield from answer.json()[endpoint.records_path]


WALKS: dict[type[Endpoint], Callable[[Walker, Any], Iterator[Row]]] = {
    Export: feed,
    Listing: Walker.pages,
    Unpaged: at_once,
    Singleton: at_once,
    Nested: nested,
    Window: windows,
    Capacity: fortnight,
}


def as_set(rows: list[Row]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.fixture(scope="module")
def walker() -> Iterator[Walker]:
    with Simulator(records=RECORDS, page_size=10, rate_limit=0) as simulator:
        walker = Walker(simulator)
        with walker.session:
            yield walker


@pytest.fixture
def start(simulate: Callable[..., Simulator]) -> Iterator[Callable[..., Walker]]:
    """Let clients into simulators of their own, which end with the test."""
    walkers: list[Walker] = []

    def make(**options: Any) -> Walker:
        walkers.append(Walker(simulate(**{"page_size": 500, **options})))
        return walkers[-1]

    yield make
    for walker in walkers:
        walker.session.close()


@pytest.mark.parametrize("endpoint", [*table.endpoints()], ids=lambda endpoint: endpoint.name)
def test_a_walk_through_a_stream_finds_all_its_records_each_valid(walker: Walker, endpoint: Endpoint) -> None:
    truth = walker.simulator.records(endpoint.name)
    assert truth
    assert as_set(walker.rows(endpoint)) == as_set(truth)

    schema = schemas.load(endpoint)
    between = endpoint.date_range_params if isinstance(endpoint, Nested) else None
    added = {"tenant_id", *endpoint.derived_keys, *(between or ())}
    schema["required"] = [name for name in schema.get("required", ()) if name not in added]
    validator = jsonschema.Draft202012Validator(schema)
    for row in truth:
        validator.validate(row)
        assert row.keys() == schema["properties"].keys() - added
    if endpoint.keys and not endpoint.derived_keys:
        assert len({tuple(row[name] for name in endpoint.primary_keys if name in row) for row in truth}) == len(truth)


# How many records there are


def test_each_stream_has_as_many_records_as_told_and_nested_ones_0_to_5_for_each_parent(walker: Walker) -> None:
    counts = {endpoint: len(walker.simulator.records(endpoint.name)) for endpoint in table.endpoints()}
    whole = {
        endpoint.name: count
        for endpoint, count in counts.items()
        if isinstance(endpoint, Export | Listing | Unpaged) and endpoint.name != "job_history"
    }
    notes = [row["customer_id"] for row in walker.simulator.records("customer_notes")]
    customers = sorted(row["id"] for row in walker.simulator.records("customers"))

    assert whole == dict.fromkeys(whole, RECORDS) | {"report_categories": 6}
    assert [notes.count(customer) for customer in customers] == list(CHILDREN) * 4
    assert len(walker.simulator.records("job_booked_log")) == RECORDS
    assert {count for endpoint, count in counts.items() if isinstance(endpoint, Singleton)} == {1}


def test_sizes_are_those_of_a_stream_or_of_each_parent_of_a_nested_one() -> None:
    with Simulator(records=5, sizes={"zones": 3, "customers": 2, "customer_notes": 4}) as simulator:
        assert [len(simulator.records(stream)) for stream in ("zones", "customer_notes", "teams")] == [3, 8, 5]


def references(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every id within a value, with the name of the field that says whose it is."""
    if isinstance(value, list):
        for one in value:
            yield from references(one, name)
    elif isinstance(value, dict):
        for field, one in value.items():
            yield from references(one, name if field == "id" else field)
    elif re.search("Ids?$", name):
        yield name, value


def test_references_to_a_stream_of_the_table_lead_to_records_that_exist(walker: Walker) -> None:
    numbered = {
        name: {row["id"] for row in walker.simulator.records(name)}
        for name, endpoint in streams().items()
        if schemas.load(endpoint)["properties"].get("id", {}).get("type") == "integer"
    }
    elsewhere = {"reasonId", "categoryId"}  # what these are of depends on the stream
    followed: set[str] = set()
    for stream in streams():
        for name, value in references(walker.simulator.records(stream)):
            target = target_stream(name)
            if isinstance(value, int) and target in numbered and name not in elsewhere:
                assert value in numbered[target], (stream, name)
                followed.add(target)

    assert followed >= {"customers", "jobs", "memberships_export", "gl_accounts", "vendors", "wbs_budget_codes"}
    assert len(followed) > 40


# Listings


def test_a_page_out_of_range_is_empty_and_one_below_the_first_refused(walker: Walker) -> None:
    beyond = walker.get("dispatch/v2/zones", page=9).json()

    assert (beyond["data"], beyond["hasMore"], beyond["page"]) == ([], False, 9)
    assert walker.get("dispatch/v2/zones", page=0).json()["errors"].keys() == {"page"}
    assert walker.get("dispatch/v2/zones", pageSize="many").json()["errors"].keys() == {"pageSize"}


@pytest.mark.parametrize(("field", "name"), [("Id", "id"), ("CreatedOn", "createdOn"), ("ModifiedOn", "modifiedOn")])
def test_a_listing_comes_in_the_order_asked_for(walker: Walker, field: str, name: str) -> None:
    rows, back = (walker.data("dispatch/v2/zones", active="Any", sort=f"{sign}{field}") for sign in "+-")
    values = [row[name] if name == "id" else datetime.fromisoformat(row[name]) for row in rows]

    assert values == sorted(values)
    assert back[0] == rows[-1]
    assert as_set(back) == as_set(rows)


def test_dates_bound_a_listing_where_the_operation_has_them(walker: Walker) -> None:
    rows = walker.data("dispatch/v2/zones", active="Any", sort="+CreatedOn")
    bounds = {"createdOnOrAfter": rows[5]["createdOn"], "createdBefore": rows[9]["createdOn"]}

    assert as_set(walker.data("dispatch/v2/zones", active="Any", **bounds)) == as_set(rows[5:9])
    assert len(walker.data("jpm/v2/project-types", modifiedOnOrAfter="2099-01-01")) == RECORDS
    assert walker.get("dispatch/v2/zones", createdBefore="soon").json()["errors"].keys() == {"createdBefore"}


def test_forms_are_found_by_when_they_were_submitted(walker: Walker) -> None:
    dates = sorted((row["submittedOn"] for row in walker.simulator.records("submissions")), key=datetime.fromisoformat)

    found = walker.data("forms/v2/submissions", active="Any", submittedOnOrAfter=dates[7], submittedBefore=dates[20])

    assert {row["submittedOn"] for row in found} == set(dates[7:20])


def test_records_are_found_by_their_ids(walker: Walker) -> None:
    ids = [row["id"] for row in walker.simulator.records("payment_terms")][:3]

    found = walker.data("accounting/v2/payment-terms", ids=",".join(map(str, ids)))

    assert {row["id"] for row in found} == set(ids)


@pytest.mark.parametrize(
    ("path", "hidden", "everything"),
    [
        ("dispatch/v2/teams", {}, {"includeInactive": "true"}),
        ("dispatch/v2/non-job-appointments", {}, {"activeOnly": "false"}),
        ("inventory/v2/return-types", {"activeOnly": "true"}, {"activeOnly": "false"}),
        ("accounting/v2/invoices", {}, {"activeState": "All"}),
        ("accounting/v2/payment-types", {}, {"active": "Any"}),
        ("sales/v2/proposal-types", {}, {"active": "Any"}),
    ],
)
def test_inactive_records_are_hidden_in_each_spelling(
    start: Callable[..., Walker], path: str, hidden: Row, everything: Row
) -> None:
    walker = start(records=100)

    assert len(walker.data(path, pageSize=500, **hidden)) < 100
    assert len(walker.data(path, pageSize=500, **everything)) == 100


def test_reasons_to_hold_a_job_are_shown_whether_active_or_not(start: Callable[..., Walker]) -> None:
    walker = start(records=100)

    assert len(walker.data("jpm/v2/job-hold-reasons", pageSize=500)) == 100
    assert len(walker.data("jpm/v2/job-hold-reasons", pageSize=500, active="True")) < 100


def test_assignments_are_the_only_feed_that_leaves_inactive_rows_out_unless_asked(
    start: Callable[..., Walker],
) -> None:
    walker = start(records=200)
    assignments, appointments = (
        [len(walker.data(path, **query)) for query in ({}, {"active": "Any"}, {"active": "True"})]
        for path in ("dispatch/v2/export/appointment-assignments", "jpm/v2/export/appointments")
    )

    assert assignments[0] == assignments[2] < assignments[1] == 200
    assert appointments[2] < appointments[0] == appointments[1] == 200


def test_segments_come_in_pages_that_do_not_say_whether_there_are_more(walker: Walker) -> None:
    page = walker.get("jpm/v2/work-breakdown-structure/segments", pageSize=20).json()

    assert page.keys() == {"data"}
    assert len(page["data"]) == 20


def test_what_comes_at_once_comes_bare_or_in_an_envelope(walker: Walker) -> None:
    warnings = walker.get("marketingads/v2/capacity-warnings").json()

    assert warnings.keys() == {"tenantId", "tenantName", "totalCount", "data"}
    assert walker.get("pricebook/v2/materials/costtypes").json().keys() >= {"page", "hasMore", "data"}
    assert isinstance(walker.get("crm/v2/contacts/preferences").json(), list)


# Nested collections


def test_a_parent_that_the_whole_path_is_not_true_of_is_not_found(walker: Walker) -> None:
    first, second, *_ = walker.simulator.records("contact_methods")
    statuses = [
        walker.get(f"crm/v2/contacts/{contact}/contact-methods/{first['id']}/preferences").status_code
        for contact in (first["contactId"], f"{second['contactId']}x")
    ]

    assert statuses == [200, 404]
    assert walker.get("jpm/v2/jobs/abc/booked-log").status_code == 404


def test_an_inactive_contact_is_in_conflict_with_being_asked_for_its_relationships(
    start: Callable[..., Walker],
) -> None:
    walker = start(records=100)
    contacts = walker.simulator.records("contacts")
    answers = [walker.get(f"crm/v2/contacts/{contact['id']}/relationships") for contact in contacts]

    refused = [answer.json()["title"] for answer in answers if answer.status_code == 409]
    read = [row for answer in answers if answer.status_code == 200 for row in answer.json()["data"]]
    assert 0 < len(refused) < 20
    assert re.fullmatch("Contact ID = .+ is not active", refused[0])
    assert len(read) == len(walker.simulator.records("contact_relationships"))


def test_items_below_items_come_only_when_asked_for(walker: Walker) -> None:
    segment = walker.simulator.records("wbs_segment_items")[0]["segment_id"]
    path = f"jpm/v2/work-breakdown-structure/segments/{segment}/items"

    every = walker.data(path, includeChildren="true")

    assert walker.data(path) == [row for row in every if row["parentId"] is None]


def test_a_nested_record_names_its_parent_where_it_has_a_field_for_it(walker: Walker) -> None:
    assert all(row["jobId"] == row["job_id"] for row in walker.simulator.records("job_booked_log"))
    assert all(row["schedulerId"] == row["scheduler_id"] for row in walker.simulator.records("scheduler_sessions"))


# Windows


def test_a_window_has_two_bounds_that_are_dates(walker: Walker) -> None:
    path = "marketing/v2/campaign-cost-summary"

    assert walker.get(path).json()["errors"].keys() == {"from", "to"}
    assert walker.get(path, **{"from": "2025-01-01", "to": "then"}).json()["errors"].keys() == {"to"}


def test_the_figures_of_a_long_window_are_the_sum_of_its_days(walker: Walker) -> None:
    path = "marketing/v2/email-channel-cost"
    days = walker.simulator.records("email_channel_costs")

    whole = walker.get(path, **{"from": "2020-01-01", "to": "2030-01-01"}).json()

    assert whole["totalCost"] == pytest.approx(sum(day["totalCost"] for day in days))
    assert walker.get(path, **{"from": "2020-01-01", "to": "2020-01-02"}).json() == {"totalCost": 0.0}


def test_leads_are_found_from_a_windows_start_to_before_its_end(walker: Walker) -> None:
    dates = sorted(
        (row["dateTime"] for row in walker.simulator.records("attributed_leads")), key=datetime.fromisoformat
    )

    found = walker.data("marketingads/v2/attributed-leads", fromUtc=dates[3], toUtc=dates[7])

    assert {row["dateTime"] for row in found} == set(dates[3:7])


def test_capacity_is_asked_for_by_post_for_14_days_at_most(walker: Walker) -> None:
    days = {"startsOnOrAfter": "2026-05-01T00:00:00Z", "endsOnOrBefore": "2026-05-15T00:00:00Z"}
    longer = {**days, "endsOnOrBefore": "2026-05-15T00:00:01Z"}

    good = walker.capacity(**days, skillBasedAvailability=False).json()

    assert good.keys() == {"timeStamp", "availabilities"}
    assert good["availabilities"]
    assert walker.get("dispatch/v2/capacity").status_code == 405
    assert walker.capacity(**days).json()["errors"].keys() == {"skillBasedAvailability"}
    assert walker.capacity(**longer, skillBasedAvailability=True).status_code == 400


# What changes


@pytest.mark.parametrize("stream", ["zones", "customer_notes", "journal_entries", "material_cost_types", "reports"])
def test_records_of_every_kind_come_and_change(start: Callable[..., Walker], stream: str) -> None:
    walker = start(records=12)
    before = walker.simulator.records(stream)
    walker.simulator.advance(new=4, changed=6)
    after = walker.simulator.records(stream)

    assert as_set(walker.rows(streams()[stream])) == as_set(after)
    assert len({row["id"] for row in after} - {row["id"] for row in before}) == len(after) - len(before) == 4
    if "modifiedOn" in before[0]:
        assert len([row for row in after if row["modifiedOn"] >= "2025-12-31T23:45"]) >= 10


def test_a_change_shows_in_a_listing_at_once(start: Callable[..., Walker]) -> None:
    walker = start(records=12)
    walker.simulator.advance(minutes=60, new=0, changed=0, recent=6, stream="zones")

    assert len(walker.data("dispatch/v2/zones", active="Any", modifiedOnOrAfter="2026-01-01T00:45")) == 6


def test_a_change_of_a_job_is_one_event_more_in_its_history(start: Callable[..., Walker]) -> None:
    simulator = start(records=12).simulator
    before = as_set(simulator.records("job_history"))
    simulator.advance(new=0, changed=5)
    after = as_set(simulator.records("job_history"))

    assert set(before) < set(after)
    assert len(after) == len(before) + 5


def test_records_vanish_where_they_cannot_be_inactive_and_those_below_them_too(start: Callable[..., Walker]) -> None:
    walker = start(records=12)
    simulator = walker.simulator
    simulator.advance(new=0, changed=0, removed=5)

    assert {len(simulator.records(stream)) for stream in ("costs", "contacts")} == {7}
    assert len(simulator.records("report_categories")) == 1
    assert {len(simulator.records(stream)) for stream in ("zones", "teams", "customers", "attributed_leads")} == {12}
    assert len(simulator.records("task_data")) == 1
    categories = {row["id"] for row in simulator.records("report_categories")}
    assert {row["report_category"] for row in simulator.records("reports")} <= categories
    assert as_set(walker.rows(streams()["reports"])) == as_set(simulator.records("reports"))
    with pytest.raises(ValueError, match="must not be negative"):
        simulator.advance(removed=-1)


# Scopes, and what the simulator does not do


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("tn.dis.zones:r", "dispatch/v2/zones"),
        ("tn.crm.customers:r", "crm/v2/customers"),
        ("tn.tsm.data:r", "taskmanagement/v2/data"),
        ("tn.mads.performance:r", "marketingads/v2/performance"),
        ("tn.crm.bookings:r", "crm/v2/bookings/1/contacts"),
    ],
)
def test_each_kind_of_endpoint_wants_its_scope(start: Callable[..., Walker], scope: str, path: str) -> None:
    assert start(deny_scopes=[scope]).get(path).json()["title"] == "Scope validation failed"


def test_capacity_wants_a_scope_to_write(start: Callable[..., Walker]) -> None:
    assert start(deny_scopes=["tn.dis.capacity:w"]).capacity().status_code == 403


def test_no_record_is_made_up_before_it_is_asked_for() -> None:
    with Simulator() as simulator:
        assert simulator.world.made == set()
        simulator.records("customer_notes")
        assert simulator.world.made == {"customer_notes", "customers"}

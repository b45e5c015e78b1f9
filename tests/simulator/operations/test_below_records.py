"""Records below another one: they agree with the stream that has them all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.api_client import Record, StreamReader, agrees, assert_problem

LISTS = [
    ("accounting/v2/credit-memos/{}/items", "credit_memos", "credit_memo_items", "creditMemoId"),
    ("crm/v2/contacts/{}/contact-methods", "contacts", "contact_methods", "contactId"),
    ("jpm/v2/jobs/{}/notes", "jobs", "job_notes", "jobId"),
    ("jpm/v2/projects/{}/notes", "projects", "project_notes", "projectId"),
    ("marketing/v2/campaigns/{}/costs", "campaigns", "costs", "campaignId"),
    ("payroll/v2/jobs/{}/splits", "jobs", "job_splits", "jobId"),
    ("payroll/v2/jobs/{}/timesheets", "jobs", "job_timesheets", "jobId"),
    ("schedulingpro/v2/routers/{}/sessions", "schedulers", "scheduler_sessions", "schedulerId"),
]


def rows(reader: StreamReader, path: str, owner: object) -> list[Record]:
    return reader.data(path.format(owner), pageSize=500, active="Any")


@pytest.mark.parametrize(("path", "owners", "stream", "field"), LISTS)
def test_lists_below_records_have_all_records_of_the_stream(
    start: Callable[..., StreamReader], path: str, owners: str, stream: str, field: str
) -> None:
    reader = start(records=40)
    for _ in range(2):
        expected = reader.simulator.records(stream)
        found = 0
        for owner in reader.simulator.records(owners):
            below = [record for record in expected if record[field] == owner["id"]]
            shown = rows(reader, path, owner["id"])
            assert len(shown) == len(below)
            assert all(map(agrees, shown, below))
            found += len(shown)
        assert found == len([record for record in expected if record[field] is not None]) > 0
        reader.simulator.advance(new=5, changed=10)


def test_contacts_of_an_inactive_customer_are_409(start: Callable[..., StreamReader]) -> None:
    reader = start(records=100)
    contacts = reader.simulator.records("customer_contacts")
    refused = 0
    for customer in reader.simulator.records("customers"):
        response = reader.get(f"crm/v2/customers/{customer['id']}/contacts", pageSize=500)
        if customer["active"]:
            assert len(response.json()["data"]) == sum(one["customerId"] == customer["id"] for one in contacts)
        else:
            refused += 1
            title = assert_problem(response, 409)["title"]
            assert title == f"Customer ID = {customer['id']} is not active"
    assert refused


def test_history_of_a_job_has_the_events_of_its_rows(reader: StreamReader) -> None:
    events = reader.simulator.records("job_history")
    for job in {event["jobId"] for event in events if event["jobId"]}:
        history = reader.page(f"jpm/v2/jobs/{job}/history")["history"]
        expected = [event for event in events if event["jobId"] == job]
        assert len(history) == len(expected)
        assert all(map(agrees, history, expected))


def test_items_below_an_item_are_its_children_or_all_below_it(start: Callable[..., StreamReader]) -> None:
    reader = start(records=5, sizes={"wbs_segment_items": 30})
    items = reader.simulator.records("wbs_segment_items")
    path = "jpm/v2/work-breakdown-structure/segments/{}/items/{}/children"
    parents = {item["id"]: item["parentId"] for item in items}
    deeper = 0
    for item in items:
        children = reader.data(path.format(item["segment_id"], item["id"]))
        every = reader.data(path.format(item["segment_id"], item["id"]), includeChildren="true")
        assert {child["id"] for child in children} == {one for one, above in parents.items() if above == item["id"]}
        assert {child["id"] for child in children} <= {child["id"] for child in every}
        deeper += len(every) > len(children)
    assert deeper
    assert all(parents.get(above) != one for one, above in parents.items() if above)


def test_status_changes_are_those_of_the_membership(reader: StreamReader) -> None:
    change = reader.simulator.records("membership_status_changes")[0]
    shown = reader.get(f"memberships/v2/memberships/{change['membershipId']}/status-changes").json()

    assert change["id"] in {row["id"] for row in shown}


def test_discounts_of_a_membership_type_are_those_in_its_record(reader: StreamReader) -> None:
    for record in reader.simulator.records("membership_types")[:5]:
        shown = reader.get(f"memberships/v2/membership-types/{record['id']}/discounts").json()
        assert agrees(shown, record["discounts"] or [])


def test_cancel_reasons_are_those_of_the_canceled_jobs(reader: StreamReader) -> None:
    logs = reader.simulator.records("job_canceled_logs")
    names = {reason["id"]: reason["name"] for reason in reader.simulator.records("job_cancel_reasons")}
    ids = ",".join(str(job["id"]) for job in reader.simulator.records("jobs"))

    for row in reader.data("jpm/v2/jobs/cancel-reasons", ids=ids):
        assert (row["reasonId"], row["text"]) in {
            (log["reasonId"], log["memo"]) for log in logs if log["jobId"] == row["jobId"]
        }
        assert row["name"] == names.get(row["reasonId"])


def test_budget_codes_match_by_their_code(reader: StreamReader) -> None:
    code = reader.simulator.records("wbs_budget_codes")[0]
    body = reader.page("jpm/v2/work-breakdown-structure/budget-codes/match", codes=f"{code['code']},X")

    assert [match["isValid"] for match in body["matches"]] == [True, False]
    assert body["matches"][0]["budgetCodes"][0]["id"] == code["id"]


def test_positions_of_vehicles_are_those_of_the_window(reader: StreamReader) -> None:
    vin = reader.simulator.records("fleet_vehicles")[0]["vin"]
    window = {"startTime": "2025-12-01T00:00:00Z", "endTime": "2025-12-01T02:00:00Z"}
    body = {**window, "vins": [vin, "unknown"], "pagination": {"pageNumber": 2, "pageSize": "5"}}

    page = reader.post("fleetpro/v2/gps", body).json()

    assert (page["page"], page["totalCount"], page["hasMore"]) == (2, 8, False)
    assert [row["location"]["timestamp"] for row in page["data"]] == [
        f"2025-12-01T01:{minute}:00Z" for minute in (15, 30, 45)
    ]
    longer = {**body, "endTime": "2025-12-02T00:00:01Z"}
    for wrong in ({}, longer, {**body, "vins": []}, {**body, "startTime": "then"}):
        assert_problem(reader.post("fleetpro/v2/gps", wrong), 400)
    assert (
        reader.post("fleetpro/v2/gps", {**body, **dict.fromkeys(window, "2025-12-31T00:00:00Z")}).json()["data"] == []
    )


def test_feed_and_list_of_the_table_have_the_same_records(start: Callable[..., StreamReader]) -> None:
    reader = start(records=30, sizes={"export_services": 12})
    for _ in range(2):
        for name in ("equipment", "materials", "services"):
            listed = reader.data(f"pricebook/v2/{name}", active="Any", pageSize=500)
            assert agrees(reader.feed(f"pricebook/v2/export/{name}"), listed)
        assert listed
        reader.simulator.advance(new=2, changed=5, stream="export_services")
    assert len(reader.simulator.records("services")) == 12 + 4


def test_preferred_technician_of_a_location_is_a_technician(reader: StreamReader) -> None:
    technicians = {record["id"] for record in reader.simulator.records("technicians")}
    for location in reader.simulator.records("locations")[:5]:
        assert reader.get(f"crm/v2/locations/{location['id']}/preferredtechnician").json() in {*technicians, None}


def test_technician_is_tracked_for_an_assignment_alone(reader: StreamReader) -> None:
    (assignment,) = reader.simulator.records("appointment_assignments")[:1]
    ids = {name: assignment[name] for name in ("appointmentId", "technicianId")}

    assert str(ids["appointmentId"]) in reader.page("dispatch/v2/technician-tracking", **ids)["technicianTrackingUrl"]
    other = {**ids, "technicianId": 1}
    assert_problem(reader.get("dispatch/v2/technician-tracking", **other), 400)


def test_router_performance_counts_its_sessions(reader: StreamReader) -> None:
    sessions = reader.simulator.records("scheduler_sessions")
    router = sessions[0]["schedulerId"]
    dates = sorted(one["createdOn"] for one in sessions if one["schedulerId"] == router)
    bounds = {"sessionCreatedOnOrAfter": dates[0], "sessionCreatedBefore": dates[-1]}

    page = reader.page(f"schedulingpro/v2/routers/{router}/performance", **bounds)

    assert (page["id"], page["openedCount"]) == (router, len(dates) - 1)
    assert page["interactedCount"] <= page["openedCount"]


def test_jobs_on_hold_have_a_reason_of_the_tenant(start: Callable[..., StreamReader]) -> None:
    reader = start(records=40)
    jobs = {job["id"]: job for job in reader.simulator.records("jobs")}
    names = {reason["id"]: reason["name"] for reason in reader.simulator.records("job_hold_reasons")}

    rows = reader.data("jpm/v2/jobs/hold-reasons", ids=",".join(map(str, jobs)))

    assert {row["jobId"] for row in rows} == {job["id"] for job in jobs.values() if job["jobStatus"] == "Hold"}
    assert rows
    assert all(row["name"] == names[row["reasonId"]] for row in rows)


def test_employees_and_technicians_have_their_own_payrolls(start: Callable[..., StreamReader]) -> None:
    reader = start(records=30)
    payrolls = reader.simulator.records("payrolls")
    for kind in ("employees", "technicians"):
        shown = [
            row
            for owner in reader.simulator.records(kind)
            for row in reader.data(f"payroll/v2/{kind}/{owner['id']}/payrolls", active="Any", pageSize=500)
        ]
        expected = [one for one in payrolls if f"{(one['employeeType'] or '').lower()}s" == kind and one["employeeId"]]
        assert sorted(row["id"] for row in shown) == sorted(one["id"] for one in expected)
        assert shown


def test_bookings_of_a_provider_are_those_with_its_id(reader: StreamReader) -> None:
    bookings = reader.simulator.records("bookings")
    provider = next(one["bookingProviderId"] for one in bookings if one["bookingProviderId"])
    expected = [one for one in bookings if one["bookingProviderId"] == provider]

    rows = reader.data(f"crm/v2/booking-provider/{provider}/bookings", pageSize=500)

    assert [row["id"] for row in rows] == [one["id"] for one in expected]
    assert reader.page(f"crm/v2/booking-provider/{provider}/bookings/{rows[0]['id']}") == rows[0]
    other = next(one for one in bookings if one["bookingProviderId"] != provider)
    assert_problem(reader.get(f"crm/v2/booking-provider/{provider}/bookings/{other['id']}"), 404)


def test_contacts_of_a_relationship_are_related_to_it(reader: StreamReader) -> None:
    relationships = reader.simulator.records("contact_relationships")
    entity = next(one["relatedEntityId"] for one in relationships if one["relatedEntityId"])
    expected = {one["contact_id"] for one in relationships if one["relatedEntityId"] == entity}

    rows = reader.data(f"crm/v2/contacts/relationships/{entity}", pageSize=500)

    assert {row["id"] for row in rows} == expected

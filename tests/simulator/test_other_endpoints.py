"""Unpaged, nested, window and capacity endpoints of the simulator, lists beside feeds, and records by their id."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from helpers.api_client import (
    ApiClient,
    StreamReader,
    agrees,
    assert_problem,
)

from tap_servicetitan.endpoints import operations, table
from tap_servicetitan.endpoints.kinds import Endpoint, Listing
from tap_servicetitan.simulator.api.derived.derived_endpoints import derived_endpoints
from tap_servicetitan.simulator.api.derived.derived_kinds import RecordById

LISTS = [one for one in derived_endpoints() if isinstance(one, Listing)]
RECORDS_BY_ID = [one for one in derived_endpoints() if isinstance(one, RecordById) and one.path.endswith("{id}")]
ALL_RECORDS = {"active": "Any", "activeState": "All", "activeOnly": "false", "includeInactive": "true"}
"""Each list takes one of these at most, and ignores the others."""

ALL_FIELDS = dict.fromkeys(
    (
        "calculatePrices",
        "includeDiscounts",
        "includeDurationBilling",
        "includeRecurringServices",
        "includeSubtasks",
        "includeTags",
        "includeTechnicians",
    ),
    "true",
)
"""Likewise: without them some fields are null."""


def test_unpaged_records_are_an_array_or_in_an_object(reader: StreamReader) -> None:
    warnings = reader.get("marketingads/v2/capacity-warnings").json()

    assert warnings.keys() == {"tenantId", "tenantName", "totalCount", "data"}
    assert reader.get("pricebook/v2/materials/costtypes").json().keys() >= {"page", "hasMore", "data"}
    assert isinstance(reader.get("crm/v2/contacts/preferences").json(), list)


def test_nested_path_must_fit_the_parent_in_all_values(reader: StreamReader) -> None:
    first, second, *_ = reader.simulator.records("contact_methods")
    statuses = [
        reader.get(f"crm/v2/contacts/{contact}/contact-methods/{first['id']}/preferences").status_code
        for contact in (first["contactId"], f"{second['contactId']}x")
    ]

    assert statuses == [200, 404]
    assert reader.get("jpm/v2/jobs/abc/booked-log").status_code == 404


def test_nested_records_of_an_unknown_parent_are_404(client: ApiClient) -> None:
    assert client.get("crm/v2/customers/1/notes").status_code == 404


def test_nested_relationships_of_an_inactive_contact_are_409(
    start: Callable[..., StreamReader],
) -> None:
    reader = start(records=100)
    contacts = reader.simulator.records("contacts")
    responses = [reader.get(f"crm/v2/contacts/{contact['id']}/relationships") for contact in contacts]

    refused = [response.json()["title"] for response in responses if response.status_code == 409]
    read = [row for response in responses if response.status_code == 200 for row in response.json()["data"]]
    assert 0 < len(refused) < 20
    assert re.fullmatch("Contact ID = .+ is not active", refused[0])
    assert len(read) == len(reader.simulator.records("contact_relationships"))


def test_nested_items_below_items_are_listed_on_request_only(reader: StreamReader) -> None:
    segment = reader.simulator.records("wbs_segment_items")[0]["segment_id"]
    path = f"jpm/v2/work-breakdown-structure/segments/{segment}/items"

    every = reader.data(path, includeChildren="true")

    assert reader.data(path) == [row for row in every if row["parentId"] is None]


def test_nested_record_has_the_id_of_its_parent(reader: StreamReader) -> None:
    (log,) = reader.simulator.records("project_daily_log_details")[:1]
    path = f"jpm/v2/projects/{log['projectId']}/daily-logs/{log['daily_log_id']}"

    assert reader.get(path).json()["projectId"] == log["projectId"]
    assert {row["jobId"] for row in reader.simulator.records("job_booked_log")} == {
        job["id"] for job in reader.simulator.records("jobs")
    }


def test_window_needs_two_dates(reader: StreamReader) -> None:
    path = "marketing/v2/campaign-cost-summary"

    assert reader.get(path).json()["errors"].keys() == {"from", "to"}
    assert reader.get(path, from_="2025-01-01", to="then").json()["errors"].keys() == {"to"}


def test_window_of_many_days_has_the_sum_of_their_figures(reader: StreamReader) -> None:
    path = "marketing/v2/email-channel-cost"
    days = reader.simulator.records("email_channel_costs")

    complete = reader.get(path, from_="2020-01-01", to="2030-01-01").json()

    assert complete["totalCost"] == pytest.approx(sum(day["totalCost"] for day in days))
    assert reader.get(path, from_="2020-01-01", to="2020-01-02").json() == {"totalCost": 0.0}


def test_window_of_leads_excludes_its_end(reader: StreamReader) -> None:
    dates = sorted(
        (row["dateTime"] for row in reader.simulator.records("attributed_leads")), key=datetime.fromisoformat
    )

    found = reader.data("marketingads/v2/attributed-leads", fromUtc=dates[3], toUtc=dates[7])

    assert {row["dateTime"] for row in found} == set(dates[3:7])


def test_capacity_is_read_by_post_for_at_most_14_days(reader: StreamReader) -> None:
    days = {"startsOnOrAfter": "2026-05-01T00:00:00Z", "endsOnOrBefore": "2026-05-15T00:00:00Z"}
    longer = {**days, "endsOnOrBefore": "2026-05-15T00:00:01Z"}

    good = reader.capacity(**days, skillBasedAvailability=False).json()
    assert reader.capacity(**days, skillBasedAvailability="false").json() == good
    assert reader.capacity(**days, skillBasedAvailability="no").status_code == 400

    assert good.keys() == {"timeStamp", "availabilities"}
    assert good["availabilities"]
    assert reader.get("dispatch/v2/capacity").status_code == 405
    assert reader.capacity(**days).json()["errors"].keys() == {"skillBasedAvailability"}
    assert reader.capacity(**longer, skillBasedAvailability=True).status_code == 400


def test_capacity_takes_ids_of_business_units_as_numbers_or_texts(reader: StreamReader) -> None:
    unit = reader.simulator.records("business_units")[1]["id"]
    days = {"startsOnOrAfter": "2026-05-01T00:00:00Z", "endsOnOrBefore": "2026-05-03T00:00:00Z"}
    answers = [
        reader.capacity(**days, skillBasedAvailability=True, businessUnitIds=ids).json()["availabilities"]
        for ids in ([unit], [str(unit)])
    ]

    assert answers[0] == answers[1]
    assert {tuple(frame["businessUnitIds"]) for frame in answers[0]} == {(unit,)}
    assert reader.capacity(**days, skillBasedAvailability=True, businessUnitIds=["north"]).status_code == 400


def path(endpoint: Endpoint) -> str:
    return f"{endpoint.api}/{endpoint.path}"


def test_derived_endpoints_are_operations_of_the_documents() -> None:
    assert len(LISTS) > len([one for lists in table.PARENTS.values() for one in lists])
    assert {path(one) for one in LISTS} >= {
        f"{api}/{one.path}" for api, lists in table.PARENTS.items() for one in lists
    }
    for endpoint in derived_endpoints():
        operation = operations.find(endpoint)
        assert operation is not None
        assert table.scope(endpoint) == operation.scope


@pytest.mark.parametrize("endpoint", LISTS, ids=path)
def test_list_beside_a_feed_has_the_records_of_the_feed(reader: StreamReader, endpoint: Listing) -> None:
    expected = reader.simulator.records(endpoint.name)

    operation = operations.find(endpoint)
    assert operation is not None
    ids = {"ids": ",".join(str(record["id"]) for record in expected)} if "ids" in operation.required else {}

    found = reader.data(path(endpoint), pageSize=500, **ALL_RECORDS, **ALL_FIELDS, **ids)
    if endpoint.name == "calls":  # What the feed has of a call is one level deeper here.
        found = [row["leadCall"] for row in found]
    assert len(found) == len(expected)
    assert all(map(agrees, found, expected))


@pytest.mark.parametrize("endpoint", RECORDS_BY_ID, ids=path)
def test_record_by_id_is_the_record_of_the_stream(reader: StreamReader, endpoint: RecordById) -> None:
    for record in reader.simulator.records(endpoint.name)[:3]:
        shown = reader.page(path(endpoint).format(id=record["id"]), **ALL_FIELDS)
        for own in ("leadCall", "data"):
            shown = shown.get(own, shown) if endpoint.name in {"calls", "materials_markup"} else shown
        assert shown["id"] == record["id"]
        assert agrees(shown, record)

    for wrong in ("1", "nothing", "-1"):
        assert_problem(reader.get(path(endpoint).format(id=wrong)), 404)


def test_ids_find_records_of_a_list_beside_a_feed(reader: StreamReader) -> None:
    expected = reader.simulator.records("bookings")[:4]
    ids = ",".join(str(record["id"]) for record in expected)

    found = reader.data("crm/v2/bookings", ids=ids)
    assert [row["id"] for row in found] == [record["id"] for record in expected]
    assert all(map(agrees, found, expected))


def test_record_by_id_follows_the_clock(start: Callable[..., StreamReader]) -> None:
    reader = start(records=12)
    before = {record["id"] for record in reader.simulator.records("costs")}
    reader.simulator.advance(new=1, changed=12, removed=3)
    after = {record["id"]: record for record in reader.simulator.records("costs")}

    for record_id, record in after.items():
        assert reader.page(f"marketing/v2/costs/{record_id}") == record
    removed = before - after.keys()
    assert removed
    assert {reader.get(f"marketing/v2/costs/{record_id}").status_code for record_id in removed} == {404}


def test_record_by_id_needs_the_scope_of_its_stream(start: Callable[..., StreamReader]) -> None:
    reader = start(records=1, deny_scopes=["tn.crm.customers:r"])

    assert reader.get("crm/v2/customers/1").status_code == 403
    assert reader.get("crm/v2/leads/1").status_code == 404


def test_legacy_feed_of_estimates_has_the_records_and_tokens_of_the_feed(reader: StreamReader) -> None:
    first = reader.page("sales/v2/estimates/export")

    assert first == reader.page("sales/v2/export/estimates")
    rest = reader.feed("sales/v2/estimates/export", from_=first["continueFrom"])
    assert [*first["data"], *rest] == reader.simulator.records("estimates")

"""A list's own filters, its order, and the fields that it has on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers.api_client import ApiClient, Record, StreamReader, assert_problem

Get = Callable[[Record], Any]
ALL = {"active": "Any", "activeState": "All", "activeOnly": "false", "includeInactive": "true", "pageSize": 500}


@pytest.fixture(scope="module")
def rows(large_reader: StreamReader) -> Callable[..., list[Record]]:
    return lambda path, **query: large_reader.data(path, **ALL, **query)


def of(*names: str) -> Get:
    def value(record: Any) -> Any:
        for name in names:
            record = record and record[name]
        return record

    return value


EQUAL: list[tuple[str, str, Get]] = [
    ("jpm/v2/jobs", "customerId", of("customerId")),
    ("jpm/v2/jobs", "jobStatus", of("jobStatus")),
    ("jpm/v2/appointments", "jobId", of("jobId")),
    ("accounting/v2/invoices", "customerId", of("customer", "id")),
    ("accounting/v2/invoices", "jobNumber", of("job", "number")),
    ("accounting/v2/invoices", "number", of("referenceNumber")),
    ("accounting/v2/ap-bills", "syncStatuses", of("syncStatus")),
    ("accounting/v2/credit-memos", "businessUnitIds", of("businessUnit", "id")),
    ("crm/v2/customers", "city", of("address", "city")),
    ("crm/v2/bookings", "externalId", of("externalId")),
    ("crm/v2/contacts", "isArchived", of("isArchived")),
    ("marketing/v2/costs", "campaignId", of("campaignId")),
    ("payroll/v2/jobs/timesheets", "jobIds", of("jobId")),
    ("payroll/v2/payrolls", "status", of("status")),
    ("taskmanagement/v2/tasks", "priorities", of("priority")),
    ("taskmanagement/v2/tasks", "isClosed", of("isClosed")),
    ("settings/v2/employees", "userIds", of("userId")),
    ("telecom/v2/calls", "campaignId", of("leadCall", "campaign", "id")),
    ("telecom/v3/calls", "agentName", of("leadCall", "agent", "name")),
    ("pricebook/v2/materials", "costTypeIds", of("costTypeId")),
]


@pytest.mark.parametrize(("path", "name", "get"), EQUAL, ids=lambda one: one if isinstance(one, str) else "")
def test_filter_selects_the_records_with_a_value(
    rows: Callable[..., list[Record]], path: str, name: str, get: Get
) -> None:
    everything = rows(path)
    value = next(value for record in everything for value in [get(record)] if value not in (None, ""))
    text = str(value).lower() if isinstance(value, bool) else value
    found = rows(path, **{name: text})

    assert found == [record for record in everything if get(record) == value]
    assert 0 < len(found) < len(everything)


def test_filter_takes_several_values_with_commas_between_them(rows: Callable[..., list[Record]]) -> None:
    everything = rows("payroll/v2/payrolls")

    found = rows("payroll/v2/payrolls", status="Paid,Locked")

    assert found == [record for record in everything if record["status"] in {"Paid", "Locked"}]
    assert {record["status"] for record in found} == {"Paid", "Locked"}
    assert rows("payroll/v2/payrolls", status=["Paid", "Locked"]) == found


def test_filter_of_a_list_field_selects_records_with_one_of_the_values(rows: Callable[..., list[Record]]) -> None:
    everything = rows("jpm/v2/jobs")
    tag = next(record["tagTypeIds"][0] for record in everything if record["tagTypeIds"])

    assert rows("jpm/v2/jobs", tagTypeIds=tag) == [
        record for record in everything if tag in (record["tagTypeIds"] or ())
    ]


RANGES: list[tuple[str, str, str, Get]] = [
    ("jpm/v2/jobs", "completedOnOrAfter", "completedBefore", of("completedOn")),
    ("jpm/v2/appointments", "startsOnOrAfter", "startsBefore", of("start")),
    ("accounting/v2/invoices", "dueDateOnOrAfter", "dueDateBefore", of("dueDate")),
    ("accounting/v2/invoices", "invoicedOnOrAfter", "invoicedOnBefore", of("invoiceDate")),
    ("inventory/v2/purchase-orders", "sentOnOrAfter", "sentBefore", of("sentOn")),
]


@pytest.mark.parametrize(("path", "first", "end", "get"), RANGES, ids=lambda one: one if isinstance(one, str) else "")
def test_range_of_dates_includes_its_start_and_excludes_its_end(
    rows: Callable[..., list[Record]], path: str, first: str, end: str, get: Get
) -> None:
    everything = rows(path)
    dates = sorted(date[:19] for record in everything for date in [get(record)] if date)
    low, high = f"{dates[len(dates) // 4]}Z", f"{dates[len(dates) // 2]}Z"

    found = rows(path, **{first: low, end: high})

    expected = [record for record in everything if get(record) and low[:19] <= get(record)[:19] < high[:19]]
    assert found == expected
    assert 0 < len(found) < len(everything)


def test_range_of_numbers_includes_both_bounds(rows: Callable[..., list[Record]]) -> None:
    totals = sorted(float(record["total"]) for record in rows("accounting/v2/invoices") if record["total"] is not None)
    low, high = totals[20], totals[60]

    found = rows("accounting/v2/invoices", totalGreater=low, totalLess=high)

    assert sorted(float(record["total"]) for record in found) == [one for one in totals if low <= one <= high]


def test_filter_by_name_selects_the_records_that_contain_it(rows: Callable[..., list[Record]]) -> None:
    everything = rows("crm/v2/customers")
    part = everything[5]["name"].split()[0][:4].upper()

    found = rows("crm/v2/customers", name=part)

    assert found == [record for record in everything if part.lower() in record["name"].lower()]
    assert 0 < len(found) < len(everything)


def test_search_finds_parts_of_names_codes_and_descriptions(rows: Callable[..., list[Record]]) -> None:
    everything = rows("pricebook/v2/services")
    for text in (everything[3]["code"][-4:], everything[0]["displayName"][:5].lower(), "VISIT"):
        expected = [
            record
            for record in everything
            if any(text.lower() in (record[name] or "").lower() for name in ("displayName", "code", "description"))
        ]
        assert rows("pricebook/v2/services", searchText=text) == expected
        assert expected


def test_status_that_the_document_refuses_is_refused(reader: StreamReader) -> None:
    response = reader.get("accounting/v2/expense-transactions", expenseStatuses="NotSet")
    assert assert_problem(response, 400)["errors"].keys() == {"expenseStatuses"}


def test_filter_with_a_value_of_another_type_is_refused(reader: StreamReader) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("jpm/v2/jobs", {"customerId": "somebody"}),
        ("jpm/v2/jobs", {"completedBefore": "soon"}),
        ("crm/v2/contacts", {"isArchived": "yes"}),
        ("accounting/v2/invoices", {"totalLess": "little"}),
    ]
    for path, query in wrong:
        assert assert_problem(reader.get(path, **query), 400)["errors"].keys() == query.keys()


def test_filter_that_another_list_has_is_ignored(rows: Callable[..., list[Record]]) -> None:
    assert rows("dispatch/v2/zones", customerId=1, jobStatus="Hold") == rows("dispatch/v2/zones")


def test_calls_are_filtered_by_dates_without_their_bound(reader: StreamReader) -> None:
    calls = sorted(reader.simulator.records("calls"), key=lambda call: call["createdOn"])
    bound = calls[8]["createdOn"]

    found = reader.data("telecom/v3/calls", active="Any", createdAfter=bound, pageSize=500)

    assert {row["id"] for row in found} == {call["id"] for call in calls if call["createdOn"][:22] > bound[:22]}


@pytest.mark.parametrize(
    ("path", "field", "name"),
    [
        ("accounting/v2/tax-zones", "Name", "name"),
        ("jpm/v2/project-substatuses", "Order", "order"),
        ("inventory/v2/purchase-order-markups", "Percent", "percent"),
        ("pricebook/v2/materials", "Code", "code"),
        ("payroll/v2/locations/rates", "Location", "locationId"),
        ("forms/v2/submissions", "SubmittedOn", "submittedOn"),
    ],
)
def test_list_is_sorted_by_a_field_of_its_document(
    rows: Callable[..., list[Record]], path: str, field: str, name: str
) -> None:
    values = [record[name] for record in rows(path, sort=f"+{field}")]
    back = [record[name] for record in rows(path, sort=f"-{field}")]
    known = [value for value in values if value is not None]

    assert known == sorted(known)
    assert values[len(values) - len(known) :] == known
    assert back == values[::-1]


def test_list_is_not_sorted_by_a_field_that_its_document_does_not_name(rows: Callable[..., list[Record]]) -> None:
    assert rows("accounting/v2/tax-zones", sort="+ModifiedOn") == rows("accounting/v2/tax-zones")
    by_color = rows("accounting/v2/tax-zones", sort="-Color")
    assert by_color == rows("accounting/v2/tax-zones", sort="-ModifiedOn")
    assert [record["id"] for record in by_color] != [
        record["id"] for record in rows("accounting/v2/tax-zones", sort="-Id")
    ]


def test_list_whose_document_names_no_field_is_sorted_by_the_usual_ones_alone(
    rows: Callable[..., list[Record]],
) -> None:
    by_id = [record["id"] for record in rows("accounting/v2/gl-accounts", sort="-Id")]

    assert by_id == sorted(by_id, reverse=True)
    assert rows("accounting/v2/gl-accounts", sort="-Number") == rows("accounting/v2/gl-accounts")


def test_costs_are_sorted_by_year_and_month(rows: Callable[..., list[Record]]) -> None:
    dates = [(record["year"], record["month"]) for record in rows("marketing/v2/costs", sort="-Date")]

    assert dates == sorted(dates, key=lambda date: [part or 0 for part in date], reverse=True)


def test_older_parameters_sort_a_list(rows: Callable[..., list[Record]]) -> None:
    found = rows("jpm/v2/job-types", orderBy="id", orderByDirection="desc")

    assert [record["id"] for record in found] == sorted((record["id"] for record in found), reverse=True)


def test_fields_on_request_are_null_without_it(reader: StreamReader) -> None:
    record = reader.simulator.records("membership_types")[0]
    path = "memberships/v2/membership-types"
    (plain,) = reader.data(path, ids=record["id"])
    (full,) = reader.data(path, ids=record["id"], includeDiscounts="true", includeDurationBilling="true")

    assert plain["discounts"] is plain["durationBilling"] is None
    assert (full["discounts"], full["recurringServices"]) == (record["discounts"], None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["crm/v2/customers", "crm/v2/customers/1", "crm/v2/bookings/1/dismiss"])
def test_write_is_refused_with_a_line_that_says_so(reader: ApiClient, method: str, path: str) -> None:
    response = reader.session.request(method, reader.url(path), json={}, timeout=10)

    title = assert_problem(response, 405)["title"]
    assert title == f"The simulator answers only what reads: {method} changes nothing here."

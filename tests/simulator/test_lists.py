"""Lists of the simulator: pages and parameters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from helpers.api_client import (
    RECORDS,
    ApiClient,
    Record,
    StreamReader,
    as_set,
)


def test_page_has_50_records_by_default(client: ApiClient) -> None:
    first = client.get("dispatch/v2/zones", active="Any").json()

    assert (first["page"], first["pageSize"], len(first["data"]), first["hasMore"]) == (1, 50, 50, True)
    assert len(client.data("dispatch/v2/zones", active="Any", pageSize=5000)) == 120
    assert client.get("dispatch/v2/zones", active="Any", page=3).json()["hasMore"] is False


def test_total_is_counted_on_request_only(client: ApiClient) -> None:
    assert client.get("dispatch/v2/zones", active="Any").json()["totalCount"] is None
    assert client.get("dispatch/v2/zones", active="Any", includeTotal="true").json()["totalCount"] == 120


def test_page_size_above_the_maximum_is_refused(client: ApiClient) -> None:
    assert client.get("dispatch/v2/zones", pageSize=5001).status_code == 400
    assert client.get("accounting/v2/journal-entries", pageSize=501).status_code == 400
    assert client.get("accounting/v2/journal-entries", pageSize=500).status_code == 200


def test_page_after_the_last_is_empty_and_one_before_the_first_is_refused(reader: StreamReader) -> None:
    beyond = reader.get("dispatch/v2/zones", page=9).json()

    assert (beyond["data"], beyond["hasMore"], beyond["page"]) == ([], False, 9)
    assert reader.get("dispatch/v2/zones", page=0).json()["errors"].keys() == {"page"}
    assert reader.get("dispatch/v2/zones", pageSize="many").json()["errors"].keys() == {"pageSize"}


def test_pages_of_intacct_business_units_begin_at_0(client: ApiClient) -> None:
    query: dict[str, str | int] = {"pageSize": 50, "includeTotal": "true"}

    assert len(client.data("settings/v2/business-units/intacct", page=0, **query)) == 50
    assert client.get("settings/v2/business-units/intacct", pageSize=50).status_code == 400


def test_pages_of_segments_have_no_has_more(reader: StreamReader) -> None:
    page = reader.get("jpm/v2/work-breakdown-structure/segments", pageSize=20).json()

    assert page.keys() == {"data"}
    assert len(page["data"]) == 20


def test_inactive_records_are_hidden_by_default(client: ApiClient) -> None:
    everything = client.data("dispatch/v2/zones", active="Any", pageSize=500)

    assert client.data("dispatch/v2/zones", pageSize=500) == [row for row in everything if row["active"]]
    assert client.data("dispatch/v2/zones", active="False", pageSize=500) == [
        row for row in everything if not row["active"]
    ]
    assert len(client.data("dispatch/v2/teams", pageSize=500)) < len(
        client.data("dispatch/v2/teams", pageSize=500, includeInactive="true")
    )


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
def test_inactive_records_are_listed_by_each_parameter_for_them(
    start: Callable[..., StreamReader], path: str, hidden: Record, everything: Record
) -> None:
    reader = start(records=100)

    assert len(reader.data(path, pageSize=500, **hidden)) < 100
    assert len(reader.data(path, pageSize=500, **everything)) == 100


def test_inactive_hold_reasons_are_listed_by_default(start: Callable[..., StreamReader]) -> None:
    reader = start(records=100)

    assert len(reader.data("jpm/v2/job-hold-reasons", pageSize=500)) == 100
    assert len(reader.data("jpm/v2/job-hold-reasons", pageSize=500, active="True")) < 100


def test_unknown_parameters_are_ignored(client: ApiClient) -> None:
    assert client.data("dispatch/v2/zones", modifiedOnOrAfterr="2099-01-01") == client.data("dispatch/v2/zones")


def test_modified_on_or_after_finds_later_records(client: ApiClient) -> None:
    rows = client.data("dispatch/v2/zones", active="Any", pageSize=500)
    since = sorted(row["modifiedOn"] for row in rows)[60]

    found = client.data("dispatch/v2/zones", active="Any", pageSize=500, modifiedOnOrAfter=since)

    assert {row["id"] for row in found} >= {row["id"] for row in rows if row["modifiedOn"][:19] > since[:19]}
    assert len(found) < 120


def test_dates_filter_a_list_where_the_operation_has_them(reader: StreamReader) -> None:
    rows = reader.data("dispatch/v2/zones", active="Any", sort="+CreatedOn")
    bounds = {"createdOnOrAfter": rows[5]["createdOn"], "createdBefore": rows[9]["createdOn"]}

    assert as_set(reader.data("dispatch/v2/zones", active="Any", **bounds)) == as_set(rows[5:9])
    assert len(reader.data("jpm/v2/project-types", modifiedOnOrAfter="2099-01-01")) == RECORDS
    assert reader.get("dispatch/v2/zones", createdBefore="soon").json()["errors"].keys() == {"createdBefore"}


@pytest.mark.parametrize(("field", "name"), [("Id", "id"), ("CreatedOn", "createdOn"), ("ModifiedOn", "modifiedOn")])
def test_sort_orders_a_list(reader: StreamReader, field: str, name: str) -> None:
    rows, back = (reader.data("dispatch/v2/zones", active="Any", sort=f"{sign}{field}") for sign in "+-")
    values = [row[name] if name == "id" else datetime.fromisoformat(row[name]) for row in rows]

    assert values == sorted(values)
    assert back[0] == rows[-1]
    assert as_set(back) == as_set(rows)


def test_ids_find_records(reader: StreamReader) -> None:
    ids = [row["id"] for row in reader.simulator.records("payment_terms")][:3]

    found = reader.data("accounting/v2/payment-terms", ids=",".join(map(str, ids)))

    assert {row["id"] for row in found} == set(ids)


def test_submitted_dates_find_submissions(reader: StreamReader) -> None:
    dates = sorted((row["submittedOn"] for row in reader.simulator.records("submissions")), key=datetime.fromisoformat)

    found = reader.data("forms/v2/submissions", active="Any", submittedOnOrAfter=dates[7], submittedBefore=dates[20])

    assert {row["submittedOn"] for row in found} == set(dates[7:20])


def test_submitted_dates_must_end_with_z(client: ApiClient) -> None:
    assert client.get("forms/v2/submissions", submittedOnOrAfter="2025-01-01T00:00:00Z").status_code == 200
    assert client.get("forms/v2/submissions", submittedOnOrAfter="2025-01-01T00:00:00+00:00").status_code == 400


def test_required_parameters_are_named_if_missing(client: ApiClient) -> None:
    response = client.get("marketingads/v2/performance", fromUtc="2025-01-01T00:00:00Z")

    assert response.status_code == 400
    assert {"toUtc", "performanceSegmentationType"} <= set(response.json()["errors"])

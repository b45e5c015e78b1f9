"""Endpoints of the simulator that no stream of the table reads: lists beside feeds, and records by their id."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.api_client import StreamReader, as_set, assert_problem

from tap_servicetitan.endpoints import operations, table
from tap_servicetitan.endpoints.kinds import Endpoint, Listing
from tap_servicetitan.simulator.api.derived_endpoints import RecordById, derived_endpoints

LISTS = [one for one in derived_endpoints() if isinstance(one, Listing)]
RECORDS_BY_ID = [one for one in derived_endpoints() if isinstance(one, RecordById)]
ALL_RECORDS = {"active": "Any", "activeState": "All", "activeOnly": "false", "includeInactive": "true"}
"""Each list takes one of these at most, and ignores the others."""


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

    assert as_set(reader.data(path(endpoint), pageSize=500, **ALL_RECORDS, **ids)) == as_set(expected)


@pytest.mark.parametrize("endpoint", RECORDS_BY_ID, ids=path)
def test_record_by_id_is_the_record_of_the_stream(reader: StreamReader, endpoint: RecordById) -> None:
    for record in reader.simulator.records(endpoint.name)[:3]:
        assert reader.page(path(endpoint).format(id=record["id"])) == record

    for wrong in ("1", "nothing", "-1"):
        assert_problem(reader.get(path(endpoint).format(id=wrong)), 404)


def test_ids_find_records_of_a_list_beside_a_feed(reader: StreamReader) -> None:
    expected = reader.simulator.records("bookings")[:4]
    ids = ",".join(str(record["id"]) for record in expected)

    assert as_set(reader.data("crm/v2/bookings", ids=ids)) == as_set(expected)


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

"""``--count``: how many records the API says there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from helpers.support import TABLE, Tap, config_of, selecting

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export, Listing, Nested
from tap_servicetitan.record_counts import counting_endpoint
from tap_servicetitan.simulator import Simulator


def counted(tap: Tap, config: dict[str, Any], *streams: str) -> dict[tuple[str, str], int | None]:
    run = tap(config, "--count", "--format", "json", catalog=selecting(*streams))
    assert run.code == 0, run.log
    return {(each["tenant_id"], each["stream"]): each["records"] for each in json.loads(run.stdout)}


def test_counts_are_those_of_all_records_inactive_ones_included(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=30)
    simulator.advance(new=4, changed=30)

    found = counted(tap, config_of(simulator))

    assert {stream for _, stream in found} == set(TABLE)
    known = {stream: records for (_, stream), records in found.items() if records is not None}
    assert known == {stream: len(simulator.records(stream)) for stream in known}
    assert {name for name, endpoint in TABLE.items() if isinstance(endpoint, Listing)} - known.keys() == {
        *("installed_equipment_custom_fields", "materials_markup", "wbs_segments"),
    }
    assert len([name for name in known if isinstance(TABLE[name], Export)]) > 35
    assert all(isinstance(TABLE[name], Export | Listing) for name in known)
    data = [request for request in simulator.requests if "token" not in request.path]
    parents = [table.parent(each) for each in TABLE.values() if isinstance(each, Nested)]
    assert len(data) == len(known) + len([each for each in parents if counting_endpoint(each)])
    assert {dict(request.query)["pageSize"] for request in data} == {"1"}


def test_counts_are_by_tenant_with_a_dash_where_the_api_has_none(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=0, sizes={"bookings": 1234, "customers": 90}, tenants=2)

    config = config_of(simulator, requests_per_second=40)
    run = tap(config, "--count", catalog=selecting("bookings", "customer_notes", "zones"))

    assert run.code == 0
    assert [line.split() for line in run.stdout.splitlines()] == [
        ["tenant", "stream", "records"],
        *(
            [tenant_id, *row]
            for tenant_id in ("1001", "1002")
            for row in (["bookings", "1,234"], ["customer_notes", "-"], ["zones", "0"])
        ),
        *(
            f"tenant {tenant_id}, stream customer_notes: 90 parents, about 3 s at 40 requests/s".split()
            for tenant_id in ("1001", "1002")
        ),
    ]
    assert not run.log


def test_stream_that_cannot_be_counted_is_reported_with_the_remedy(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=3, deny_scopes=["tn.crm.leads:r"])

    run = tap(config_of(simulator), "--count", catalog=selecting("bookings", "leads"))

    assert run.code == 1
    assert [line.split() for line in run.stdout.splitlines()[1:3]] == [
        ["1001", "bookings", "3"],
        ["1001", "leads", "-"],
    ]
    assert "Grant the scope tn.crm.leads:r to the app" in run.stdout


def test_feed_is_counted_by_the_list_beside_it_unless_its_rows_hold_several_records() -> None:
    twin = counting_endpoint(TABLE["invoices"])

    assert twin is not None
    assert twin.url_path == "/accounting/v2/tenant/{tenant_id}/invoices"
    assert twin.query == {"activeState": "All"}
    assert counting_endpoint(TABLE["job_history"]) is None


def test_count_in_json_has_the_number_of_parents_of_a_nested_stream(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=7)

    run = tap(
        config_of(simulator), "--count", "--format", "json", catalog=selecting("invoice_tasks", "reports", "zones")
    )

    found = {each["stream"]: (each["records"], each["parents"]) for each in json.loads(run.stdout)}
    invoices = len(simulator.records("invoices"))
    assert found == {
        "invoice_tasks": (None, invoices),
        "reports": (None, len(simulator.records("report_categories"))),
        "zones": (7, None),
    }

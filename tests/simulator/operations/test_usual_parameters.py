"""The parameters that most lists have, on every list that has them: pages, totals, dates, ids, `active`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.api_client import Record, StreamReader, assert_problem
from helpers.simulated.operation_walk import records, request

from tap_servicetitan.endpoints.operations import operations
from tap_servicetitan.simulator import Simulator

LISTS = {path: one for path, one in operations().items() if one.method == "GET" and one.kind.endswith("list")}
FIRST_PAGES = {"settings/v2/business-units/intacct": 0}
EVERYTHING: Record = {"active": "Any", "activeState": "All", "activeOnly": "false", "includeInactive": "true"}


def having(*names: str) -> list[str]:
    return [path for path, one in LISTS.items() if set(names) <= one.query and not path.startswith("reporting/")]


@pytest.fixture(scope="module")
def reader() -> Iterator[StreamReader]:
    with Simulator(records=90, rate_limit=0) as simulator, StreamReader(simulator) as reader:
        simulator.advance(minutes=600, new=0, changed=20)
        yield reader


def rows(reader: StreamReader, path: str, **query: Any) -> list[Record]:
    response = request(reader, path, **{**EVERYTHING, **query})
    assert response.status_code == 200, response.text
    return list(records(path, response.json()))


@pytest.mark.parametrize("path", having("page", "pageSize"))
def test_pages_follow_each_other(reader: StreamReader, path: str) -> None:
    first = FIRST_PAGES.get(path, 1)
    everything = rows(reader, path, page=first, pageSize=500)
    size = 2 if len(everything) < 60 else 25
    pages: list[Record] = []
    for number in range(first, first + 300):
        page = rows(reader, path, page=number, pageSize=size)
        pages += page
        if len(page) < size:
            break
    assert pages == everything
    assert_problem(request(reader, path, page=first - 1), 400)
    assert_problem(request(reader, path, page=first, pageSize=operations()[path].max_page_size + 1), 400)
    assert_problem(request(reader, path, page=first, pageSize=0), 400)


@pytest.mark.parametrize("path", [path for path in having("page", "pageSize") if not LISTS[path].required])
def test_page_has_50_records_unless_more_are_requested(reader: StreamReader, path: str) -> None:
    response = request(reader, path, **EVERYTHING)
    body = response.json()

    assert len(body["data"]) == min(50, len(rows(reader, path, pageSize=500)))
    if operations()[path].kind.endswith("list"):
        assert body["pageSize"] == 50
        assert body["totalCount"] is None


@pytest.mark.parametrize("path", having("includeTotal"))
def test_total_is_that_of_all_pages(reader: StreamReader, path: str) -> None:
    first = FIRST_PAGES.get(path, 1)
    body = request(reader, path, **EVERYTHING, page=first, pageSize=3, includeTotal="true").json()

    assert body["totalCount"] == len(rows(reader, path, page=first, pageSize=500))


DATES = [
    (path, field, first, end)
    for field, first, end in (
        ("createdOn", "createdOnOrAfter", "createdBefore"),
        ("modifiedOn", "modifiedOnOrAfter", "modifiedBefore"),
    )
    for path in having(first, end)
]


@pytest.mark.parametrize(("path", "field", "first", "end"), DATES)
def test_dates_select_what_was_created_or_changed_between_them(
    reader: StreamReader, path: str, field: str, first: str, end: str
) -> None:
    everything = rows(reader, path, pageSize=500)
    if field not in everything[0]:
        assert len(rows(reader, path, pageSize=500, **{first: "2099-01-01"})) == 0
        return
    dates = sorted(row[field] for row in everything if row[field])
    low, high = f"{dates[len(dates) // 3][:19]}Z", f"{dates[len(dates) * 2 // 3][:19]}Z"
    found = rows(reader, path, pageSize=500, **{first: low, end: high})

    expected = [row for row in everything if low[:19] <= (row[field] or "")[:19] < high[:19]]
    assert [row for row in found if row[field]] == expected


@pytest.mark.parametrize("path", [path for path in having("ids") if not LISTS[path].required])
def test_ids_select_those_records_and_are_50_at_most(reader: StreamReader, path: str) -> None:
    everything = rows(reader, path, pageSize=500)
    some = [row["id"] for row in everything[1::2]][:20]

    assert [row["id"] for row in rows(reader, path, ids=",".join(map(str, some)))] == some
    assert_problem(request(reader, path, ids=",".join(map(str, range(51)))), 400)


@pytest.mark.parametrize("path", [path for path in having("active") if "{}" not in path])
def test_active_selects_active_or_inactive_records(reader: StreamReader, path: str) -> None:
    everything = rows(reader, path, pageSize=500)
    active, inactive = (rows(reader, path, pageSize=500, active=value) for value in ("True", "False"))

    assert len(active) + len(inactive) == len(everything)
    assert active
    assert inactive
    for row in (*active, *inactive):
        assert row.get("active", row in active) is (row in active)
    assert_problem(request(reader, path, active="perhaps"), 400)

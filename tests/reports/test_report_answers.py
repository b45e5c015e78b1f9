"""Answers of the reporting API: pages whose rows move or that repeat, and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from helpers.raw import RawServer, http
from helpers.reporting import AS_OF, Reporting, pipeline, records, stepping, today
from helpers.support import Tap


def test_deleted_report_is_reported() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        catalog = there.discover()
        reporting.refused["1001"] = http(b"{}", "404 N")
        run = there.run(catalog)

    assert run.code == 1
    assert "tenant 1001, stream custom_report_odd: The API answered 404" in run.log
    assert "is not one of this tap's" not in run.log


def test_report_that_is_not_selected_is_not_requested() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        catalog = there.discover()
        root = next(item for item in catalog["streams"][0]["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = False
        before = len(there.server.seen)
        there.run(catalog)

        assert len(there.server.seen) == before


def test_no_tenants_rows_are_dropped_while_its_report_has_no_metadata() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    with pipeline(reporting, emit_activate_version_messages=True, **two) as there:
        catalog = there.discover()
        whole = there.run(catalog)
        reporting.refused["1002"] = http(b"{}", "404 N")
        part = there.run(catalog)

    assert len(whole.of_type("ACTIVATE_VERSION")) == 1
    assert part.code == 1
    assert len(part.records("custom_report_odd")) == 1
    assert part.of_type("ACTIVATE_VERSION") == []
    assert "Ids differ between tenants: set tenant_id in the entry." in part.log


def test_refused_parameter_is_reported_by_its_name() -> None:
    problem = {"title": "One or more validation errors occurred.", "errors": {"parameters[0].value": ["Jane Doe"]}}
    reporting = Reporting([("A", "String")], [], data=lambda: http(json.dumps(problem).encode(), "400 B"))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 1
    assert (
        "The API answered 400: One or more validation errors occurred [parameters[0].value]. "
        "Compare the parameters in custom_reports with what --list-reports shows."
    ) in run.log
    assert "Jane Doe" not in run.log


def test_limit_of_reports_is_reported_with_its_own_setting() -> None:
    reporting = Reporting([("A", "String")], [], data=lambda: http(b"", "429 T", Retry_After="1000"))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert "It asks for a pause of 1000s, which is too long. Lower reports_per_minute, or run when" in run.log


LISTED = {
    "a missing scope": http(b'{"title":"Scope validation failed"}', "403 F"),
    "pages that repeat": http(b'{"data":[{"id":1,"name":"A"}],"hasMore":true}'),
}


@pytest.mark.parametrize("answer", LISTED.values(), ids=LISTED)
def test_incomplete_list_is_printed_with_exit_code_1(tap: Tap, answer: bytes) -> None:
    categories = http(b'{"data":[{"id":"good","name":"Good"},{"id":"bad","name":"Bad"}],"hasMore":false}')
    reports = http(b'{"data":[],"hasMore":false}')

    def answers(path: str) -> bytes:
        if "report-categories" in path:
            return categories
        return answer if "/bad/" in path else reports

    with RawServer(answers).listening() as config:
        run = tap(config, "--list-reports")

    assert run.code == 1
    assert "good  (Good)" in run.stdout
    assert "Traceback" not in run.log


def test_custom_reports_of_another_shape_are_reported_in_a_line(tap: Tap) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    run = tap({**credentials, "custom_reports": ["x"]}, "--discover")

    assert run.code == 1
    assert "Setting 'custom_reports.0' must be an object." in run.log
    assert "Traceback" not in run.log


@dataclass
class Paged:
    """Rows in pages of two, which may change before each request of the second page."""

    rows: list[list[str]]
    changes: Iterator[Callable[[list[list[str]]], Any]] = field(default_factory=lambda: iter([]))

    def __call__(self, number: int) -> list[Any]:
        start = 2 * (number - 1)
        if number == 2:
            next(self.changes, list)(self.rows)
        return [self.rows[start : start + 2], start + 2 < len(self.rows), len(self.rows)]


def enter_first(rows: list[list[str]]) -> None:
    rows.insert(0, ["new"])


def leave_first(rows: list[list[str]]) -> None:
    del rows[0]


@pytest.mark.parametrize("change", [enter_first, leave_first])
@pytest.mark.parametrize("times", [1, 2])
def test_rows_that_move_between_pages_are_read_again(change: Callable[[list[list[str]]], None], times: int) -> None:
    paged = Paged([["a"], ["b"], ["c"], ["d"], ["e"], ["f"]], iter([change] * times))
    reporting = Reporting([("A", "String")], [], parameters=AS_OF, pages=paged)
    with pipeline(reporting) as there:
        run = there.run(there.discover(**stepping("today-2")), **stepping("today-2"))

    assert run.code == 0
    by_key = {(one["AsOf"], one["_row"]): one["A"] for one in records(run)}
    read = [by_key[str(today()), row] for row in range(1, 5)]
    assert read == [cell for [cell] in paged.rows][:4]
    if times == 1:
        assert run.bookmark("custom_report_odd")["replication_key_value"] == f"{today(1)}T00:00:00.000000Z"
        assert "WARNING" not in run.log
    else:
        assert f"rows were added or removed while reading {today(2)}: the number of rows changed from" in run.log
        assert "replication_key_value" not in json.dumps(run.state)


def test_rows_that_move_in_each_attempt_delete_none_in_the_target() -> None:
    paged = Paged([["a"], ["b"], ["c"], ["d"]], iter([enter_first] * 2))
    reporting = Reporting([("A", "String")], [], pages=paged)
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        catalog = there.discover()
        moved, quiet = there.run(catalog), there.run(catalog)

    assert (moved.code, quiet.code) == (0, 0)
    assert moved.of_type("ACTIVATE_VERSION") == []
    assert len(quiet.of_type("ACTIVATE_VERSION")) == 1


def test_equal_pages_are_read_until_the_total_is_reached() -> None:
    reporting = Reporting([("A", "String")], [], pages=Paged([["same"]] * 7))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"A": "same"}] * 7


def test_page_that_repeats_after_the_total_is_an_error() -> None:
    reporting = Reporting([("A", "String")], [], pages=lambda _: [[["x"], ["y"]], True, 4])
    with pipeline(reporting) as there:
        run = there.run(there.discover())
        assert len(there.dates_asked()) == 3

    assert run.code == 1
    assert "Page 3 is the same as an earlier one, and there should be more: it would never end." in run.log

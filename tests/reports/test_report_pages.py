"""Pages of custom reports: rows that move between them, and pages that repeat."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from helpers.reporting import AS_OF, Reporting, pipeline, records, stepping, today


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


def test_equal_pages_are_no_endless_loop_before_the_total_is_reached() -> None:
    reporting = Reporting([("A", "String")], [], pages=Paged([["same"]] * 7))
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"A": "same"}] * 7


def test_a_page_that_repeats_after_the_total_is_an_error() -> None:
    reporting = Reporting([("A", "String")], [], pages=lambda _: [[["x"], ["y"]], True, 4])
    with pipeline(reporting) as there:
        run = there.run(there.discover())
        assert len(there.dates_asked()) == 3

    assert run.code == 1
    assert "Page 3 is the same as an earlier one, and there should be more: it would never end." in run.log

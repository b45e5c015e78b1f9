"""Columns of custom reports: unusual names, types, and changes since discovery."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.reporting import CATEGORY, DATES, Reporting, pipeline, records


def test_category_may_hold_any_letter() -> None:
    reporting = Reporting([("A", "String")], [["x"]])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"A": "x"}]
    assert set(reporting.asked) == {
        f"/report-category/{CATEGORY}/reports/7{end}" for end in ("", "/data/query", "/data")
    }


@pytest.mark.parametrize("maps", [{}, {"custom_report_odd": {"__alias__": "custom_report_odd"}}])
def test_column_may_hold_any_letter(maps: dict[str, Any]) -> None:
    names = ['Size 12"', "back\\slash", "tab\there", "two\nlines", "$ & \u00fc", ""]
    reporting = Reporting([(name, "String") for name in names], [list("abcdef")])
    with pipeline(reporting, stream_maps=maps) as there:
        run = there.run(there.discover())

    assert run.code == 0, run.log
    assert records(run) == [dict(zip(names, "abcdef", strict=True))]


def test_columns_that_differ_by_case_keep_their_names_in_any_order() -> None:
    columns: list[tuple[str, str | None]] = [("Total", "String"), ("total", "String"), ("Total_2", "String")]
    reporting = Reporting(columns, [["small", "two", "large"]], ["total", "Total_2", "Total"])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert run.code == 0
    assert records(run) == [{"Total": "large", "total_3": "small", "Total_2": "two"}]
    assert "WARNING" not in run.log


def test_records_are_of_the_catalogs_types_whatever_is_set_or_described_since() -> None:
    reporting = Reporting([("A", "Number")], [[1.5]])
    with pipeline(reporting) as there:
        text, typed = there.discover(), there.discover(typed=True)
        assert records(there.run(text, typed=True)) == [{"A": "1.5"}]

        reporting.columns, reporting.rows = [("A", "String")], [["1.5"]]
        run = there.run(typed, typed=True)

    assert run.code == 1
    assert (
        "Column A is a Number in the catalog, but the report declares it a String now; see row 1. Discover" in run.log
    )


def test_removed_column_is_reported_for_its_tenant() -> None:
    reporting = Reporting([("A", "String"), ("B", "String")], [["x", "y"]])
    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    with pipeline(reporting, **two) as there:
        catalog = there.discover()
        assert "no column" not in there.run(catalog).log
        reporting.answered, reporting.rows = ["A"], [["x"]]
        run = there.run(catalog)

    for tenant_id in ("1001", "1002"):
        assert f"Tenant {tenant_id}, stream custom_report_odd: the report has no column B any more." in run.log


def test_column_without_metadata_is_reported() -> None:
    reporting = Reporting([("A", "String")], [["x", "y"]], ["A", "New"])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    assert records(run) == [{"A": "x"}]
    assert "column New is newer than the metadata that this run requested, and is ignored. Discover again" in run.log


def test_type_that_is_null_is_text() -> None:
    reporting = Reporting([("A", None)], [["x"]], parameters=[{"name": "P", "dataType": None}])
    with pipeline(reporting) as there:
        run = there.run(there.discover(typed=True), typed=True, parameters=[{"name": "P", "value": "v"}])

    assert records(run) == [{"A": "x"}]


def test_catalog_from_before_or_after_a_backfill_is_refused() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    backfill: dict[str, Any] = {"backfill_date_parameter": "From"}
    with pipeline(reporting) as there:
        before, after = there.discover(), there.discover(**backfill)
        lacking = there.run(before, **backfill)
        superfluous = there.run(after)

    for run, names in ((lacking, "From, To, _row"), (superfluous, "From, _row")):
        assert run.code == 1
        assert f"The catalog does not fit the setting custom_reports: see the column {names}. Discover again" in run.log
        assert not run.records("custom_report_odd")


def test_replication_key_of_the_catalog_that_is_not_stepped_through_is_refused() -> None:
    with pipeline(Reporting([("A", "String")], [["x"]])) as there:
        catalog = there.discover()
        (entry,) = catalog["streams"]
        entry["replication_key"] = "A"
        run = there.run(catalog)

    assert run.code == 1
    assert "has the replication key 'A', but it is always read in full, without one." in run.log
    assert run.stdout == ""

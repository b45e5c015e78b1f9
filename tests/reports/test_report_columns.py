"""Columns and cells of custom reports: names, types, text, and changes since discovery."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from helpers.reporting import CATEGORY, DATES, Reporting, pipeline, records

from tap_servicetitan.errors import PaginationError, ReportError
from tap_servicetitan.reports.metadata import dedupe_names
from tap_servicetitan.reports.rows import as_text, column_schema, make_columns
from tap_servicetitan.schemas.column_names import same_names


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


def test_text_holds_every_cell_unchanged() -> None:
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    row = decode(b'[null, "a", 12345678901234567890, 12.50, 1e400, true, {"a": [1.10]}]')

    assert [as_text(cell) for cell in row] == [
        None, "a", "12345678901234567890", "12.50", "1E+400", "true", '{"a":[1.10]}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "good", "bad", "found"),
    [
        ("Number", [1, Decimal("1.5"), None], "1", "text"),
        ("Number", [0], True, "true or false"),
        ("Boolean", [True, False, None], 1, "a number"),
        ("Date", ["2026-01-31T00:00:00-07:00", "2021-07-19T20:35:38.2876004Z", "2026-01-31", None], "soon", "text"),
        ("Date", [], 20260131, "a number"),
    ],
)
def test_cell_that_is_not_what_its_column_declares_is_found(
    declared: str, good: list[Any], bad: Any, found: str
) -> None:
    rows = [[cell] for cell in good]
    properties = {"Hours": column_schema(declared)}

    assert make_columns(["Hours"], rows, properties) == {"Hours": tuple(good)}
    words = f"Column Hours is declared a {declared}, but holds {found} in row {8 + len(good)}."
    with pytest.raises(ReportError, match=re.escape(words)):
        make_columns(["Hours"], [*rows, [bad]], properties, before=7)


def test_cells_are_what_the_catalog_says_they_are() -> None:
    assert make_columns(["A"], [[Decimal("1.5")]], {"A": {"type": ["null", "string"]}}) == {"A": ["1.5"]}
    assert make_columns(["A", None], [[1, 2]], {"A": {"type": ["string", "null"]}, "B": {}}) == {"A": ["1"]}


def test_row_that_is_longer_or_shorter_than_the_answers_columns_loses_nothing_silently() -> None:
    for row in (["a"], ["a", "b", "c"]):
        with pytest.raises(PaginationError, match="cells, but the response has 2 columns"):
            make_columns(["A", "B"], [["a", "b"], row], {})


def test_columns_of_one_name_are_numbered() -> None:
    names = ["Total", "total", "Total_2", "From", "Total"]

    assert dedupe_names(names, ["tenant_id", "From"]) == {
        ("Total", 0): "Total",
        ("Total", 1): "Total_3",
        ("Total_2", 0): "Total_2",
        ("total", 0): "total_4",
        ("From", 0): "From_2",
    }


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["Margin", "Margin %"], ["Margin", "Margin %_2"]),
        (["jobId", "Job ID", "job_id"], ["jobId_2", "Job ID", "job_id_3"]),
        (["Margin", "Margin %", "Margin 2"], ["Margin", "Margin %_3", "Margin 2"]),
        (["a" * 70, "a" * 64], ["a" * 61 + "_2", "a" * 64]),
        (["é" * 40, "é" * 35], ["é" * 30 + "_2", "é" * 35]),  # two bytes each
        (["温度", "圧力"], ["温度", "圧力"]),
        (["#", "%"], ["#", "%_2"]),
    ],
)
def test_columns_that_a_database_takes_for_one_are_numbered(names: list[str], unique: list[str]) -> None:
    assert dedupe_names(names, []) == {(name, 0): own for name, own in zip(names, unique, strict=True)}
    assert same_names(unique) == []


def test_order_of_columns_changes_no_name() -> None:
    names = ["Total", "total", "TOTAL_2", "From", "Total", "x", "To tal", "x" * 70, "x" * 80]

    assert dedupe_names(names, ["From"]) == dedupe_names(names[::-1], ["From"])

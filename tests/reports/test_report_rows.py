"""Cells and columns of reports: text, declared types, names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tap_servicetitan.errors import PaginationError, ReportError
from tap_servicetitan.reports.metadata import dedupe_names
from tap_servicetitan.reports.rows import as_text, column_schema, make_records
from tap_servicetitan.schemas.column_names import same_names


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

    assert list(make_records(["Hours"], rows, properties)) == [{"Hours": cell} for cell in good]
    words = f"Column Hours is declared a {declared}, but holds {found} in row {8 + len(good)}."
    with pytest.raises(ReportError, match=re.escape(words)):
        list(make_records(["Hours"], [*rows, [bad]], properties, before=7))


def test_cells_are_what_the_catalog_says_they_are() -> None:
    assert list(make_records(["A"], [[Decimal("1.5")]], {"A": {"type": ["null", "string"]}})) == [{"A": "1.5"}]
    assert list(make_records(["A", None], [[1, 2]], {"A": {"type": ["string", "null"]}, "B": {}})) == [{"A": "1"}]


def test_row_that_is_longer_or_shorter_than_the_answers_columns_loses_nothing_silently() -> None:
    for row in (["a"], ["a", "b", "c"]):
        with pytest.raises(PaginationError, match="cells, but the response has 2 columns"):
            list(make_records(["A", "B"], [["a", "b"], row], {}))


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

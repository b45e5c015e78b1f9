"""Entries of custom_reports and their parameters: sent as the report wants them, or refused in one line."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import msgspec
import pytest

from tap_servicetitan import settings
from tap_servicetitan.errors import ReportError
from tap_servicetitan.reports.metadata import ReportMetadata
from tap_servicetitan.reports.report_parameters import validate_parameters
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.settings.custom_reports import CustomReport, by_tenant

A_THURSDAY = date(2026, 1, 15)


REPORT_ENTRY = {"report_name": "jobs", "report_category": "accounting", "report_id": "1"}


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([{"report_name": "jobs"}], "0' must hold report_name, report_category, report_id."),
        ([{**REPORT_ENTRY, "report_nme": "x"}], "0' must hold nothing but report_name, report_category, report_id,"),
        ([{**REPORT_ENTRY, "report_name": ""}], "0.report_name' must not be empty."),
        ([{**REPORT_ENTRY, "report_name": "my jobs"}], "0.report_name' must be of letters A to Z, digits and '_', at"),
        ([{**REPORT_ENTRY, "report_name": "j" * 50}], "0.report_name' must be of letters A to Z, digits and '_', at"),
        ([{**REPORT_ENTRY, "report_id": "jobs"}], "0.report_id' must be a report's number, such as 123456789"),
        ([{**REPORT_ENTRY, "window": "year"}], "0.window' must be one of: day, week, month."),
        ([{**REPORT_ENTRY, "lookback_window_days": -1}], "0.lookback_window_days' must be at least 0."),
        ([{**REPORT_ENTRY, "lookback_window_days": 10**6}], "0.lookback_window_days' must be at most 3660."),
        ([{**REPORT_ENTRY, "tenant_id": 9}], "0.tenant_id' is none of the tenants of this config."),
        ([{**REPORT_ENTRY, "parameters": [{"value": 1}]}], "0.parameters.0' must hold name."),
        ([{**REPORT_ENTRY, "parameters": [{"name": "From"}] * 2}], "0.parameters' names From twice."),
        ([REPORT_ENTRY, REPORT_ENTRY], "1.report_name' is listed twice."),
        (
            [REPORT_ENTRY, {**REPORT_ENTRY, "tenant_id": "1001", "typed": True}],
            "1.typed' must be that of 'custom_reports.0', which has the same report_name.",
        ),
    ],
)
def test_wrong_entry_is_one_line_that_names_it(entries: list[dict[str, Any]], line: str) -> None:
    credentials = {"client_id": "c", "client_secret": "s", "st_app_key": "k", "tenant_id": 1001}

    (found,) = settings.problems({**credentials, "custom_reports": copy.deepcopy(entries)}, CONFIG_JSONSCHEMA)

    assert found.startswith(f"Setting 'custom_reports.{line}")


def test_tenants_own_entry_comes_before_one_for_all() -> None:
    common = CustomReport.parse(REPORT_ENTRY)
    own = CustomReport.parse({**REPORT_ENTRY, "report_id": 2, "tenant_id": 1002})

    assert by_tenant([own, common], "1001") == {"custom_report_jobs": common}
    assert by_tenant([own, common], "1002") == {"custom_report_jobs": own}


def described(**parameters: dict[str, Any]) -> ReportMetadata:
    listed = [{"name": name, **rest} for name, rest in parameters.items()]
    return msgspec.convert({"parameters": listed, "fields": []}, ReportMetadata)


REPORT = described(
    From={"dataType": "Date", "isRequired": True},
    Limit={"dataType": "Number"},
    Paid={"dataType": "Boolean"},
    Units={"dataType": "Number", "isArray": True},
    DateType={"dataType": "Number", "acceptValues": {"values": [[1, "Created"], [2, "Paid"]]}},
    Text={},
)


def test_values_are_sent_as_written_except_relative_dates_lone_items_and_accepted_keys() -> None:
    written = {"From": "today-1", "Limit": "5", "Paid": True, "Units": 7, "DateType": "2", "Text": "today"}

    assert validate_parameters(written, REPORT, (), A_THURSDAY) == {
        **written,
        "From": "2026-01-14",
        "Units": [7],
        "DateType": 2,
    }
    assert validate_parameters({"From": "2024-01-31T00:00:00", "Limit": None}, REPORT, (), A_THURSDAY) == {
        "From": "2024-01-31T00:00:00",
        "Limit": None,
    }


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"Frm": 1}, "It has no parameter Frm; it has From (required), Limit, Paid, Units, DateType, Text."),
        ({}, "Parameter From is required; the report has From (required), Limit"),
        ({"From": "tomorrow"}, "Parameter From must be a date such as 2026-01-31 or one of today, week-start"),
        ({"From": 20260131}, "Parameter From must be a date"),
        ({"From": "today", "Limit": "few"}, "Parameter Limit must be a number."),
        ({"From": "today", "Limit": True}, "Parameter Limit must be a number."),
        ({"From": "today", "Limit": [1]}, "Parameter Limit must be one value."),
        ({"From": "today", "Paid": "perhaps"}, "Parameter Paid must be true or false."),
        ({"From": "today", "Units": [1, "x"]}, "Parameter Units must be a number."),
        ({"From": "today", "DateType": 3}, "Parameter DateType must be one of 1 (Created), 2 (Paid)."),
    ],
)
def test_wrong_parameter_is_reported_with_the_right_one(written: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportError) as caught:
        validate_parameters(written, REPORT, (), A_THURSDAY)

    assert str(caught.value).startswith(words)


def test_parameter_that_is_stepped_through_need_not_be_written_but_must_exist() -> None:
    assert validate_parameters({}, REPORT, ("From",), A_THURSDAY) == {}
    assert (
        validate_parameters({"From": "today", "Text": "today"}, REPORT, ("Text",), A_THURSDAY)["Text"] == "2026-01-15"
    )
    with pytest.raises(ReportError, match="Parameter Text must be a date"):
        validate_parameters({"From": "today", "Text": 5}, REPORT, ("Text",), A_THURSDAY)
    with pytest.raises(ReportError, match="It has no parameter AsOfDate"):
        validate_parameters({"From": "today"}, REPORT, ("AsOfDate",), A_THURSDAY)


RANGE = described(From={"dataType": "Date"}, To={"dataType": "Date"})


@pytest.mark.parametrize(
    ("first", "last", "today"),
    [
        ("week-start", "today-1", date(2026, 1, 12)),
        ("month-start", "today-1", date(2026, 2, 1)),
        ("year-start", "today-1", date(2026, 1, 1)),
        ("2026-12-20", "today", A_THURSDAY),
        ("year-start", "2025-12-31", A_THURSDAY),
    ],
)
def test_range_that_is_empty_on_some_days_is_valid(first: str, last: str, today: date) -> None:
    assert validate_parameters({"From": first, "To": last}, RANGE, (), today)


@pytest.mark.parametrize(
    ("first", "last"), [("today", "today-1"), ("2026-01-02", "2026-01-01"), ("month-end", "today-31")]
)
def test_range_that_is_always_empty_is_an_error(first: str, last: str) -> None:
    with pytest.raises(ReportError, match="which is after To"):
        validate_parameters({"From": first, "To": last}, RANGE, (), A_THURSDAY)

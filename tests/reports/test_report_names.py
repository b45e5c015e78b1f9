"""Names that users of a tenant choose, in the log, in --list-reports and as columns of a database."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from helpers.raw import RawServer, http
from helpers.reporting import Reporting, pipeline
from helpers.support import Tap

FORGED = "2026-01-01 00:00:00 ERROR forged"
EVIL = f"Total\x1b[31m\r\n{FORGED}\x9b2J\u202e\u2028" + "x" * 200
SHOWN = f"Total [31m {FORGED} 2J "
"""How the name begins where it is shown."""


def check_lines(output: str) -> None:
    """Check that a text has no forged line, and no escape that a terminal obeys."""
    assert SHOWN in output
    assert all(letter.isprintable() or letter == "\n" for letter in output)
    assert not any(line.startswith(FORGED) for line in output.splitlines())
    assert "x" * 80 not in output


def add_a_column(reporting: Reporting) -> None:
    reporting.columns, reporting.rows = [("A", "Number"), (EVIL, "String")], [[1, "y"]]


def add_data_without_metadata(reporting: Reporting) -> None:
    reporting.answered, reporting.rows = ["A", EVIL], [[1, "y"]]


def change_the_type(reporting: Reporting) -> None:
    reporting.columns, reporting.rows = [("A", EVIL)], [["text"]]


def add_a_required_parameter(reporting: Reporting) -> None:
    reporting.parameters = [{"name": EVIL, "dataType": "String", "isRequired": True}]


@pytest.mark.parametrize("change", [add_a_column, add_data_without_metadata, change_the_type, add_a_required_parameter])
def test_name_in_a_report_forges_no_line_of_the_log(
    change: Callable[[Reporting], None], caplog: pytest.LogCaptureFixture
) -> None:
    reporting = Reporting([("A", "Number")], [[1]])
    with pipeline(reporting) as there:
        catalog = there.discover(typed=True)
        change(reporting)
        run = there.run(catalog, typed=True)

    check_lines(run.log)
    assert all("\n" not in line.getMessage() for line in caplog.records if line.levelno >= logging.WARNING)


def test_removed_column_forges_no_line_of_the_log() -> None:
    reporting = Reporting([("A", "String"), (EVIL, "String")], [["x", "y"]])
    with pipeline(reporting) as there:
        catalog = there.discover()
        reporting.columns, reporting.rows = [("A", "String")], [["x"]]
        run = there.run(catalog)

    check_lines(run.log)


@pytest.mark.parametrize("value", ["no such value", 1])
def test_values_of_a_parameter_forge_no_line_of_the_log(value: Any) -> None:
    parameter = {"name": "P", "dataType": "String", "acceptValues": {"values": [[EVIL, EVIL + "name"]]}}
    reporting = Reporting([("A", "String")], [["x"]], parameters=[parameter])
    with pipeline(reporting) as there:
        run = there.run(there.discover(), parameters=[{"name": "P", "value": value}])

    assert run.code == 1
    check_lines(run.log)


def test_suggestion_of_stream_maps_forges_no_line_of_the_log() -> None:
    reporting = Reporting([("Total\x1b\nNumber", "String")], [["x"]])
    maps = {"custom_report_odd": {"TotalNumbr": "'x'"}}
    with pipeline(reporting) as there:
        catalog = there.discover()
    with pipeline(reporting, stream_maps=maps) as there:
        run = there.run(catalog)

    assert "Did you mean Total Number? If not" in run.log


def evil_reports(path: str) -> bytes:
    """Answer whatever --list-reports requests, with names of a user's choice."""
    if "report-categories" in path:
        body: Any = {"data": [{"id": "sales", "name": EVIL}, {"id": EVIL, "name": "Other"}], "hasMore": False}
    elif "dynamic-value-sets" in path:
        body = {"fields": [{"name": "k"}], "data": [[EVIL, EVIL]], "hasMore": False}
    elif path.split("?", maxsplit=1)[0].endswith("/reports"):
        body = {"data": [{"id": 7, "name": EVIL}], "hasMore": False}
    else:
        accepted = [{"values": [[EVIL, "name"]]}, {"dynamicSetId": EVIL}, None]
        parameters = [{"name": EVIL, "dataType": EVIL, "acceptValues": each} for each in accepted]
        body = {"parameters": parameters, "fields": []}
    return http(json.dumps(body).encode())


def test_list_reports_prints_names_on_one_line_each(tap: Tap) -> None:
    with RawServer(evil_reports).listening() as config:
        run = tap(config, "--list-reports")

    assert run.code == 0, run.log
    check_lines(run.stdout)


def test_list_reports_as_json_has_whole_names_and_no_escape_that_a_terminal_obeys(tap: Tap) -> None:
    with RawServer(evil_reports).listening() as config:
        run = tap(config, "--list-reports", "--format=json")

    (tenant,) = json.loads(run.stdout)
    assert tenant["categories"][0]["name"] == EVIL
    assert all(letter.isprintable() or letter == "\n" for letter in run.stdout)


def test_columns_that_databases_fold_have_their_own_names_in_records() -> None:
    long = "Jobs that were completed within the first thirty days after the estimate "
    names = ["Margin", "Margin %", "Job ID", "jobId", f"{long}A", f"{long}B"]
    reporting = Reporting([(name, "String") for name in names], [list("abcdef")])
    with pipeline(reporting) as there:
        run = there.run(there.discover())

    kept = {"Margin": "a", "Margin %_2": "b", "Job ID": "c", "jobId_2": "d", f"{long}A": "e", f"{long[:61]}_2": "f"}
    assert [{**one, "tenant_id": 1} for one in run.records("custom_report_odd")] == [{**kept, "tenant_id": 1}]


def test_columns_that_tenants_spell_differently_are_named(caplog: pytest.LogCaptureFixture) -> None:
    class PerTenant(Reporting):
        def answer(self, path: str) -> bytes:
            self.columns = [("Margin" if "/1001/" in path else "Margin %", "String")]
            return super().answer(path)

    two = {"tenants": [{"tenant_id": "1001"}, {"tenant_id": "1002"}], "tenant_id": ""}
    with pipeline(PerTenant([], []), **two) as there:
        there.discover()

    assert "Stream custom_report_odd: the columns Margin, Margin % of different tenants are one column" in caplog.text

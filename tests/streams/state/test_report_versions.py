"""Rows that vanished from a custom report: when the target may drop them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from helpers.reporting import AS_OF, DATES, Reporting, pipeline, stepping, today
from helpers.support import Output

ACTIVATED, SILENT = "activated", "nothing said"
WINDOWS = "a run reads windows of time, never all of it"
MOVING = "the parameters move with the day"
KEPT = "Of stream custom_report_odd, rows that vanished from ServiceTitan stay in the target, since "


LIST = [{"name": "On", "dataType": "Date", "isArray": True}]


def outcome(run: Output) -> str:
    assert run.code == 0
    lines = [line.partition(KEPT)[2].rstrip(".") for line in run.lines_with(KEPT)]
    activated = run.of_type("ACTIVATE_VERSION")
    assert len(lines) + len(activated) <= 1
    return ACTIVATED if activated else next(iter(lines), SILENT)


def days(first: str, last: str) -> dict[str, Any]:
    return {"parameters": [{"name": "From", "value": first}, {"name": "To", "value": last}]}


@pytest.mark.parametrize(
    ("kind", "parameters", "entry", "as_discovered", "in_full"),
    [
        ("without parameters", [], {}, ACTIVATED, ACTIVATED),
        ("fixed dates", DATES, days("2026-01-01", "2026-01-31"), ACTIVATED, ACTIVATED),
        ("a date that moves", DATES, days("2026-01-01", "today"), MOVING, MOVING),
        ("dates that move", LIST, {"parameters": [{"name": "On", "value": ["2026-01-01", "today-1"]}]}, MOVING, MOVING),
        ("steps", AS_OF, stepping(str(today(2))), SILENT, WINDOWS),
    ],
)
def test_a_report_is_activated_only_if_each_run_covers_the_same_days(  # noqa: PLR0913 -- a row of the table
    caplog: pytest.LogCaptureFixture,
    *,
    kind: str,
    parameters: list[dict[str, Any]],
    entry: dict[str, Any],
    as_discovered: str,
    in_full: str,
) -> None:
    caplog.set_level(logging.INFO)
    reporting = Reporting([("A", "String")], [["x"]], parameters=parameters)
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        catalog = there.discover(**entry)
        discovered = there.run(catalog, **entry)
        for stream in catalog["streams"]:
            stream["replication_method"] = "FULL_TABLE"
        forced = there.run(catalog, **entry)

    assert (outcome(discovered), outcome(forced)) == (as_discovered, in_full), kind


def test_a_date_out_of_range_fails_its_report_alone() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=DATES)
    with pipeline(reporting, emit_activate_version_messages=True) as there:
        run = there.run(there.discover(), **days("year-start-9999", "2026-01-01"))

    assert run.code == 1
    assert run.of_type("ACTIVATE_VERSION") == []
    assert [line for line in run.log.splitlines() if "Unexpected" in line] == []


def test_full_reads_has_no_effect_on_reports() -> None:
    reporting = Reporting([("A", "String")], [["x"]], parameters=AS_OF)
    with pipeline(reporting, full_reads={"custom_report_odd": 1}) as there:
        run = there.run(there.discover(**stepping(str(today(2)))), **stepping(str(today(2))))

    assert run.lines_with("full_reads") == [f"Stream custom_report_odd: full_reads has no effect, since {WINDOWS}."]
    assert run.of_type("ACTIVATE_VERSION") == []

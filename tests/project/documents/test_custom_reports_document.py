"""Each example of docs/custom-reports.md is what the tap reads, writes or prints with the simulator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from helpers.reports.report_server import ReportTap
from helpers.reports.simulated_reports import UNLIMITED
from helpers.support import Output, bookmark, config_of, run_here

from tap_servicetitan.client.rate_limit import MAX_RATE_LIMIT_WAIT
from tap_servicetitan.reports import discovery, query, runner
from tap_servicetitan.reports.endpoint import Report
from tap_servicetitan.reports.metadata import dedupe_names
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.simulator import Simulator

JOBS = "custom_report_jobs"
NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When the run was that the document shows."""


@pytest.fixture(scope="module")
def document(request: pytest.FixtureRequest) -> str:
    text: str = (request.config.rootpath / "docs" / "custom-reports.md").read_text()
    return text


def blocks(document: str, language: str) -> list[str]:
    """Return the code blocks of a language, which may be none."""
    return [
        text
        for name, text in re.findall(r"^```(\w*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
        if name == language
    ]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(records=300, rate_limit=0, reports_per_minute=0, report_seconds=0.05, report_wait=0) as simulator:
        yield simulator


def run(simulator: Simulator, reports: list[dict[str, Any]]) -> Output:
    """Run the tap with these reports."""
    base = type("ReportTapNow", (ReportTap,), {"moment": NEW_YEAR})
    config = config_of(simulator, custom_reports=reports, **UNLIMITED)
    return run_here(config, base=base, catalog=base(config=config).catalog_dict)


@pytest.fixture(scope="module")
def reports(document: str) -> list[dict[str, Any]]:
    (setting,) = blocks(document, "yaml")
    found: list[dict[str, Any]] = yaml.safe_load(setting)["config"]["custom_reports"]
    return found


@pytest.fixture(scope="module")
def output(simulator: Simulator, reports: list[dict[str, Any]]) -> Output:
    return run(simulator, reports)


def test_document_has_entries_that_run(output: Output) -> None:
    assert output.code == 0, output.log
    assert output.records("custom_report_open_jobs")


def test_document_has_a_record_and_states_that_the_entries_give(document: str, output: Output) -> None:
    record, last_state, state_with_query = map(json.loads, blocks(document, "json"))

    assert output.records(JOBS)[0] == record
    assert output.bookmark(JOBS) == bookmark(last_state, JOBS)
    shown = bookmark(state_with_query, JOBS)
    found = [bookmark(state, JOBS) for state in output.states if JOBS in state["bookmarks"]]
    written = next(one for one in found if one.get("query", {}).get("parameters") == shown["query"]["parameters"])
    assert (written["query"].pop("token"), shown["query"].pop("token")) > ("", "")
    asked = [re.sub(r"\d", "0", one["query"].pop("asked")) for one in (written, shown)]
    assert asked[0] == asked[1]
    assert written == shown


def test_document_has_messages_that_the_tap_prints(
    document: str, simulator: Simulator, reports: list[dict[str, Any]]
) -> None:
    parameters, column, pause = blocks(document, "")
    report = {"report_name": "r", "report_category": "operations", "report_id": "4940000003"}
    failing = [
        {**report, "parameters": [{"name": "Form", "value": "today"}]},
        {**reports[0], "parameters": [{"name": "DateType", "value": 7}, *reports[0]["parameters"][1:]]},
        {**report, "report_category": "accounting", "report_id": "4940000002", "typed": True},
    ]
    for entry, line in zip(failing, [*parameters.splitlines(), column.strip()], strict=True):
        failed = run(simulator, [entry])
        assert failed.code == 1
        assert line in failed.log
    simulator.misbehave("rate_limit", stream="report_query", retry_after=0.05, times=1)
    assert pause.strip().replace("50s", "0.05s") in run(simulator, reports[:1]).log


def test_document_has_the_defaults_of_the_setting(document: str) -> None:
    rows = [row.split("|") for row in document.splitlines() if row.startswith("| `")]
    settings = CONFIG_JSONSCHEMA["properties"]["custom_reports"]["items"]["properties"]
    documented = {
        name: row[2].strip(" `") for row in rows for name in re.findall(r"`(\w+)`", row[1]) if name in settings
    }

    assert documented.keys() == settings.keys()
    for name, setting in settings.items():
        if "default" in setting:
            assert documented[name] == str(setting["default"]).lower()


def test_document_has_the_limits_of_the_code(document: str) -> None:
    text = " ".join(document.split())
    lookback = CONFIG_JSONSCHEMA["properties"]["custom_reports"]["items"]["properties"]["lookback_window_days"]

    assert f"At most {lookback['maximum']}." in text
    assert "polls every five seconds" in text
    assert runner.POLL_SECONDS == 5
    assert f"not ended after {runner.PATIENCE / 60:.0f} minutes" in text
    assert "begun more than six hours ago" in text
    assert query.MAX_AGE.total_seconds() == 6 * 3600
    assert f"at most {MAX_RATE_LIMIT_WAIT / 60:.0f} minutes" in text
    assert "over the limit for more than a minute" in text
    assert discovery.MAX_WAIT == 60
    assert f"pages of {Report.page_size:,} rows" in text


def test_document_has_names_that_columns_get(document: str) -> None:
    pairs = re.findall(r"`(\w+)` and\s+`([^`]+)_2`", document)

    assert len(pairs) == 2
    for pair in pairs:
        assert list(dedupe_names(pair, ()).values()) == [pair[0], f"{pair[1]}_2"]

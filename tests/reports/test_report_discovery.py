"""Discovery of custom reports, and the command that lists reports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.reports.simulated_reports import DATE_RANGE_PARAMS, entry, every_report, just, streams, warnings
from helpers.support import Output, Tap, config_of

from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.simulator import Simulator


def test_report_is_a_stream_with_the_columns_of_its_description_as_text(discovery: Output) -> None:
    assert discovery.code == 0
    found = streams(just(discovery))["plain"]

    assert found["key_properties"] == []
    assert list(found["schema"]["properties"]) == ["tenant_id", "JobNumber", "CreatedDate", "Total", "Total_2"]
    assert found["schema"]["properties"]["Total"] == {"type": ["string", "null"]}


def test_typed_columns_have_the_declared_types(discovery: Output) -> None:
    properties = streams(just(discovery))["typed"]["schema"]["properties"]

    assert properties["Total"] == {"type": ["number", "null"]}
    assert properties["CreatedDate"] == {"type": ["string", "null"], "format": "date-time"}
    assert properties["JobNumber"] == {"type": ["string", "null"]}


def test_report_without_metadata_is_left_out_with_one_warning(discovery: Output) -> None:
    assert "unknown" not in streams(just(discovery))
    (line,) = [line for line in warnings(discovery) if "'unknown'" in line]
    assert "of category operations) of tenant 1001 is left out: no metadata. The API answered 404" in line
    assert line.endswith(
        "Check its category and id with --list-reports; the API does not have all reports of the website."
    )


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        ({"deny_scopes": ["tn.rpr.reports:r"]}, None, "Grant the scope tn.rpr.reports:r to the app"),
        ({}, {"kind": "rate_limit", "seconds": 100}, "The API answered 429: Rate limit is exceeded"),
    ],
)
def test_no_reason_breaks_the_discovery_of_the_rest(
    tap: Tap, simulate: Callable[..., Simulator], options: dict[str, Any], fault: dict[str, Any] | None, words: str
) -> None:
    simulator = simulate(**options)
    if fault:
        simulator.misbehave(**fault, stream="report_description")
    reports = [
        entry(simulator, "Revenue", report_name="first", parameters=DATE_RANGE_PARAMS),
        entry(simulator, "Revenue 2", report_name="second", parameters=DATE_RANGE_PARAMS),
    ]

    output = tap(config_of(simulator, concurrency=1, custom_reports=reports), "--discover")

    assert output.code == 0
    assert len(json.loads(output.stdout)["streams"]) >= len(TABLE) + bool(fault)
    (line, *others) = warnings(output)
    assert "Custom report 'first'" in line or "Custom report 'second'" in line
    assert words in line
    assert len(others) == (0 if fault else 1)


def test_discovery_without_custom_reports_sends_no_request(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate()

    assert tap(config_of(simulator), "--discover").code == 0
    assert tap(config_of(simulator, custom_reports=every_report(simulator)), "--about").code == 0

    assert simulator.requests == []


def test_discovery_with_reports_needs_a_valid_config(tap: Tap, simulator: Simulator) -> None:
    output = tap({"custom_reports": every_report(simulator)}, "--discover")

    assert output.code == 1
    assert "Setting 'st_app_key' is missing." in output.log
    assert "Traceback" not in output.log


def test_all_reports_are_listed_with_ids_names_and_parameters(tap: Tap, simulator: Simulator) -> None:
    output = tap(config_of(simulator), "--list-reports")

    assert output.code == 0
    lines = [" ".join(line.split()) for line in output.stdout.splitlines()]
    assert lines[0] == "Tenant 1001"
    assert "accounting (Accounting)" in lines
    for report in simulator.records("reports"):
        assert f"{report['id']} {report['name']}" in lines
    assert "DateType Number required 1 (Creation Date), 2 (Completion Date)" in lines
    assert "BusinessUnitIds list of Number see business-units below" in lines
    assert [line for line in lines if line.startswith("cannot be a stream: The API answered 404")]
    (values,) = [line for line in lines if line.startswith("business-units: ")]
    assert "HVAC Service" in values


def test_listing_names_the_missing_scope(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2, deny_scopes=["tn.rpr.reportcategories:r"])

    output = tap(config_of(simulator), "--list-reports")

    assert output.code == 1
    assert output.stdout.count("Grant the scope tn.rpr.reportcategories:r to the app in") == 2


@pytest.mark.parametrize("tenants", [1, 2])
def test_list_as_yaml_is_the_setting_ready_to_paste(tap: Tap, simulate: Callable[..., Simulator], tenants: int) -> None:
    simulator = simulate(tenants=tenants, records=12)
    output = tap(config_of(simulator), "--list-reports", "--format", "yaml")
    setting = yaml.safe_load(output.stdout)
    found = tap(config_of(simulator, **setting), "--discover")

    assert output.code == 0
    described = [one for tenant in simulator.tenants for one in simulator.records("reports", tenant)]
    described = [one for one in described if not one["name"].startswith("Dashboard")]
    assert {(one.get("tenant_id"), one["report_id"]) for one in setting["custom_reports"]} == {
        (str(tenant) if tenants > 1 else None, str(one["id"]))
        for tenant in simulator.tenants
        for one in simulator.records("reports", tenant)
        if not one["name"].startswith("Dashboard")
    }
    assert found.code == 0
    assert warnings(found) == []
    assert len(streams(just(found))) == len(described)


def test_list_is_printed_as_the_documents_show(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    config = config_of(simulate(records=300))
    document = (Path(__file__).parents[2] / "docs" / "custom-reports.md").read_text()
    shown = re.findall(
        r"```console\n\$ tap-servicetitan --config config.json (--list-.*?)\n(.*?)```", document, re.DOTALL
    )
    assert len(shown) == 2

    for arguments, transcript in shown:
        printed = tap(config, *arguments.split()).stdout
        for line in filter(None, transcript.splitlines()):
            assert line.strip() == "..." or f"\n{re.split(r'[(]trace id|[.]{3}$', line)[0]}" in f"\n{printed}", line

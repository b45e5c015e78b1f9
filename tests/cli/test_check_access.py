"""``--check-access``: which streams can be read, and what to do about the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers.support import Output, Tap, config_of, selecting

from tap_servicetitan.endpoints.table import TABLE
from tap_servicetitan.simulator import Simulator


def checked(
    tap: Tap, config: dict[str, Any], *, catalog: dict[str, Any] | None
) -> tuple[Output, dict[str, dict[str, Any]]]:
    """Run it for programs; return the run, and what it says of each stream."""
    run = tap(config, "--check-access", "--format", "json", catalog=catalog)
    return run, {each["stream"]: each for each in json.loads(run.stdout)}


def test_every_stream_can_be_read_with_a_request_or_two_each(tap: Tap, simulator: Simulator) -> None:
    run, found = checked(tap, config_of(simulator), catalog=selecting())

    assert run.code == 0
    assert {each["access"] for each in found.values()} == {"readable"}
    assert len(found) == len(TABLE)
    assert len(simulator.requests) <= 2 * len(found)
    assert not run.log


def test_missing_scope_is_named(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.leads:r"])

    run = tap(config_of(simulator), "--check-access", catalog=selecting("bookings", "leads"))

    assert run.code == 1
    assert [line.split() for line in run.stdout.splitlines()[1:3]] == [
        ["1001", "bookings", "readable", "tn.crm.bookings:r"],
        ["1001", "leads", "missing", "scope", "tn.crm.leads:r"],
    ]
    assert "1 of 2 streams can be read." in run.stdout
    assert "Grant the scope tn.crm.leads:r to the app" in run.stdout


@pytest.mark.parametrize(
    ("setting", "verdict"), [("client_secret", "wrong credentials"), ("st_app_key", "wrong app key")]
)
def test_wrong_secret_and_wrong_app_key_have_different_errors(
    tap: Tap, simulator: Simulator, setting: str, verdict: str
) -> None:
    run, found = checked(tap, config_of(simulator, **{setting: "wrong"}), catalog=selecting("bookings", "leads"))

    assert run.code == 1
    assert {each["access"] for each in found.values()} == {verdict}
    assert all(setting in each["remedy"] for each in found.values())


def test_tenant_with_wrong_credentials_does_not_hide_the_others(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=[1001, 1002])
    config = config_of(simulator)
    config["tenants"][0]["client_secret"] = "wrong"

    run = tap(config, "--check-access", catalog=selecting("bookings", "leads"))

    assert run.code == 1
    assert "2 of 4 streams can be read." in run.stdout
    (remedy,) = [line for line in run.stdout.splitlines() if "Check client_id" in line]
    assert remedy.startswith("  tenant 1001, streams bookings, leads: The token endpoint refused the credentials")


def test_check_of_no_selected_stream_fails(tap: Tap, simulator: Simulator) -> None:
    catalog = selecting("bookings")
    catalog["streams"] = [one for one in catalog["streams"] if one["tap_stream_id"] == "bookings"]
    catalog["streams"][0] |= {"tap_stream_id": "bokings", "stream": "bokings"}

    run = tap(config_of(simulator), "--check-access", catalog=catalog)

    assert run.code == 1
    assert (
        "Stream 'bokings' of the catalog is not one of this tap's and is not read. Did you mean 'bookings'?" in run.log
    )
    assert "No stream is selected" in run.log


def test_custom_reports_are_checked_without_a_run(tap: Tap, simulator: Simulator) -> None:
    reports = {report["name"]: report for report in simulator.records("reports")}
    entries = [
        {
            "report_name": name,
            "report_category": reports[report]["report_category"],
            "report_id": str(reports[report]["id"]),
            "parameters": [{"name": parameter, "value": "today"} for parameter in parameters],
        }
        for name, report, parameters in (
            ("fine", "Job Numbers", ()),
            ("misspelt", "Revenue", ("Form", "To")),
            ("unknown", "Dashboard", ()),
        )
    ]

    run, found = checked(tap, config_of(simulator, custom_reports=entries), catalog=None)

    assert run.code == 1
    access = {name: each for name, each in found.items() if name.startswith("custom_report_")}
    assert {name: each["access"] for name, each in access.items()} == {
        "custom_report_fine": "readable",
        "custom_report_misspelt": "failed",
        "custom_report_unknown": "failed",
    }
    assert "no parameter Form" in access["custom_report_misspelt"]["cause"]
    assert "--list-reports" in access["custom_report_unknown"]["remedy"]
    assert not [
        request for request in simulator.requests if request.method == "POST" and request.path.endswith("/data")
    ]

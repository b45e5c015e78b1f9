"""Streams that the tenant has not licensed, or whose scope the app lacks: reported, or skipped by the setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers.support import Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator


def unlicensed(simulator: Simulator, stream: str, **options: Any) -> None:
    simulator.misbehave("unlicensed", stream=stream, times=None, **options)


def test_unlicensed_module_is_reported_as_such(tap: Tap, simulator: Simulator) -> None:
    unlicensed(simulator, "discounts_and_fees")

    run = tap(config_of(simulator), catalog=selecting("bookings", "discounts_and_fees"))

    assert run.code == 1
    assert run.records("bookings")
    (line,) = run.lines_with("  tenant 1001, stream discounts_and_fees")
    assert "The API answered 403: Tenant is not authorized to access this resource (trace id" in line
    assert "skip_unentitled_streams" in line
    assert "tenant_id" not in line
    assert len([request for request in simulator.requests if request.status == 403]) == 1


def test_check_access_says_not_licensed(tap: Tap, simulator: Simulator) -> None:
    unlicensed(simulator, "discounts_and_fees")

    run = tap(config_of(simulator), "--check-access", catalog=selecting("bookings", "discounts_and_fees"))

    assert run.code == 1
    assert ["1001", "discounts_and_fees", "not", "licensed", "tn.pb.discountsandfees:r"] in [
        line.split() for line in run.stdout.splitlines()
    ]
    assert "ServiceTitan sells this module separately: deselect the stream" in run.stdout


def test_unentitled_streams_are_skipped_by_the_setting(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.leads:r"])
    unlicensed(simulator, "discounts_and_fees")
    catalog = selecting("bookings", "leads", "discounts_and_fees")

    run = tap(config_of(simulator, skip_unentitled_streams=True), catalog=catalog)

    assert run.code == 0
    assert len(run.records("bookings")) == len(simulator.records("bookings"))
    table = {
        stream
        for stream in ("bookings", "leads", "discounts_and_fees")
        for line in run.lines_with(f" {stream} ")
        if "skipped " in line
    }
    assert table == {"leads", "discounts_and_fees"}
    skipped = run.lines_with("Skipped, because of skip_unentitled_streams")
    assert len(skipped) == len(run.lines_with("WARNING")) == 2
    assert sum("Grant the scope tn.crm.leads:r" in line for line in skipped) == 1
    assert sum("ServiceTitan sells this module separately" in line for line in skipped) == 1
    assert not run.lines_with("ERROR")


def test_skipped_stream_keeps_its_bookmark(tap: Tap, simulator: Simulator) -> None:
    config = config_of(simulator, skip_unentitled_streams=True)
    catalog = selecting("bookings", "leads")
    first = tap(config, catalog=catalog)
    simulator.advance(new=5)
    unlicensed(simulator, "leads")

    second = tap(config, catalog=catalog, state=first.state)

    assert second.code == 0
    assert second.bookmark("leads") == first.bookmark("leads")
    assert second.bookmark("bookings") != first.bookmark("bookings")
    simulator.behave()
    assert len(tap(config, catalog=catalog, state=second.state).records("leads")) >= 5


def test_stream_that_one_tenant_skips_activates_no_version(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=[1001, 1002])
    unlicensed(simulator, "user_roles", tenant_id=1002)
    config = config_of(simulator, skip_unentitled_streams=True, emit_activate_version_messages=True)

    run = tap(config, catalog=selecting("user_roles", "credit_memo_items"))

    assert run.code == 0
    assert {record["tenant_id"] for record in run.records("user_roles")} == {"1001"}
    assert {message["stream"] for message in run.of_type("ACTIVATE_VERSION")} == {"credit_memo_items"}


@pytest.mark.parametrize(
    ("setting", "wrong"), [("client_secret", "wrong"), ("st_app_key", "wrong"), ("tenant_id", "1002")]
)
def test_nothing_else_is_skipped(tap: Tap, simulate: Callable[..., Simulator], setting: str, wrong: str) -> None:
    simulator = simulate(tenants=[1001, 1002])
    own = {"tenant_id": "1001", "client_id": "cid.1001", "client_secret": "cs2.1001"}
    config = {**config_of(simulator, skip_unentitled_streams=True), **own, setting: wrong}
    config.pop("tenants", None)

    run = tap(config, catalog=selecting("bookings"))

    assert run.code == 1
    assert run.lines_with("1 of 1 streams could not be read to the end")
    assert not run.lines_with("Skipped")


def test_report_without_its_scope_is_skipped_too(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.rpr.reports:r"])
    report = simulator.records("reports")[0]
    entry = {
        "report_name": "numbers", "report_category": report["report_category"], "report_id": str(report["id"]),
        "parameters": [],
    }  # fmt: skip
    catalog = json.loads(tap(config_of(simulate(), custom_reports=[entry]), "--discover").stdout)
    catalog["streams"] = [one for one in catalog["streams"] if one["tap_stream_id"] == "custom_report_numbers"]

    run = tap(config_of(simulator, skip_unentitled_streams=True, custom_reports=[entry]), catalog=catalog)

    assert run.code == 0
    assert run.lines_with("Skipped, because of skip_unentitled_streams: tenant 1001, stream custom_report_numbers")

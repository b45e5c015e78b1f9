"""The stream ``capacities``: all active business units, day by day, in the tenant's time zone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.support import Output, Tap, config_of, run_here, selecting

from tap_servicetitan.simulator import Simulator


def bodies(simulator: Simulator) -> list[dict[str, Any]]:
    """What was sent for capacity, in the order of days."""
    sent = [json.loads(request.body) for request in simulator.requests if request.path.endswith("/capacity")]
    return sorted(sent, key=lambda body: str(body["startsOnOrAfter"]))


def moments(simulator: Simulator, name: str) -> list[datetime]:
    return [datetime.fromisoformat(body[name]) for body in bodies(simulator)]


def units_of(run: Output) -> set[int]:
    return {unit for record in run.records("capacities") for unit in record["businessUnitIds"]}


def test_capacities_names_all_active_business_units(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=60)
    active = {unit["id"] for unit in simulator.records("business_units") if unit["active"]}

    run = run_here(config_of(simulator), "capacities")

    assert run.code == 0
    assert len(bodies(simulator)) == 14
    assert all(set(body["businessUnitIds"]) == active for body in bodies(simulator))
    assert len(units_of(run)) == 3  # one of which an answer without ids leaves out
    keys = [(record["startUtc"], record["endUtc"], record["businessUnits"]) for record in run.records("capacities")]
    assert len(keys) == len(set(keys)) == 14 * 2 * 3


@pytest.mark.parametrize("timezone", ["UTC", "America/Denver", "Pacific/Auckland"])
def test_capacities_begins_at_the_start_of_today_where_the_tenant_is(simulator: Simulator, timezone: str) -> None:
    before = datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()

    run_here(config_of(simulator, timezone=timezone, capacities_lookahead_days=3), "capacities")

    local = [moment.astimezone(ZoneInfo(timezone)) for moment in moments(simulator, "startsOnOrAfter")]
    after = datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()
    assert before <= local[0].date() <= after
    assert [moment.date() - local[0].date() for moment in local] == [timedelta(days=n) for n in range(3)]
    assert {moment.time().isoformat() for moment in local} == {"00:00:00"}
    assert moments(simulator, "endsOnOrBefore")[:-1] == moments(simulator, "startsOnOrAfter")[1:]


def test_capacities_of_named_business_units_need_no_list_of_them(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    one, two, *_ = sorted(unit["id"] for unit in simulator.records("business_units"))
    config = config_of(simulator, capacities_business_unit_ids=[one], capacities_lookahead_days=1)
    config["tenants"][1]["capacities_business_unit_ids"] = [str(two)]

    run = run_here(config, "capacities")

    assert {(record["tenant_id"], *record["businessUnitIds"]) for record in run.records("capacities")} == {
        ("1001", one),
        ("1002", two),
    }
    assert {request.path.rsplit("/", 1)[1] for request in simulator.requests} == {"token", "capacity"}


def test_capacities_without_the_scope_of_business_units_names_it(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.stt.businessunits:r"])

    run = tap(config_of(simulator), "--check-access", catalog=selecting("capacities"))

    assert run.code == 1
    assert "Grant the scope tn.stt.businessunits:r to the app" in run.stdout


def test_capacities_of_a_tenant_without_business_units_is_empty(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(sizes={"business_units": 0})

    run = run_here(config_of(simulator), "capacities")

    assert run.code == 0
    assert not run.records("capacities")
    assert "no active business unit, so nothing to read" in run.log
    assert not bodies(simulator)

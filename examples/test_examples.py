"""Each example is loaded and executed against the simulator: `make test-examples`, which installs the engines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tap_servicetitan.simulator import Simulator

HERE = Path(__file__).parent
ROOT = HERE.parent
STREAMS = ("bookings", "customers", "jobs", "invoices")
DAGSTER = ROOT / ".venv-dagster" / "bin"
AIRFLOW = ROOT / ".venv-airflow" / "bin"

ASK_THE_SCHEDULE = """
from datetime import UTC, datetime
import dagster as dg
from dagster_tenants import defs

schedule = defs.resolve_schedule_def("every_quarter")
with dg.DagsterInstance.get() as instance, dg.build_schedule_context(
    instance, datetime(2026, 1, 1, tzinfo=UTC), repository_def=defs.get_repository_def()
) as context:
    print(*(request.partition_key for request in schedule.evaluate_tick(context).run_requests))
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(records=60, page_size=20, tenants=2, latency=0.05) as simulator:
        yield simulator


@pytest.fixture
def environment(simulator: Simulator, tmp_path: Path) -> dict[str, str]:
    """A copy of the examples with the plugins installed, and what an orchestrator's tasks need to find it."""
    project = tmp_path / "project"
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns(".meltano", "output"))
    meltano_yml = project / "meltano.yml"
    meltano_yml.write_text(meltano_yml.read_text().replace("pip_url: -e ..", f"pip_url: -e {ROOT}"))
    config = simulator.config
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv-meltano' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "MELTANO_PROJECT_ROOT": str(project),
        "SERVICETITAN_TENANTS": json.dumps(config["tenants"]),
        "TAP_SERVICETITAN_ST_APP_KEY": config["st_app_key"],
        "TAP_SERVICETITAN_API_URL": config["api_url"],
        "TAP_SERVICETITAN_AUTH_URL": config["auth_url"],
        "DAGSTER_HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    }
    run(["meltano", "install"], environment)
    return environment


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, cwd=environment["MELTANO_PROJECT_ROOT"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dagster_brings_tenants_up_to_date_side_by_side(simulator: Simulator, environment: dict[str, str]) -> None:
    module = ["--module-name", "dagster_tenants"]
    due = run([f"{DAGSTER}/python", "-c", ASK_THE_SCHEDULE], environment)
    assert due.split() == ["1001", "1002"]

    project = environment["MELTANO_PROJECT_ROOT"]

    def both() -> None:
        command = [f"{DAGSTER}/dagster", "asset", "materialize", *module, "--select", "servicetitan", "--partition"]
        started = [subprocess.Popen([*command, tenant], env=environment, cwd=project) for tenant in ("1001", "1002")]
        assert [process.wait() for process in started] == [0, 0]

    assert_that_everything_arrives_and_then_only_news(simulator, environment, both)


def test_without_a_list_of_tenants_loading_says_what_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SERVICETITAN_TENANTS"}
    for wrong in ({}, {"SERVICETITAN_TENANTS": "1001"}, {"SERVICETITAN_TENANTS": "[{}]"}):
        command = [f"{DAGSTER}/python", "-c", "import dagster_tenants"]
        done = subprocess.run(
            command, env={**environment, **wrong}, cwd=HERE, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        (*_, last) = done.stderr.splitlines()
        assert last.startswith("ValueError: SERVICETITAN_TENANTS must be a JSON list of tenant_id, client_id")
        assert last in (ROOT / "docs" / "many-tenants.md").read_text()


def test_a_tenant_with_a_wrong_secret_fails_alone(environment: dict[str, str]) -> None:
    tenants = json.loads(environment["SERVICETITAN_TENANTS"])
    tenants[0] |= {"client_secret": "wrong"}
    environment["SERVICETITAN_TENANTS"] = json.dumps(tenants)
    command = [sys.executable, "-c", "import pipeline, sys; pipeline.run(sys.argv[1])"]
    project = environment["MELTANO_PROJECT_ROOT"]

    started = [
        subprocess.Popen([*command, tenant], env=environment, cwd=project, stderr=subprocess.PIPE, text=True)
        for tenant in ("1001", "1002")
    ]
    logs = [process.communicate()[1] for process in started]

    assert [process.returncode for process in started] == [1, 0], logs
    assert re.search(r"tenant 1001, streams? bookings.*: The token endpoint refused the credentials", logs[0]), logs[0]
    assert {file.name.split("-")[0] for file in Path(project).glob("output/1002/*.jsonl")} == set(STREAMS)


def test_airflow_runs_a_task_for_each_tenant(simulator: Simulator, environment: dict[str, str]) -> None:
    run([f"{AIRFLOW}/airflow", "db", "migrate"], environment)
    file = f"{environment['MELTANO_PROJECT_ROOT']}/airflow_tenants.py"
    command = [f"{AIRFLOW}/airflow", "dags", "test", "servicetitan", "--dagfile-path", file]

    assert_that_everything_arrives_and_then_only_news(simulator, environment, lambda: run(command, environment))


def assert_that_everything_arrives_and_then_only_news(
    simulator: Simulator, environment: dict[str, str], run_all: Callable[[], object]
) -> None:
    output = Path(environment["MELTANO_PROJECT_ROOT"]) / "output"
    for number in (60, 15):
        run_all()
        files = list(output.glob("*/*.jsonl"))
        arrived = Counter(
            (file.parent.name, file.name.split("-")[0]) for file in files for _ in file.read_text().splitlines()
        )
        assert arrived == {(tenant, stream): number for tenant in ("1001", "1002") for stream in STREAMS}
        for file in files:
            file.unlink()
        simulator.advance(minutes=60, new=10, changed=5)

    states = run(["meltano", "--environment=dev", "state", "list"], environment)
    assert sorted(states.split()) == [f"dev:tap-servicetitan-to-target-jsonl:{tenant}" for tenant in ("1001", "1002")]

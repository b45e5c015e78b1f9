"""The ways to install the tap, each from nothing: `make test-install`, which takes some minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from helpers.targets import LOADERS, ROOT

from tap_servicetitan.simulator import Simulator

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
UV = Path(sys.executable).parent / "uv"
SELECT = ["bookings.*", "customers.*"]

Run = Callable[..., str]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution unless the environment variable WHEEL names one."""
    if given := os.environ.get("WHEEL"):
        return Path(given).resolve()
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--out-dir", directory, ROOT], check=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture
def run(tmp_path: Path, wheel: Path) -> Run:
    """Run a command where the checkout is out of sight, and return what it prints; a failure shows its log."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    environment = {
        **surroundings,
        "UV_FIND_LINKS": str(wheel.parent),  # in place of the index that a release is published to
        "UV_PYTHON_DOWNLOADS": "never",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }

    def run(*command: str | Path, **variables: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env={**environment, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.mark.parametrize("repository", ["", "https://github.com/owner/name"])
def test_page_on_pypi_has_no_relative_link_or_picture(tmp_path: Path, repository: str) -> None:
    environment = {**os.environ, "REPOSITORY": repository}
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT], env=environment, check=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as content:
        (name,) = [name for name in content.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = content.read(name).decode()

    assert "Description-Content-Type: text/markdown" in metadata
    targets = re.findall(r"\]\(([^)]+)\)", metadata)
    assert len(targets) > 3
    assert [target for target in targets if not target.startswith("https://")] == []
    assert re.findall(r"!\[[^\]]*\]\((.*)\)", metadata) == (
        [f"{repository}/raw/main/docs/{name}.svg" for name in ("demo", "page")] if repository else []
    )


def test_wheel_installed_by_pip_brings_tap_and_simulator(tmp_path: Path, run: Run, wheel: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python, tap = tmp_path / "venv" / "bin" / "python", tmp_path / "venv" / "bin" / "tap-servicetitan"
    run(python, "-m", "pip", "install", "--quiet", wheel)

    assert run(tap, "--version").startswith("tap-servicetitan v0.")
    assert json.loads(run(tap, "--about", "--format=json"))["name"] == "tap-servicetitan"
    assert run(python, "-c", "import tap_servicetitan as tap; print(tap.__file__)").startswith(str(tmp_path))
    getting_started = (ROOT / "docs" / "getting-started.md").read_text()
    (where,) = re.findall(r'python -c "(from importlib.resources .*)"', getting_started)
    assert Path(run(python, "-c", where).strip()).read_text().startswith("# For `meltano add --from-ref`")
    with installed_simulator(python) as config:
        (tmp_path / "config.json").write_text(json.dumps({**config, "requests_per_second": 10_000}))
        catalog = json.loads(run(tap, "--config", "config.json", "--discover"))
        lines = run(tap, "--config", "config.json").splitlines()
    streams = {entry["tap_stream_id"] for entry in catalog["streams"]}
    messages = [json.loads(line) for line in lines]
    assert len(streams) > 160
    assert {message["stream"] for message in messages if message["type"] == "RECORD"} <= streams
    assert sum(message["type"] == "RECORD" and message["stream"] == "bookings" for message in messages) == 3


def test_type_checkers_find_the_types_of_the_installed_wheel(tmp_path: Path, run: Run, wheel: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    (tmp_path / "typed.py").write_text((ROOT / "tests" / "project" / "typed.py").read_text())

    mypy = (Path(sys.executable).parent / "mypy", "--strict", "--python-executable", python, "typed.py")
    assert run(*mypy).startswith("Success: no issues found")


@contextmanager
def installed_simulator(python: Path) -> Iterator[dict[str, Any]]:
    """Start the simulator of an installed tap; yield the settings that it offers to a tap."""
    command = [str(python.with_name("servicetitan-simulator")), "--port=0", "--records=3", "--rate-limit=0"]
    with subprocess.Popen(command, cwd=python.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        (url,) = re.findall(r"(http\S+/simulator/config)", process.stdout.readline())
        try:
            assert "</html>" in requests.get(url.replace("simulator/config", ""), timeout=10).text
            yield requests.get(url, timeout=10).json()
        finally:
            process.terminate()


def test_uvx_runs_the_wheel(run: Run, wheel: Path) -> None:
    assert run(UV, "tool", "run", "--from", wheel, "tap-servicetitan", "--version").startswith("tap-servicetitan v0.")


def test_pipx_runs_the_wheel(tmp_path: Path, run: Run, wheel: Path) -> None:
    pipx = (UV, "tool", "run", "pipx", "run", "--spec", wheel)

    assert run(*pipx, "tap-servicetitan", "--version", PIPX_HOME=str(tmp_path / "pipx")).startswith(
        "tap-servicetitan v0."
    )


def test_fresh_meltano_project_takes_the_definition_and_runs(tmp_path: Path, run: Run, wheel: Path) -> None:
    project = tmp_path / "project"

    def meltano(*arguments: str) -> str:
        return run(MELTANO, "--cwd", project, *arguments)

    run(MELTANO, "init", "project")
    with zipfile.ZipFile(wheel) as content:
        definition = content.extract("tap_servicetitan/plugin.yml", tmp_path)
    meltano("add", "--plugin-type", "extractor", "tap-servicetitan", "--from-ref", definition)
    target = tmp_path / "target.yml"
    target.write_text(yaml.safe_dump({**LOADERS["target-jsonl"], "variant": "original"}))
    meltano("add", "--plugin-type", "loader", "target-jsonl", "--from-ref", str(target))
    with Simulator(records=30, rate_limit=0) as simulator:
        for name, value in simulator.config.items():
            meltano("config", "set", "tap-servicetitan", name, value)
        meltano("config", "set", "tap-servicetitan", "_select", json.dumps(SELECT))
        meltano("config", "set", "target-jsonl", "destination_path", str(tmp_path))

        assert "Plugin configuration is valid" in meltano("config", "test", "tap-servicetitan")
        assert re.search(r"\[selected +\] bookings.address", meltano("select", "tap-servicetitan", "--list"))
        meltano("run", "tap-servicetitan", "target-jsonl")
        assert loaded(tmp_path) == {"bookings": 30, "customers": 30}
        simulator.advance(new=2, changed=1)
        meltano("run", "tap-servicetitan", "target-jsonl")
        assert loaded(tmp_path) == {"bookings": 33, "customers": 33}


def test_readmes_way_to_a_meltano_project_of_ones_own_leads_to_records(tmp_path: Path, run: Run) -> None:
    (block,) = re.findall(r"```shell\n(TAP=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    target = tmp_path / "target.yml"  # in place of the Meltano Hub, which a test does not use
    settings = [{"name": "destination_path", "value": "output"}]
    target.write_text(yaml.safe_dump({**LOADERS["target-jsonl"], "variant": "original", "settings": settings}))
    with Simulator(records=30, rate_limit=0) as simulator:
        for placeholder, value in {
            "/path/to/tap-servicetitan": str(ROOT),
            "cid.…": simulator.config["client_id"],
            "cs2.…": simulator.config["client_secret"],
            "ak1.…": simulator.config["st_app_key"],
            "add target-jsonl": f"add --plugin-type loader target-jsonl --from-ref {target}",
        }.items():
            assert placeholder in block
            block = block.replace(placeholder, value)
        path = f"{MELTANO.parent}{os.pathsep}{os.environ['PATH']}"
        urls = {f"TAP_SERVICETITAN_{name.upper()}": simulator.config[name] for name in ("api_url", "auth_url")}

        log = run("bash", "-euc", block, PATH=path, **urls)

    assert "Plugin configuration is valid" in log
    assert loaded(tmp_path / "my-project" / "output") == {"bookings": 30, "customers": 30}
    assert "cs2" not in (tmp_path / "my-project" / "meltano.yml").read_text()


def test_readmes_commands_without_meltano_load_a_first_run_and_the_next(tmp_path: Path, run: Run) -> None:
    section = (ROOT / "README.md").read_text().partition("**Without Meltano**")[2].partition("\n## ")[0]
    install, first, later = re.findall(r"```shell\n(.*?)```", section, re.DOTALL)
    run("bash", "-euc", install.replace("install .", f"install {ROOT}"))
    with Simulator(records=3, page_size=2, rate_limit=0) as simulator:
        (tmp_path / "config.json").write_text(json.dumps({**simulator.config, "requests_per_second": 10_000}))
        run("bash", "-euo", "pipefail", "-c", first)
        assert loaded(tmp_path)["bookings"] == 3
        state = json.loads((tmp_path / "state.json").read_text())
        simulator.advance(new=2, changed=1)
        run("bash", "-euo", "pipefail", "-c", later)
    assert loaded(tmp_path)["bookings"] == 3 + 2 + 1
    assert json.loads((tmp_path / "state.json").read_text()) != state


def test_demo_leaves_alone_what_a_user_has_made_of_meltano_yml(tmp_path: Path, run: Run) -> None:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    (tap,), loaders = project["plugins"]["extractors"], project["plugins"]["loaders"]
    credentials = [{"tenant_id": str(number), "client_id": "cid.own", "client_secret": "cs2.own"} for number in (7, 8)]
    own = {"st_app_key": "ak1.own", "tenants": credentials, "start_date": "2026-06-01"}
    tap.update(pip_url=f"-e {ROOT}", config=own, select=["jobs.*"])
    project["state_backend"] = {"uri": f"file://{tmp_path}/bookmarks"}
    next(loader for loader in loaders if loader["name"] == "target-duckdb")["config"]["default_target_schema"] = "own"
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    warehouse = tmp_path / "output" / "warehouse.duckdb"
    warehouse.parent.mkdir()
    warehouse.write_bytes(b"a year's work")

    log = run(sys.executable, ROOT / "scripts" / "demo.py", "--meltano", MELTANO)

    assert "Every record that the simulator holds is in output/demo.duckdb" in log
    assert warehouse.read_bytes() == b"a year's work"
    assert not (tmp_path / "bookmarks").exists()


def loaded(directory: Path) -> Counter[str]:
    """Count the records of each stream."""
    files = directory.glob("*.jsonl")
    return Counter(file.name.split("-")[0] for file in files for _ in file.read_text().splitlines())

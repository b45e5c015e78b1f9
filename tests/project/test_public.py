"""What is public stays: names to import, commands, types. `typed.py` beside this file is for mypy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tap_servicetitan
from tap_servicetitan import tap


def test_package_offers_the_tap_by_name() -> None:
    assert tap_servicetitan.TapServiceTitan is tap.TapServiceTitan
    with pytest.raises(AttributeError, match="no attribute 'TapServicetitan'"):
        _ = tap_servicetitan.TapServicetitan


def test_package_says_that_it_has_types() -> None:
    assert (Path(tap_servicetitan.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("module", ["tap_servicetitan.simulator", "tap_servicetitan.endpoints.table"])
def test_simulator_and_facts_are_imported_without_the_sdk(module: str) -> None:
    code = f"import sys, {module}; print(sorted(name for name in sys.modules if name == 'singer_sdk'))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tap_servicetitan", "--version"], "tap-servicetitan v"),
        (["tap_servicetitan.simulator", "--help"], "--records"),
        (["tap_servicetitan.schemas", "--help"], "--check"),
    ],
)
def test_each_module_that_is_a_command_runs(arguments: list[str], says: str) -> None:
    run = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)

    assert (run.returncode, says in run.stdout) == (0, True), run.stderr

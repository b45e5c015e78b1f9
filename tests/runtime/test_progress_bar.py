"""The bar of commands that take long: on a terminal, and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest
from helpers.support import TAP, config_of, selecting

from tap_servicetitan.simulator import Simulator


def stderr_on_a_terminal(*command: str) -> str:
    """Return what a command writes to a terminal; its stdout goes elsewhere."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 4096):
            written += part
    except OSError:  # Linux has no end of file here
        pass
    os.close(ours)
    process.wait()
    return written.decode()


@pytest.fixture
def options(simulator: Simulator, tmp_path: Path) -> list[str]:
    config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
    config.write_text(json.dumps(config_of(simulator)))
    catalog.write_text(json.dumps(selecting("bookings", "leads")))
    return ["--config", str(config), "--catalog", str(catalog)]


@pytest.mark.parametrize("arguments", [["--check-access"], []], ids=["check-access", "run"])
def test_progress_is_shown_on_a_terminal(options: list[str], arguments: list[str]) -> None:
    written = stderr_on_a_terminal(TAP, *options, *arguments)

    assert "Streams:   0%" in written
    assert "2 of 2, 00:00 left" in written


def test_log_of_a_run_is_above_the_bar(options: list[str]) -> None:
    written = stderr_on_a_terminal(TAP, *options)

    lines = [line.rpartition("\r")[2] for line in written.replace("\r\n", "\n").splitlines()]
    assert [line for line in lines if "INFO" in line] == [line for line in lines if line[:2] == "20"]


@pytest.mark.parametrize("arguments", [["--check-access"], []], ids=["check-access", "run"])
def test_progress_is_not_shown_elsewhere(options: list[str], arguments: list[str]) -> None:
    done = subprocess.run([TAP, *options, *arguments], capture_output=True, text=True, check=True)

    assert "Streams" not in done.stderr
    assert "left" not in done.stderr

"""Runs that end early: by a signal, or because nobody reads the output."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.support import (
    Tap,
    config_of,
    started_tap,
    wait_for,
)

from tap_servicetitan.simulator import Simulator


@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&-", 1)])
def test_run_works_without_stderr_and_fails_without_stdout(
    tap: Tap, simulator: Simulator, closed: str, code: int
) -> None:
    command = shlex.join(tap.command(config_of(simulator))) + f" {closed}"

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert bool(done.stdout) == (code == 0)
    assert "Traceback" not in done.stderr
    assert not done.stderr or "There is no stdout to write to." in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_ends_the_run_at_once_with_a_last_state_even_while_requests_hang(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    simulator = simulate(page_size=10)
    simulator.misbehave("hang", after=20, times=None, seconds=60)
    process, stop = started_tap(tap.command(config_of(simulator)), tmp_path)
    wait_for(lambda: hanging(simulator))
    started = time.monotonic()
    process.send_signal(number)

    run = stop()
    assert time.monotonic() - started < 2
    assert run.code == code
    assert run.messages[-1]["type"] == "STATE"
    assert f"Stopped by {number.name}" in run.log
    assert "Traceback" not in run.log
    for stream, count in run.counts().items():
        assert count == 10 * len(set(run.tokens(stream)))


def test_signal_ends_the_run_at_once_even_while_the_target_does_not_read(
    tap: Tap, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=1000)
    process = subprocess.Popen(tap.command(config_of(simulator)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(simulator.requests) > 6)
    started = time.monotonic()
    process.terminate()

    assert process.wait(timeout=10) == 143
    assert time.monotonic() - started < 2
    process.communicate()


def test_target_that_goes_away_stops_everything_at_once(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=2000, page_size=50, latency=0.01)
    process = subprocess.Popen(tap.command(config_of(simulator)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(50_000)
    process.stdout.close()
    started = time.monotonic()
    assert process.stderr is not None
    log = process.stderr.read().decode()
    code = process.wait(timeout=10)
    process.stderr.close()

    assert time.monotonic() - started < 3
    assert code == 1
    assert "The target closed its input" in log
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def hanging(simulator: Simulator) -> bool:
    """Return whether all answers have arrived that will."""
    return len(simulator.requests) >= 20

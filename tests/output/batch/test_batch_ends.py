"""BATCH files of runs that end early: what is held back is written, and the bookmark moves behind it."""

from __future__ import annotations

import gzip
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Tap, config_of, run_here, started_tap, wait_for

from tap_servicetitan.output.batch import batch_writer
from tap_servicetitan.simulator import Simulator


def batches(folder: Path) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}, "batch_size": 10_000}}


def rows(folder: Path) -> int:
    return sum(len(gzip.decompress(file.read_bytes()).splitlines()) for file in folder.iterdir())


def test_batches_of_a_stream_that_fails_hold_the_pages_before(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(page_size=10, records=60)
    simulator.misbehave("redirect", stream="bookings", after=3, times=None)

    run = run_here(config_of(simulator, **batches(tmp_path)), "bookings")

    assert run.code == 1
    assert len(run.of_type("BATCH")) == 1
    assert rows(tmp_path) == 30
    assert run.bookmark("bookings")["continue_from"]


def test_batches_of_a_run_that_a_signal_ends_hold_the_pages_before(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(page_size=10, records=60)
    simulator.misbehave("hang", stream="bookings", after=3, times=None, seconds=60)
    files = tmp_path / "files"
    files.mkdir()
    process, stop = started_tap(tap.command(config_of(simulator, **batches(files))), tmp_path)
    wait_for(lambda: sum(request.stream == "bookings" for request in simulator.requests) >= 3)
    process.send_signal(signal.SIGTERM)

    run = stop()

    assert run.code == 143
    assert [one["stream"] for one in run.of_type("BATCH")].count("bookings") == 1
    assert run.messages[-1]["type"] == "STATE"
    assert run.bookmark("bookings")["continue_from"]


def test_batches_are_closed_after_some_time(
    simulate: Callable[..., Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = simulate(page_size=10, records=60)
    monkeypatch.setattr(batch_writer, "MAX_HELD_SECONDS", 0.0)

    run = run_here(config_of(simulator, **batches(tmp_path)), "bookings")

    assert len(run.of_type("BATCH")) == 6

"""The last line of a run is STATE: target-jsonl passes on no STATE that is followed by a record."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Output, Tap, bookmark, config_of, run_here, selecting, started_tap, wait_for
from helpers.targets import Jsonl, MeltanoProject, Pipeline

from tap_servicetitan.simulator import Simulator

STREAMS = ("bookings", "payment_types")
"""A stream with a bookmark, then one that is read in full, which changes nothing in STATE."""

FAILING = "tag_types"
"""A stream that is read after these."""

PATHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {}}},
    "mapped": {"stream_maps": {"*": {"added": "'x'"}}},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 5},
    "activated": {"emit_activate_version_messages": True},
}


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings that decide in which form records are written."""
    settings: dict[str, Any] = PATHS[request.param]
    if "batch_config" in settings:
        storage = {"root": (tmp_path / "batches").as_uri()}
        return {"batch_config": {**settings["batch_config"], "storage": storage}}
    return settings


def ends_with_state(run: Output) -> bool:
    """Whether STATE follows the last record, and is the one with all bookmarks."""
    kinds = [message["type"] for message in run.messages]
    assert {"RECORD", "BATCH"} & set(kinds)
    return kinds[-1] == "STATE" and bool(run.bookmark("bookings")["continue_from"])


@pytest.mark.parametrize("concurrency", [1, 8])
def test_last_line_is_state_in_a_first_and_a_second_run(
    simulate: Callable[..., Simulator], path: dict[str, Any], concurrency: int
) -> None:
    config = config_of(simulate(), concurrency=concurrency, **path)

    first = run_here(config, *STREAMS)
    second = run_here(config, *STREAMS, state=first.state)

    assert (first.code, second.code) == (0, 0), first.log + second.log
    assert ends_with_state(first)
    assert ends_with_state(second)
    assert bookmark(second.state, "bookings") == bookmark(first.state, "bookings")


def test_last_line_is_state_after_a_stream_that_failed(simulator: Simulator, path: dict[str, Any]) -> None:
    simulator.misbehave("redirect", stream=FAILING, times=None)

    run = run_here(config_of(simulator, concurrency=1, **path), *STREAMS, FAILING)

    assert run.code == 1
    assert len(run.records("payment_types") or run.batched("payment_types")) == 60
    assert ends_with_state(run)


def test_last_line_is_state_after_a_signal(
    tap: Tap, simulator: Simulator, path: dict[str, Any], tmp_path: Path
) -> None:
    simulator.misbehave("hang", stream=FAILING, times=None, seconds=60)
    command = tap.command(config_of(simulator, concurrency=1, **path), catalog=selecting(*STREAMS, FAILING))
    process, stop = started_tap(command, tmp_path)
    wait_for(lambda: any(request.stream == FAILING for request in simulator.requests))
    process.send_signal(signal.SIGTERM)

    run = stop()

    assert run.code == 128 + signal.SIGTERM
    assert len(run.records("payment_types") or run.batched("payment_types")) == 60
    assert ends_with_state(run)


def test_target_jsonl_passes_on_the_bookmarks_of_a_run_that_ends_with_a_full_table(
    tap: Tap, simulator: Simulator, tmp_path: Path
) -> None:
    pipeline = Pipeline(tap, Jsonl(tmp_path), tmp_path)

    for _ in range(3):
        pipeline.run(config_of(simulator, concurrency=1), selecting(*STREAMS))

        assert pipeline.state
        assert bookmark(pipeline.state, "bookings")["continue_from"]
    exports = [request for request in simulator.requests if request.stream == "bookings"]
    assert len(exports) == 3 + 1 + 1


@pytest.mark.timeout(300)
def test_meltano_goes_on_from_the_bookmarks_of_target_jsonl(simulator: Simulator, tmp_path: Path) -> None:
    config = config_of(simulator, concurrency=1)
    project = MeltanoProject(tmp_path, config, select=[f"{stream}.*" for stream in STREAMS])

    logs = [project.run("target-jsonl") for _ in range(3)]

    assert ["No state was found" in log for log in logs] == [True, False, False]
    exports = [request for request in simulator.requests if request.stream == "bookings"]
    assert len(exports) == 3 + 1 + 1

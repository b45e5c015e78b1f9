"""BATCH files: they have every record, and STATE covers only these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from helpers.support import (
    FEEDS,
    Tap,
    bookmark,
    config_of,
    plain,
    started_tap,
    unpacked,
    wait_for,
)

from tap_servicetitan.simulator import Simulator

BATCH = {"encoding": {"format": "jsonl", "compression": "gzip"}, "batch_size": 25}


def test_batches_have_every_record_and_state_covers_written_files_only(
    tap: Tap, simulator: Simulator, tmp_path: Path
) -> None:
    storage = {"root": f"file://{tmp_path}/batches"}

    run = tap(config_of(simulator, batch_config={**BATCH, "storage": storage}))

    assert run.code == 0
    assert not run.of_type("RECORD")
    for stream in FEEDS:
        assert list(map(plain, run.batched(stream))) == simulator.records(stream)
    out: Counter[str] = Counter()
    for message in run.messages:
        if message["type"] == "BATCH":
            out[message["stream"]] += sum(1 for _ in unpacked(message["manifest"]))
        if message["type"] == "STATE":
            for stream in message["value"]["bookmarks"]:
                covered = list(dict.fromkeys(run.tokens(stream))).index(
                    bookmark(message["value"], stream)["continue_from"]
                )
                assert out[stream] >= (40, 60)[covered]


def test_stopped_run_with_batches_resumes_without_loss(
    tap: Tap, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(page_size=10)
    simulator.misbehave("hang", after=20, times=None, seconds=30)
    storage = {"root": f"file://{tmp_path}/batches"}
    config = config_of(simulator, batch_config={**BATCH, "storage": storage})
    process, stop = started_tap(tap.command(config), tmp_path)
    wait_for(lambda: len(simulator.requests) >= 20)
    process.terminate()
    first = stop()
    simulator.behave()

    second = tap(config, state=first.states[-1] if first.states else {})

    assert first.code == 143
    assert second.code == 0
    for stream in FEEDS:
        got = [record["id"] for record in first.batched(stream) + second.batched(stream)]
        assert set(got) == {record["id"] for record in simulator.records(stream)}

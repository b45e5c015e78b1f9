"""The executable, ended at random points: the runs together write every record, and few of them twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Output, Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator

PAGE = 10
BATCH = 25
FEEDS = ("bookings", "customers", "leads")
STREAMS = (*FEEDS, "zones", "customer_notes")
SAMPLE = 6
"""Runs that are ended, without --long, before one may run to its end."""
WITHOUT_END = 10**9
ENDS = ("SIGKILL", "SIGTERM", "closed stdout")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(30 if metafunc.config.getoption("--long") else 1))


@pytest.mark.parametrize(
    ("batches", "concurrency"),
    [
        pytest.param(False, 1, id="plain-1", marks=pytest.mark.long),
        pytest.param(False, 8, id="plain-8", marks=pytest.mark.long),
        pytest.param(True, 1, id="batch-1", marks=pytest.mark.long),
        pytest.param(True, 8, id="batch-8"),
    ],
)
def test_run_that_is_ended_at_any_moment_resumes_from_its_last_state_and_loses_nothing(  # noqa: PLR0913 -- the varied conditions
    tap: Tap,
    simulate: Callable[..., Simulator],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    *,
    concurrency: int,
    batches: bool,
    seed: int,
    long: bool,
) -> None:
    simulator = simulate(records=50, page_size=PAGE, tenants=2, latency=0.002, seed=seed)
    config = config_of(simulator, concurrency=concurrency)
    if batches:
        storage = {"root": f"file://{tmp_path}"}
        encoding = {"format": "jsonl", "compression": "gzip"}
        config["batch_config"] = {"encoding": encoding, "storage": storage, "batch_size": BATCH}
    rng = random.Random(f"{seed} {concurrency} {batches}")
    at_once = BATCH + PAGE if batches else PAGE
    state: dict[str, Any] = {}
    got: Counter[tuple[str, str]] = Counter()
    ended: str | None = ""
    runs = 0
    while ended is not None:
        end = rng.choice(ENDS)
        size = rng.randrange(12_000 if batches else 100_000) if long or runs < SAMPLE else WITHOUT_END
        run, ended = ended_by(end, tap.command(config, state=state, catalog=selecting(*STREAMS)), size, rng)
        runs += 1
        new = Counter(records(run))
        repeated = Counter(key[0] for key in new if got[key])
        assert all(count == 1 for count in new.values())
        assert all(repeated[f"{stream} {tenant}"] <= at_once for stream in FEEDS for tenant in simulator.tenants)
        got += new
        state = run.states[-1] if run.states else state

    record_property("ended", runs - 1)
    assert runs > 1
    assert set(got) == {
        (f"{stream} {tenant}", json.dumps(record, sort_keys=True))
        for stream in STREAMS
        for tenant in simulator.tenants
        for record in simulator.records(stream, tenant)
    }


def records(run: Output) -> list[tuple[str, str]]:
    """Return the records of a run: stream and tenant, and the record as the API sent it."""
    written = [(stream, record) for stream in STREAMS for record in run.records(stream) + run.batched(stream)]
    return [(f"{stream} {record.pop('tenant_id')}", json.dumps(record, sort_keys=True)) for stream, record in written]


def ended_by(end: str, command: list[str], size: int, rng: random.Random) -> tuple[Output, str | None]:
    """Run the tap and end it after that many bytes of output; return None with its output if it ended by itself."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    with process.stdout as stdout:
        got, chunk = b"", b"-"
        while len(got) < size and (chunk := os.read(stdout.fileno(), rng.randrange(1, 8192))):
            got += chunk
        time.sleep(rng.choice([0, rng.random() / 50]))
        if end != "closed stdout":
            process.send_signal(signal.Signals[end])
            got += stdout.read()
    code = process.wait(timeout=20)
    assert code in {0, {"SIGKILL": -9, "SIGTERM": 143, "closed stdout": 1}[end]} or (end == "SIGTERM" and not got)
    lost = end == "closed stdout" and chunk  # what it may have written into the closing pipe
    return Output(code, got.decode(errors="ignore"), ""), end if code or lost else None

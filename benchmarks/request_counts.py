"""Requests of a first run, of one with nothing new and of one with few changes: `python benchmarks/request_counts.py` (two minutes).

The simulator has a hundredth of a tenant of 226,000 jobs. ``--before`` names another version to put beside it, by git
revision or by the directory of its checkout: ``python benchmarks/request_counts.py --before v0.1.0``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Export, Listing, Nested, Window
from tap_servicetitan.simulator import Simulator

CHECKOUT = Path(__file__).parents[1]

SIZES = {"jobs": 226_588, "estimates": 220_464, "payments": 192_856, "invoices": 172_833, "customers": 74_124}
"""Records of a real tenant after five years; the other streams have OTHERS each, which is assumed."""
OTHERS = 50_000
CHANGED = 0.002
"""Part of the records that changed: a few hundred of 200,000, as in a week of that tenant."""
MAX_LOGGED = 100_000
"""Requests that the simulator remembers."""


@dataclass(frozen=True)
class Row:
    """Streams whose requests are counted together."""

    name: str
    has: Callable[[Endpoint], bool]
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def streams(self) -> list[Endpoint]:
        """The entries of the table."""
        return [endpoint for endpoint in table.TABLE if self.has(endpoint)]


def _windows(endpoint: Endpoint) -> bool:
    return isinstance(endpoint, Window)


UNUSED = {endpoint.name: 0 for endpoint in table.TABLE if _windows(endpoint)}

ROWS = (
    Row("feeds", lambda one: isinstance(one, Export)),
    Row("listings by date", lambda one: isinstance(one, Listing) and one.replication_key is not None),
    Row("listings read in full", lambda one: isinstance(one, Listing) and one.replication_key is None),
    Row("nested, changed parents", lambda one: isinstance(one, Nested) and one.nested_parents == "changed"),
    Row("nested, all parents", lambda one: isinstance(one, Nested) and one.nested_parents == "all"),
    Row("windows, marketing not used", _windows, UNUSED),
    Row("windows, marketing used", _windows),
    Row("other", lambda one: not isinstance(one, (Export, Listing, Nested, Window))),
)


class Version:
    """A version of the tap."""

    def __init__(self, name: str, checkout: Path, directory: Path) -> None:
        """Take a version.

        Args:
            name: A head of the table.
            checkout: Where its code is.
            directory: For the files of its runs.
        """
        self.name = name
        self._checkout = checkout
        self._directory = directory

    def run(self, simulator: Simulator, streams: list[str], state: Path | None) -> Path:
        """Run it, and return the file of its last STATE."""
        config = {**simulator.config, "requests_per_second": 100_000, "log_interval": 0}
        config_file, catalog_file = self._file("config", config), self._directory / "catalog.json"
        if not catalog_file.exists():
            catalog_file.write_text(self._output("--config", str(config_file), "--discover"))
        catalog = json.loads(catalog_file.read_text())
        for entry in catalog["streams"]:
            (root,) = [item["metadata"] for item in entry["metadata"] if not item["breadcrumb"]]
            root["selected"] = entry["tap_stream_id"] in streams
        options = ["--config", str(config_file), "--catalog", str(self._file("selected", catalog))]
        output = self._output(*options, *(["--state", str(state)] if state else []))
        states = [line for line in output.splitlines() if line.startswith('{"type":"STATE"')]
        return self._file("state", json.loads(states[-1])["value"])

    def _file(self, name: str, content: Any) -> Path:
        path = self._directory / f"{name}.json"
        path.write_text(json.dumps(content))
        return path

    def _output(self, *options: str) -> str:
        # The working directory comes before the installed package, also in processes of other versions.
        command = [sys.executable, "-m", "tap_servicetitan", *options]
        ran = subprocess.run(command, cwd=self._checkout, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(ran.stderr)
        return ran.stdout


def counts(version: Version, row: Row, scale: float) -> list[int]:
    """Return the requests of a first run, of one with nothing new, and of one with changes."""
    sizes = {name: ceil(number * scale) for name, number in SIZES.items()} | dict(row.sizes)
    others = ceil(OTHERS * scale)
    names = [endpoint.name for endpoint in row.streams]
    parents = {endpoint.parent for endpoint in row.streams if isinstance(endpoint, Nested)}
    found: list[int] = []
    with Simulator(records=others, sizes=sizes, page_size=1000, rate_limit=0) as simulator:
        state, before = None, 0
        for number in range(3):
            if number == 2:  # noqa: PLR2004 -- the third run
                for name in {*names, *parents}:
                    changed = ceil(sizes.get(name, others) * CHANGED)
                    simulator.advance(minutes=20, new=0, changed=changed, stream=name)
            state = version.run(simulator, names, state)
            total = sum(1 for request in simulator.requests if request.stream)
            assert len(simulator.requests) < MAX_LOGGED, "take a smaller --scale"  # noqa: S101 -- ends the script
            found.append(total - before)
            before = total
    return found


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Yield the directory of a version, which is checked out meanwhile unless it is one."""
    if Path(revision).is_dir():
        yield Path(revision).resolve()
        return
    git = ["git", "-C", str(CHECKOUT), "worktree"]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "checkout")
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), revision], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def main() -> None:
    """Count and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.01, help="size of the tenant, of 226,588 jobs (default: 0.01)")
    parser.add_argument("--before", metavar="REVISION", help="another version, or the directory of its checkout")
    parser.add_argument("--only", choices=[row.name for row in ROWS], help="count these streams alone")
    options = parser.parse_args()
    rows = [row for row in ROWS if options.only in {None, row.name}]
    with tempfile.TemporaryDirectory() as directory, checkout(options.before or str(CHECKOUT)) as before:
        versions = [Version("now", CHECKOUT, Path(directory, "now"))]
        if options.before:
            versions.insert(0, Version("before", before, Path(directory, "before")))
        for version in versions:
            Path(directory, version.name).mkdir()
        heads = [f"{run}{f', {one.name}' * bool(options.before)}" for run in ("first run", "nothing new", "0.2 % changed")
                 for one in versions]  # fmt: skip
        print(f"| | streams | {' | '.join(heads)} |\n| --- | ---: |{' ---: |' * len(heads)}", flush=True)
        sums = [0] * len(heads)
        for row in rows:
            figures = [figure for each in zip(*(counts(one, row, options.scale) for one in versions), strict=True)
                       for figure in each]  # fmt: skip
            sums = [total + figure for total, figure in zip(sums, figures, strict=True)]
            print(f"| {row.name} | {len(row.streams)} | {' | '.join(f'{each:,}' for each in figures)} |", flush=True)
        print(f"| all | | {' | '.join(f'{each:,}' for each in sums)} |")


if __name__ == "__main__":
    main()

"""CPU time, wall time and memory of the tap, beside a plain script and beside its own slow path.

``python benchmarks/throughput.py --help`` lists the options; ``benchmarks/README.md`` explains the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TAP = str(Path(sys.executable).parent / "tap-servicetitan")
PAGE_SIZE = 1000


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu: float
    """Seconds, user and system."""

    wall: float
    """Seconds."""

    peak: float
    """Megabytes."""


@dataclass(frozen=True)
class Contestant:
    """A way to read the feed."""

    name: str
    settings: dict[str, object] | None
    """The tap's, beside the common ones; None for the plain script."""

    unknown: int = 0
    """Fields of each record that the schema lacks."""

    def command(self, api_url: str, auth_url: str, directory: Path, catalog: Path) -> list[str]:
        """Return the command line that reads a feed."""
        if self.settings is None:
            return [sys.executable, str(HERE / "plain_script.py"), api_url]
        config = directory / "config.json"
        config.write_text(json.dumps({**common_settings(api_url, auth_url), **self.settings}))
        return [TAP, "--config", str(config), "--catalog", str(catalog)]


CONTESTANTS = (
    Contestant("tap", {}),
    Contestant("plain script", None),
    # Flattening that is on and goes no level deep: the SDK's way for every record, and nothing else.
    Contestant("3 unknown, warn", {"unknown_fields": "warn"}, unknown=3),
    Contestant("3 unknown, keep", {"unknown_fields": "keep"}, unknown=3),
    Contestant("tap, slow path", {"flattening_enabled": True, "flattening_max_depth": 0}),
)


def common_settings(api_url: str, auth_url: str) -> dict[str, object]:
    """Return the tap's settings, without a rate limit of its own."""
    return {
        "tenant_id": "1001",
        "client_id": "benchmark",
        "client_secret": "benchmark",
        "st_app_key": "benchmark",
        "api_url": api_url,
        "auth_url": auth_url,
        "requests_per_second": 100_000,
    }


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Start the server in a process of its own, and yield its URL."""
    with subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 -- narrows
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def bookings_only(directory: Path) -> Path:
    """Discover the catalog, and select bookings alone."""
    config = directory / "discovery.json"
    config.write_text(json.dumps(common_settings("http://127.0.0.1", "http://127.0.0.1")))
    command = [TAP, "--config", str(config), "--discover"]
    catalog = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for stream in catalog["streams"]:
        (root,) = [entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"]]
        root["selected"] = stream["tap_stream_id"] == "bookings"
    path = directory / "catalog.json"
    path.write_text(json.dumps(catalog))
    return path


def measured(command: list[str], log: Path) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises:
        SystemExit: It failed.
    """
    with Path(os.devnull).open("wb") as nowhere, log.open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=nowhere, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(log.read_text())
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=300_000, help="records of a run (default: 300,000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, taking turns (default: 5)")
    parser.add_argument(
        "--unknown-fields", action="store_true", help="compare the tap with three unknown fields a record"
    )
    parser.add_argument("--only", help="measure this one alone", choices=[one.name for one in CONTESTANTS])
    options = parser.parse_args()
    group = [one for one in CONTESTANTS if one.name == "tap" or bool(one.unknown) == options.unknown_fields]
    contestants = [one for one in CONTESTANTS if one.name == options.only] if options.only else group
    idle: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    busy: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    with serving() as url, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        catalog = bookings_only(directory)
        for _ in range(options.rounds):
            for one in contestants:
                for records, costs in ((0, idle), (options.records, busy)):
                    command = one.command(f"{url}/{records}+{one.unknown}", f"{url}/token", directory, catalog)
                    costs[one.name].append(measured(command, directory / "log"))
    print(f"{options.records:,} bookings, pages of {PAGE_SIZE:,}, median of {options.rounds}; ", end="")
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs")
    report(options.records, idle, busy)


def report(records: int, idle: dict[str, list[Cost]], busy: dict[str, list[Cost]]) -> None:
    """Print the table; CPU and wall time are without start-up, which is a run of no records."""
    heads = ("", "CPU s", "x tap", "us/record", "wall s", "start-up CPU s", "peak MB")
    print("| {:<15} | {:>6} | {:>6} | {:>9} | {:>6} | {:>14} | {:>7} |".format(*heads))
    print("|".join(["", "-" * 17, *("-" * (len(head) + 1) + ":" for head in ("      "[:6], *heads[2:])), ""]))
    reference = 0.0
    for name, costs in busy.items():
        start = statistics.median(cost.cpu for cost in idle[name])
        cpu = statistics.median(cost.cpu for cost in costs) - start
        wall = statistics.median(cost.wall for cost in costs) - statistics.median(cost.wall for cost in idle[name])
        peak = max(cost.peak for cost in costs)
        reference = reference or cpu
        each = cpu / records * 1e6
        print(f"| {name:<15} | {cpu:6.2f} | {cpu / reference:6.2f} | {each:9.2f} | ", end="")
        print(f"{wall:6.2f} | {start:14.2f} | {peak:7.0f} |")


if __name__ == "__main__":
    main()

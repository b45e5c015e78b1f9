"""CPU time, wall time and memory of each way in which the tap writes records, beside two scripts.

``python benchmarks/throughput.py --help`` lists the options; ``benchmarks/README.md`` explains the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """A way to read the bookings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The tap's, beside the common ones."""

    script: str | None = None
    """A script that takes the tap's place."""

    unknown: int = 0
    """Fields of each record that the schema lacks."""

    stream: str = "bookings"

    def command(self, api_url: str, auth_url: str, directory: Path) -> list[str]:
        """Return the command line that reads them; the tap's needs :meth:`prepare` before."""
        if self.script:
            return [sys.executable, str(HERE / self.script), api_url]
        config = directory / "config.json"
        config.write_text(json.dumps({**common_settings(api_url, auth_url), **self._settings(directory)}))
        return [TAP, "--config", str(config), "--catalog", str(self._catalog(directory))]

    def prepare(self, url: str, directory: Path) -> None:
        """Discover the catalog, and select the one stream."""
        if self.script or self._catalog(directory).exists():
            return
        config = directory / "discovery.json"
        config.write_text(json.dumps({**common_settings(f"{url}/0", f"{url}/token"), **self._settings(directory)}))
        command = [TAP, "--config", str(config), "--discover"]
        catalog = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        for stream in catalog["streams"]:
            (root,) = [entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"]]
            root["selected"] = stream["tap_stream_id"] == self.stream
        self._catalog(directory).write_text(json.dumps(catalog))

    def _catalog(self, directory: Path) -> Path:
        return directory / f"catalog-{self.stream}.json"

    def _settings(self, directory: Path) -> dict[str, Any]:
        text = json.dumps(dict(self.settings)).replace("DIRECTORY", (directory / FILES).as_uri())
        settings: dict[str, Any] = json.loads(text)
        return settings


FILES = "files"
"""Folder of what BATCH writes."""


def batch(file_format: str, compression: str) -> dict[str, Any]:
    """Return the settings of BATCH."""
    encoding = {"format": file_format, "compression": compression}
    return {"batch_config": {"encoding": encoding, "storage": {"root": "DIRECTORY"}}}


SIMPLE_MAP = {
    "isFirstTimeClient": None,
    "kind": "customerType",
    "customerType": None,
    "fingerprint": "md5(modifiedOn)",
    "origin": "'ServiceTitan'",
}
REPORT = {"report_name": "bookings", "report_category": "operations", "report_id": "1", "typed": True}
FLATTENING = {"flattening_enabled": True, "flattening_max_depth": 2}

CONTESTANTS = (
    Contestant("plain script", script="plain_script.py"),
    Contestant("pass through", script="pass_through.py"),
    Contestant("plain"),
    Contestant("BATCH, no gzip", batch("jsonl", "none")),
    Contestant("BATCH, gzip", batch("jsonl", "gzip")),
    *([Contestant("BATCH, Parquet", batch("parquet", "none"))] if importlib.util.find_spec("pyarrow") else []),
    Contestant("flattening", FLATTENING),
    Contestant("map: null", {"stream_maps": {"bookings": {"isFirstTimeClient": None}}}),
    Contestant("map: simple", {"stream_maps": {"bookings": SIMPLE_MAP}}),
    Contestant("map: expression", {"stream_maps": {"bookings": {"name": "name.upper() if name else None"}}}),
    Contestant("custom report", {"custom_reports": [REPORT]}, stream="custom_report_bookings"),
)
UNKNOWN_FIELDS = (
    CONTESTANTS[0],
    CONTESTANTS[1],
    CONTESTANTS[2],
    Contestant("3 unknown, warn", {"unknown_fields": "warn"}, unknown=3),
    Contestant("3 unknown, keep", {"unknown_fields": "keep"}, unknown=3),
)


REFERENCES = {"plain script": "x script", "pass through": "x bytes", "plain": "x plain"}
"""What the others are compared with, and the heads of the columns."""


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
        "reports_per_minute": 100_000,
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
    names = dict.fromkeys(one.name for one in (*CONTESTANTS, *UNKNOWN_FIELDS))
    parser.add_argument("--only", help="measure these alone", choices=list(names), nargs="+")
    options = parser.parse_args()
    group = UNKNOWN_FIELDS if options.unknown_fields else CONTESTANTS
    contestants = [one for one in group if not options.only or one.name in options.only]
    idle: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    busy: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    with serving() as url, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for one in contestants:
            one.prepare(url, directory)
        for _ in range(options.rounds):
            for one in contestants:
                for records, costs in ((0, idle), (options.records, busy)):
                    command = one.command(f"{url}/{records}+{one.unknown}", f"{url}/token", directory)
                    costs[one.name].append(measured(command, directory / "log"))
                    shutil.rmtree(directory / FILES, ignore_errors=True)
    print(f"{options.records:,} bookings, pages of {PAGE_SIZE:,}, median of {options.rounds}; ", end="")
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs")
    report(options.records, idle, busy)


def report(records: int, idle: Mapping[str, list[Cost]], busy: Mapping[str, list[Cost]]) -> None:
    """Print the table; CPU and wall time are without start-up, which is a run of no records."""
    heads = ("CPU s", *REFERENCES.values(), "us/record", "wall s", "start-up CPU s", "peak MB")
    print(f"| {'':<15} | " + " | ".join(heads) + " |")
    print("| " + "-" * 15 + " | " + " | ".join("-" * (len(head) - 1) + ":" for head in heads) + " |")
    start = {name: statistics.median(cost.cpu for cost in costs) for name, costs in idle.items()}
    cpu = {name: statistics.median(cost.cpu for cost in costs) - start[name] for name, costs in busy.items()}
    for name, costs in busy.items():
        wall = statistics.median(cost.wall for cost in costs) - statistics.median(cost.wall for cost in idle[name])
        ratios = [f"{cpu[name] / cpu[other]:.2f}" if other in cpu else "-" for other in REFERENCES]
        cells = [f"{cpu[name]:.2f}", *ratios, f"{cpu[name] / records * 1e6:.1f}", f"{wall:.2f}", f"{start[name]:.2f}"]
        cells.append(f"{max(cost.peak for cost in costs):.0f}")
        print(
            f"| {name:<15} | " + " | ".join(f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True)),
            end="",
        )
        print(" |")


if __name__ == "__main__":
    main()

"""Many requests at once, many tenants in one run: `python benchmarks/overlap.py`.

The simulator runs in a process of its own. Durations leave start-up aside: they are measured from the first message,
the SCHEMA that is written before the first request, to the end of the output.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export, Listing
from tap_servicetitan.tap import TapServiceTitan

TAP = str(Path(sys.executable).parent / "tap-servicetitan")


@dataclass
class Run:
    """What a run of the tap took and brought."""

    seconds: float
    """From the first message to the end of the output."""
    code: int
    messages: dict[str, int]
    """Bytes by type of message."""
    schemas: int
    megabytes: float
    """Peak memory."""
    ends: dict[str, float]
    """When each stream's last record came, in seconds from the first."""

    @property
    def state_share(self) -> float:
        """Part of the output that is STATE."""
        return self.messages.get("STATE", 0) / sum(self.messages.values())


@contextlib.contextmanager
def simulator(*options: str) -> Iterator[str]:
    """Run the simulator in another process; yield its URL."""
    command = [sys.executable, "-m", "tap_servicetitan.simulator", "--port", "0", "--rate-limit", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 -- it is a pipe
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None  # noqa: S101 -- the line that the simulator prints
        try:
            yield found[0]
        finally:
            process.terminate()


def get(url: str) -> Any:
    """Ask one of the simulator's own routes."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 -- this machine's simulator
        return json.load(response)


def run(url: str, streams: list[str], **settings: Any) -> Run:
    """Run the tap over some streams."""
    entries = TapServiceTitan(validate_config=False).catalog_dict
    for entry in entries["streams"]:
        root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = entry["tap_stream_id"] in streams
    with tempfile.TemporaryDirectory() as directory:
        config, selection = Path(directory, "config.json"), Path(directory, "catalog.json")
        config.write_text(json.dumps({**get(f"{url}/simulator/config"), "requests_per_second": 10_000, **settings}))
        selection.write_text(json.dumps(entries))
        command = [TAP, "--config", str(config), "--catalog", str(selection)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            return measured(process)


def measured(process: subprocess.Popen[bytes]) -> Run:
    """Read a run to its end."""
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    sizes: dict[str, int] = {}
    ends: dict[str, float] = {}
    schemas = 0
    started = 0.0
    for line in process.stdout:
        started = started or time.monotonic()
        head = line[:200].decode(errors="ignore")
        kind = head.split('"')[3]
        sizes[kind] = sizes.get(kind, 0) + len(line)
        schemas += kind == "SCHEMA"
        if kind == "RECORD":
            ends[head.split('"')[7]] = time.monotonic() - started
    seconds = time.monotonic() - started
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(seconds, process.returncode, sizes, schemas, usage.ru_maxrss / 1024, ends)


def many_feeds() -> None:
    """24 feeds of 5 pages, 100 ms an answer."""
    feeds = [entry.name for entry in table.TABLE if isinstance(entry, Export)][:24]
    with simulator("--records", "50", "--page-size", "10", "--latency", "0.1") as url:
        times = {concurrency: run(url, feeds, concurrency=concurrency).seconds for concurrency in (1, 8)}
        flight = get(f"{url}/simulator/requests")["max_in_flight"]
    print(f"24 feeds of 5 pages at 100 ms: {times[1]:.1f}s one at a time, {times[8]:.1f}s with 8: "
          f"{times[1] / times[8]:.1f} times faster; at most {flight} in flight.")  # fmt: skip


def long_beside_short() -> None:
    """One feed of 100 pages beside 60 small lists."""
    lists = [entry.name for entry in table.TABLE if isinstance(entry, Listing)][:60]
    sizes = [word for name in lists for word in ("--size", f"{name}=20")]
    options = ["--records", "10", "--page-size", "10", "--latency", "0.05", "--size", "bookings=1000", *sizes]
    with simulator(*options) as url:
        done = run(url, ["bookings", *lists])
    last = max(done.ends.get(name, 0.0) for name in lists)
    print(f"A feed of 100 pages beside 60 lists at 50 ms: the lists were done after {last:.1f}s, "
          f"the feed after {done.ends['bookings']:.1f}s.")  # fmt: skip


def many_parents() -> None:
    """1,000 parents of a nested stream, 50 ms an answer."""
    with simulator("--records", "1000", "--latency", "0.05") as url:
        done = run(url, ["customer_notes"])
    print(f"1,000 parents at 50 ms, 8 at once: {done.seconds:.1f}s; STATE is {done.state_share:.1%} of the output; "
          f"{done.schemas} SCHEMA message.")  # fmt: skip


def many_tenants() -> None:
    """30 tenants of 20 streams."""
    feeds = [entry.name for entry in table.TABLE if isinstance(entry, Export)][:20]
    with simulator("--records", "100", "--page-size", "50", "--tenants", "30") as url:
        done = run(url, feeds)
        tokens = get(f"{url}/simulator/requests")["token_requests"]
    print(f"30 tenants of 20 streams: {done.seconds:.1f}s, exit code {done.code}; {tokens} token requests; "
          f"STATE is {done.state_share:.1%} of the output; peak memory {done.megabytes:.0f} MB.")  # fmt: skip


def main() -> None:
    """Measure all of it."""
    many_feeds()
    long_beside_short()
    many_parents()
    many_tenants()


if __name__ == "__main__":
    main()

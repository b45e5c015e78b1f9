"""The tap, run as a process or in this one, and its output."""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import json
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from singer_sdk.exceptions import SingerSDKError

from helpers.processes import run_process
from tap_servicetitan.endpoints import table
from tap_servicetitan.failures import SyncFailedError
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.stream_factory import stream_class
from tap_servicetitan.tap import TapServiceTitan

LONG = False
"""Whether to try everything rather than a sample: ``--long``, for what is decided when a module is imported."""

TAP = str(Path(sys.executable).parent / "tap-servicetitan")
FEEDS = ("bookings", "customers", "customer_contacts", "leads", "locations", "location_contacts")
TABLE = {endpoint.name: endpoint for endpoint in table.TABLE}

SDK_SETTINGS = {
    "batch_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "stream_map_config",
    "stream_maps",
}
"""Settings that every tap of the Meltano SDK has."""


RAISES_IN_LEADS = """
import sys
from tap_servicetitan import cli
from tap_servicetitan.streams import feed

def pages(self, *arguments, pages=feed.ExportStream.pages):
    if self.name == "leads":
        raise KeyError("Jane_Doe, 12 Main St".replace("_", " "))  # Python 3.13 shows this line itself
    return pages(self, *arguments)

feed.ExportStream.pages = pages
cli.main()
"""
"""A run of the tap in which reading leads raises an unexpected exception."""

WITHOUT_CATALOG = {"--about", "--check-access", "--count", "--discover", "--list-reports", "--test"}
"""Commands that users run before there is a catalog."""


@functools.cache
def _discovered() -> str:
    return TapServiceTitan(validate_config=False).catalog_json_text


def selecting(*streams: str) -> dict[str, Any]:
    """Return the catalog with only these streams selected; with all streams selected if none is named."""
    catalog: dict[str, Any] = json.loads(_discovered())
    for entry in catalog["streams"]:
        root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = not streams or entry["tap_stream_id"] in streams
    return catalog


@dataclass
class Output:
    """The exit code and the output of a run of the tap."""

    code: int
    stdout: str
    log: str

    @functools.cached_property
    def messages(self) -> list[dict[str, Any]]:
        """All complete messages; the output of a killed run may end within a line."""
        complete = self.stdout[: self.stdout.rfind("\n") + 1]
        return [json.loads(line) for line in complete.split("\n")[:-1]]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [message["record"] for message in self.of_type("RECORD") if message["stream"] == stream]

    def batched(self, stream: str) -> list[dict[str, Any]]:
        """Records in the files of BATCH messages."""
        manifests = (message["manifest"] for message in self.of_type("BATCH") if message["stream"] == stream)
        return [record for manifest in manifests for record in unpacked(manifest)]

    def lines_with(self, text: str) -> list[str]:
        """The lines of the log that contain a text."""
        return [line for line in self.log.splitlines() if text in line]

    def counts(self) -> Counter[str]:
        return Counter(message["stream"] for message in self.of_type("RECORD"))

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.of_type("STATE")]

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE, from which the next run starts."""
        return self.states[-1]

    def tokens(self, stream: str) -> list[str]:
        """The continuation tokens of a feed in each STATE."""
        return [bookmark(state, stream)["continue_from"] for state in self.states if stream in state["bookmarks"]]

    def bookmark(self, stream: str, tenant_id: str = "1001") -> dict[str, Any]:
        return bookmark(self.state, stream, tenant_id)


def bookmark(state: dict[str, Any], stream: str, tenant_id: str = "1001") -> dict[str, Any]:
    """Return the bookmark of a stream of a tenant."""
    partitions = state["bookmarks"][stream]["partitions"]
    (found,) = [partition for partition in partitions if partition["context"] == {"tenant_id": tenant_id}]
    assert isinstance(found, dict)
    return found


def unpacked(manifest: list[str]) -> list[dict[str, Any]]:
    """Return the records in a BATCH message's files."""
    return [json.loads(line) for file in manifest for line in gzip.open(file.removeprefix("file://"), "rt")]


class Tap:
    """The tap as a process, with a directory for its files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()

    def command(
        self,
        config: dict[str, Any],
        *arguments: str,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
    ) -> list[str]:
        """Write the files that the command line names; return the command line."""
        command = [TAP, "--config", self._file(config)]
        if state is not None:
            command += ["--state", self._file(state)]
        if catalog or not WITHOUT_CATALOG.intersection(arguments):
            command += ["--catalog", self._file(catalog or selecting(*FEEDS))]
        return [*command, *arguments]

    def __call__(self, config: dict[str, Any], *arguments: str, **files: dict[str, Any] | None) -> Output:
        """Run the tap to its end."""
        return self.run(self.command(config, *arguments, **files))

    def run(self, command: list[str]) -> Output:
        """Run a command line to its end."""
        out, err = (self._directory / f"{next(self._numbers)}.{name}" for name in ("stdout", "stderr"))
        return Output(run_process(command, out, err, timeout=100), out.read_text(), err.read_text())

    def _file(self, content: dict[str, Any]) -> str:
        path = self._directory / f"{next(self._numbers)}.json"
        path.write_text(json.dumps(content))
        return str(path)


def started_tap(command: list[str], directory: Path) -> tuple[subprocess.Popen[bytes], Callable[[], Output]]:
    """Start the tap with its output in files; return the process and a function that waits for its end."""
    out, err = directory / "stdout", directory / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
    return process, lambda: Output(process.wait(timeout=10), out.read_text(), err.read_text())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class SomeStreams(TapServiceTitan):
    """The tap with a few streams only, so that it starts quickly, and with short waits."""

    streams_wanted: ClassVar[tuple[str, ...]] = ()
    wait_factor: ClassVar[float] = 0.01

    def discover_streams(self) -> list[EndpointStream]:
        return [stream_class(TABLE[name])(self, self.context) for name in self.streams_wanted]


@functools.cache
def _entries(streams: tuple[str, ...]) -> str:
    return json.dumps(
        {"streams": [each for each in selecting(*streams)["streams"] if each["tap_stream_id"] in streams]}
    )


def run_here(
    config: dict[str, Any],
    *streams: str,
    state: dict[str, Any] | None = None,
    base: type[SomeStreams] = SomeStreams,
    output: io.BytesIO | None = None,
    **options: Any,
) -> Output:
    """Run the tap in this process: it starts at once, hardly waits between tries, and only its own log is returned."""
    selected = json.loads(_entries(streams))
    kind = type("SomeStreams", (base,), {"streams_wanted": streams})
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    written = output or io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding="utf-8")
    code = 0
    try:
        with redirect_stdout(stdout):
            tap = kind(**{"config": dict(config), "catalog": selected, "state": state or {}, **options})
            try:
                tap.sync_all()
            except SyncFailedError as error:
                code = 1
                log.writelines(f"{failure}\n" for failure in error.failures)
            finally:
                tap.context.prefetcher.close()
    except SingerSDKError as error:
        code = 1
        log.write(f"{error}\n")
    except BrokenPipeError:
        code = 1
    finally:
        logging.getLogger().removeHandler(handler)
    return Output(code, written.getvalue().decode(errors="ignore"), log.getvalue())


def config_of(simulator: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config for the tap with a rate limit that no test reaches."""
    return {**simulator.config, "requests_per_second": 10_000, **settings}


def queries(simulator: Simulator, stream: str, since: int = 0) -> list[dict[str, str]]:
    """Return the query of each request for a stream, without that many first requests of any stream."""
    return [dict(request.query) for request in simulator.requests[since:] if request.stream == stream]


def unordered(records: list[dict[str, Any]]) -> Counter[str]:
    """Return records for a comparison that ignores their order."""
    return Counter(json.dumps(record, sort_keys=True) for record in records)


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as the API sent it."""
    return {key: value for key, value in record.items() if key != "tenant_id"}


def days_ago(days: int) -> datetime:
    """Return midnight in UTC, that many days ago."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


def bring_up_to_date(simulator: Simulator, *, new: int) -> None:
    """Move the simulator's clock to now and create that many records of each stream."""
    behind = datetime.now(UTC) - datetime.fromisoformat(simulator.now)
    simulator.advance(minutes=max(behind / timedelta(minutes=1), 60), new=new, changed=0)

"""The tap as users run it, and what it says."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

TAP = str(Path(sys.executable).parent / "tap-servicetitan")
FEEDS = ("bookings", "customers", "customer_contacts", "leads", "locations", "location_contacts")

OF_THE_SDK = {
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


@functools.cache
def _discovered() -> str:
    return TapServiceTitan(validate_config=False).catalog_json_text


def selecting(*streams: str) -> dict[str, Any]:
    """Return the catalog with just these streams selected; with all of them if none is named."""
    catalog: dict[str, Any] = json.loads(_discovered())
    for entry in catalog["streams"]:
        root = next(item for item in entry["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = not streams or entry["tap_stream_id"] in streams
    return catalog


@dataclass
class Output:
    """What a run of the tap left behind."""

    code: int
    stdout: str
    log: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All complete messages; a killed run may end within a line."""
        complete = self.stdout[: self.stdout.rfind("\n") + 1]
        return [json.loads(line) for line in complete.splitlines()]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [message["record"] for message in self.of_type("RECORD") if message["stream"] == stream]

    def batched(self, stream: str) -> list[dict[str, Any]]:
        """Records in the files of BATCH messages."""
        manifests = (message["manifest"] for message in self.of_type("BATCH") if message["stream"] == stream)
        return [record for manifest in manifests for record in unpacked(manifest)]

    def lines_with(self, text: str) -> list[str]:
        """The log's lines that hold a text."""
        return [line for line in self.log.splitlines() if text in line]

    def counts(self) -> Counter[str]:
        return Counter(message["stream"] for message in self.of_type("RECORD"))

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.of_type("STATE")]

    @property
    def state(self) -> dict[str, Any]:
        """The last one, which is where the next run starts."""
        return self.states[-1]

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
    """The installed executable, in a directory of its own."""

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
        """Return the command line, its files written."""
        command = [TAP, "--config", self._file(config)]
        if state is not None:
            command += ["--state", self._file(state)]
        if not {"--discover", "--test", "--about", "--list-reports"} & set(arguments):
            command += ["--catalog", self._file(catalog or selecting(*FEEDS))]
        return [*command, *arguments]

    def __call__(self, config: dict[str, Any], *arguments: str, **files: dict[str, Any] | None) -> Output:
        """Run it to its end."""
        command = self.command(config, *arguments, **files)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        return Output(done.returncode, done.stdout, done.stderr)

    def _file(self, content: dict[str, Any]) -> str:
        path = self._directory / f"{next(self._numbers)}.json"
        path.write_text(json.dumps(content))
        return str(path)


def config_of(simulator: Simulator, **settings: Any) -> dict[str, Any]:
    """Return the tap's config, unbridled by its own rate budget."""
    return {**simulator.config, "requests_per_second": 10_000, **settings}


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as the API sent it."""
    return {key: value for key, value in record.items() if key != "tenant_id"}

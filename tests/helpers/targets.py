"""The targets of meltano.yml, the rows that they hold, and the tap piped into them."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg
import yaml
from psycopg.rows import dict_row

from helpers.support import Tap, selecting

ROOT = Path(__file__).parents[2]
LOADERS = {
    loader["name"]: loader for loader in yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["loaders"]
}

Row = dict[str, Any]


class Target(Protocol):
    """A target with an own place to load into."""

    name: str
    config: dict[str, Any]

    def rows(self, stream: str) -> list[Row]:
        """Return the rows of the stream's table as plain values; names of columns may be lower case."""


class Jsonl:
    """Files to which lines are only added: of each key, the last line counts."""

    name = "target-jsonl"

    def __init__(self, directory: Path) -> None:
        self.config = {"destination_path": str(directory)}
        self._directory = directory

    def rows(self, stream: str) -> list[Row]:
        files = sorted(self._directory.glob(f"{stream}-*.jsonl"))  # one for each run
        lines = [line for file in files for line in file.read_text().splitlines()]
        newest = {tuple(row[name] for name in keys(stream)): row for row in map(json.loads, lines)}
        return list(newest.values())


class DuckDB:
    name = "target-duckdb"

    def __init__(self, directory: Path) -> None:
        self.config = {"path": str(directory / "warehouse.duckdb")}

    def rows(self, stream: str) -> list[Row]:
        with duckdb.connect(self.config["path"], read_only=True) as connection:
            found = connection.execute(f"SELECT * FROM servicetitan.{stream}")  # noqa: S608 -- our own names
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


class Postgres:
    name = "target-postgres"

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.config = {"sqlalchemy_url": uri.replace("postgresql", "postgresql+psycopg", 1)}

    def rows(self, stream: str) -> list[Row]:
        with psycopg.connect(self._uri, row_factory=dict_row) as connection:
            return connection.execute(f'SELECT * FROM servicetitan."{stream}"').fetchall()  # noqa: S608 -- our own names


class Pipeline:
    """Runs of the tap into a target; each starts from the state that the target printed in the previous one."""

    def __init__(self, tap: Tap, target: Target, directory: Path) -> None:
        self.target = target
        self.state: dict[str, Any] | None = None
        self._tap = tap
        self._config = directory / "target.json"
        self._config.write_text(json.dumps({**LOADERS[target.name]["config"], **target.config}))

    def run(self, config: dict[str, Any], catalog: dict[str, Any]) -> None:
        """Run `tap | target > state`."""
        source = self._tap.command(config, state=self.state, catalog=catalog)
        with subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
            sink = subprocess.run(
                [executable(self.target.name), "--config", self._config],
                stdin=tap.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
            _, log = tap.communicate()
        assert (tap.returncode, sink.returncode) == (0, 0), f"{log.decode()}\n{sink.stderr}"
        self.state = json.loads(sink.stdout.splitlines()[-1])


def executable(name: str) -> Path:
    """Return where Meltano has installed a target."""
    path = ROOT / ".meltano" / "loaders" / name / "venv" / "bin" / name
    assert path.exists(), "`make test` installs the targets"
    return path


def keys(stream: str) -> list[str]:
    """Return the names of a stream's key."""
    return list(_entry(stream)["key_properties"])


def checksums(stream: str, rows: list[Row]) -> dict[tuple[str, ...], str]:
    """Return a hash over all fields of each row, nested ones included, by the row's key.

    Raises:
        AssertionError: Two rows have the same key.
    """
    properties = _entry(stream)["schema"]["properties"]
    found = {}
    for row in rows:
        columns = {name.lower(): value for name, value in row.items()}
        plain = {name: _plain(schema, columns.get(name.lower())) for name, schema in properties.items()}
        key = tuple(plain[name] for name in keys(stream))
        assert key not in found, f"{stream} {key} is there twice"
        found[key] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return found


def _plain(schema: dict[str, Any], value: Any) -> Any:
    """Return a value as it was before the target converted it to its own type."""
    if value is None:
        return None
    if schema.get("format") == "date-time":
        return _instant(value)
    if "number" in schema["type"]:
        return float(value)
    if {"object", "array"} & set(schema["type"]) and isinstance(value, str):
        return json.loads(value)
    return value


def _instant(value: str | datetime) -> str:
    date = datetime.fromisoformat(value) if isinstance(value, str) else value
    return date.replace(tzinfo=date.tzinfo or UTC).isoformat()


@functools.cache
def _entry(stream: str) -> dict[str, Any]:
    entry: dict[str, Any]
    (entry,) = (entry for entry in selecting(stream)["streams"] if entry["tap_stream_id"] == stream)
    return entry

"""The targets of meltano.yml, the rows that they hold, and the tap piped into them."""

from __future__ import annotations

import ast
import csv
import functools
import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg
import yaml
from psycopg.rows import dict_row

from helpers.support import TAP, Tap, selecting

ROOT = Path(__file__).parents[2]
LOADERS = {
    loader["name"]: loader for loader in yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["loaders"]
}

Row = dict[str, Any]


class Target(Protocol):
    """A target with an own place to load into."""

    name: str
    config: dict[str, Any]

    def tables(self, *streams: str) -> dict[str, list[Row]]:
        """Return the rows of the streams' tables as plain values; names of columns may be lower case."""


class Jsonl:
    """Files to which lines are only added: of each key, the last line counts."""

    name = "target-jsonl"

    def __init__(self, directory: Path) -> None:
        self.config = {"destination_path": str(directory)}
        self._directory = directory

    def tables(self, *streams: str) -> dict[str, list[Row]]:
        return {stream: newest(self._rows(stream), keys(stream)) for stream in streams}

    def _rows(self, stream: str) -> Iterator[Row]:
        for file in sorted(self._directory.glob(f"{stream}-*.jsonl")):  # one for each run
            yield from map(json.loads, file.read_text().splitlines())


class Csv:
    """Files of which each run writes its own: of each key, the last row counts."""

    name = "target-csv"

    def __init__(self, directory: Path) -> None:
        self.config = {"output_path": str(directory), "timestamp_format": "%Y%m%dT%H%M%S.%f"}
        self._directory = directory

    def tables(self, *streams: str) -> dict[str, list[Row]]:
        return {stream: newest(self._rows(stream), keys(stream)) for stream in streams}

    def _rows(self, stream: str) -> Iterator[Row]:
        for file in sorted(self._directory.glob(f"{stream}-*.csv")):
            with file.open(newline="") as lines:
                yield from csv.DictReader(lines)


class DuckDB:
    name = "target-duckdb"

    def __init__(self, directory: Path) -> None:
        self.config = {"path": str(directory / "warehouse.duckdb")}

    def tables(self, *streams: str) -> dict[str, list[Row]]:
        with duckdb.connect(self.config["path"], read_only=True) as connection:
            return {stream: self._rows(connection, stream) for stream in streams}

    def _rows(self, connection: duckdb.DuckDBPyConnection, stream: str) -> list[Row]:
        found = connection.execute(f"SELECT * FROM servicetitan.{stream}")  # noqa: S608 -- our own names
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


class Postgres:
    name = "target-postgres"

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.config = {"sqlalchemy_url": uri.replace("postgresql", "postgresql+psycopg", 1)}

    def tables(self, *streams: str) -> dict[str, list[Row]]:
        with psycopg.connect(self._uri, row_factory=dict_row) as connection:
            return {
                stream: connection.execute(f'SELECT * FROM servicetitan."{stream}"').fetchall()  # noqa: S608 -- our own names
                for stream in streams
            }


class Pipeline:
    """Runs of the tap into a target; each starts from the state that the target printed in the previous one."""

    def __init__(self, tap: Tap, target: Target, directory: Path) -> None:
        self.target = target
        self.state: dict[str, Any] | None = None
        self._tap = tap
        self._config = directory / "target.json"
        self._config.write_text(json.dumps({**LOADERS[target.name]["config"], **target.config}))

    def run(self, config: dict[str, Any], catalog: dict[str, Any]) -> str:
        """Run `tap | target > state`, and return the tap's log."""
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
        return log.decode()


class MeltanoProject:
    """The project of meltano.yml with another tap section, in a directory of its own."""

    def __init__(self, directory: Path, config: dict[str, Any], *, select: list[str], env: str = "") -> None:
        self._directory = directory
        project = yaml.safe_load((ROOT / "meltano.yml").read_text())
        (tap,) = project["plugins"]["extractors"]
        del tap["pip_url"]  # the tap that is under test, not one installed by Meltano
        tap.update(executable=TAP, select=select, config=config)
        (directory / "meltano.yml").write_text(yaml.safe_dump(project))
        (directory / ".env").write_text(env)
        (directory / ".meltano").mkdir()
        (directory / ".meltano" / "loaders").symlink_to(ROOT / ".meltano" / "loaders")

    def run(self, target: str) -> str:
        """Run `meltano run tap-servicetitan <target>`; return its log."""
        command = [str(ROOT / ".venv-meltano" / "bin" / "meltano"), "run", "tap-servicetitan", target]
        done = subprocess.run(command, cwd=self._directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr


def newest(rows: Iterable[Row], key_properties: Sequence[str]) -> list[Row]:
    """Return the last row of each key; all rows where there is no key."""
    if not key_properties:
        return list(rows)
    return list({tuple(str(row[name]) for name in key_properties): row for row in rows}.values())


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
        plain = plain_row(properties, row)
        key = tuple(plain[name] for name in keys(stream))
        assert key not in found, f"{stream} {key} is there twice"
        found[key] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return found


def plain_row(properties: dict[str, Any], row: Row) -> Row:
    """Return a row with the names of the schema and plain values; targets may change the case of a column's name."""
    columns = {name.lower(): value for name, value in row.items()}
    return {name: _plain(schema, columns.get(name.lower())) for name, schema in properties.items()}


def _plain(schema: dict[str, Any], value: Any) -> Any:
    """Return a value as it was before the target converted it to its own type."""
    if value is None:
        return None
    if schema.get("format") == "date-time":
        return _instant(value)
    if "number" in schema["type"]:
        return float(value)
    if "string" in schema["type"] or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:  # target-csv writes Python's own notation, Decimal('1.5') too
        return ast.literal_eval(re.sub(r"Decimal\('([^']*)'\)", r"\1", value))


def _instant(value: str | datetime) -> str:
    date = datetime.fromisoformat(value) if isinstance(value, str) else value
    return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC).isoformat()


@functools.cache
def _entry(stream: str) -> dict[str, Any]:
    entry: dict[str, Any]
    (entry,) = (entry for entry in selecting(stream)["streams"] if entry["tap_stream_id"] == stream)
    return entry

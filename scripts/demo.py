"""Run the real pipeline twice, with time passing in between, and show what a person wants to see.

The simulator plays ServiceTitan, Meltano runs tap and target, the rows land in DuckDB. `make demo` calls this. Database,
credentials and bookmarks are the demo's own, whatever stands in meltano.yml or .env by now.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import terminal_svg
from tqdm import tqdm

from tap_servicetitan.runtime.progress_bar import progress_bar
from tap_servicetitan.simulator import Simulator

WAREHOUSE = Path("output/demo.duckdb")
STREAMS = ("bookings", "customers", "customer_contacts", "leads", "locations", "location_contacts")
MELTANO_COMMANDS = 3
"""It installs the plugins and runs them twice."""

_shown: list[str] = []


def main() -> None:
    """Show a first run, a second one, and what they brought."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meltano", required=True, help="the meltano executable")
    parser.add_argument(
        "--picture", type=Path, help="an SVG of the output to write: the same for each run of the same code"
    )
    arguments = parser.parse_args()
    WAREHOUSE.parent.mkdir(exist_ok=True)
    WAREHOUSE.unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory() as state,
        Simulator(records=2000, page_size=500) as simulator,
        progress_bar(MELTANO_COMMANDS, "Demo") as step,
    ):
        meltano = Meltano(arguments.meltano, {**os.environ, **settings(simulator, state)}, step)
        show("Installing tap-servicetitan and target-duckdb, as in meltano.yml ...")
        meltano("install", "tap-servicetitan", "target-duckdb")
        show(f"ServiceTitan is a simulator on {simulator.config['api_url']}.\n")

        run(meltano, simulator, "First run: everything.")
        show_bookings()
        simulator.advance(minutes=60, new=20, changed=10)
        show("\nAn hour passes: in each collection 20 records are new and 10 have changed.\n")
        run(meltano, simulator, "Second run: only what changed, from the bookmarks of the first.")

        missing = [stream for stream in STREAMS if count(stream) != len(simulator.records(stream))]
        if missing:
            sys.exit(f"Not all that the simulator holds arrived in: {', '.join(missing)}.")
        show(f"\nEvery record that the simulator holds is in {WAREHOUSE}, once, in its newest version.")
        if arguments.picture:
            arguments.picture.write_text(picture())


def show(text: str) -> None:
    """Print a text, and keep it for the picture."""
    tqdm.write(text)
    sys.stdout.flush()
    _shown.append(text)


def picture() -> str:
    """Return the output as an SVG, without what differs from run to run: the port and the seconds."""
    text = "\n".join(["$ make demo", *_shown[1:]])
    return terminal_svg.draw(
        re.sub(r", \d+ seconds|:\d{4,5}(?=\.\n)", "", text), "A first run reads everything, the next one what changed"
    )


def settings(simulator: Simulator, directory: str) -> dict[str, str]:
    """Return Meltano's settings by environment variable, which win over meltano.yml and .env."""
    tap: dict[str, str] = {
        **simulator.config,
        "tenants": "[]",
        "custom_reports": "[]",
        "start_date": "2000-01-01",
        "_select": json.dumps([f"{stream}.*" for stream in STREAMS]),
    }
    return {
        **{f"TAP_SERVICETITAN_{name.upper()}": value for name, value in tap.items()},
        "TARGET_DUCKDB_PATH": str(WAREHOUSE),
        "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": "servicetitan",
        "MELTANO_DATABASE_URI": f"sqlite:///{directory}/meltano.db",  # each demo starts without bookmarks
        "MELTANO_STATE_BACKEND_URI": "systemdb",
    }


class Meltano:
    """The Meltano project of this checkout."""

    def __init__(self, executable: str, environment: dict[str, str], ended: Callable[[], None]) -> None:
        self._executable = executable
        self._environment = environment
        self._ended = ended

    def __call__(self, *arguments: str) -> str:
        """Run a command and return its log; end the demo if it fails."""
        command = [self._executable, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)  # noqa: S603 -- meltano
        if done.returncode:
            sys.exit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
        self._ended()
        return done.stdout + done.stderr


def run(meltano: Meltano, simulator: Simulator, title: str) -> None:
    """Run the pipeline and print a line per table."""
    requests = len(simulator.requests)
    started = time.monotonic()
    show(title)
    show("$ meltano run tap-servicetitan target-duckdb")
    log = meltano("run", "tap-servicetitan", "target-duckdb")
    seconds = time.monotonic() - started
    loads = re.findall(r"""Loading (\d+) rows into '.*"(\w+)"'""", log)
    fetched = {table: int(rows) for rows, table in loads}
    show(f"\n  {'table':<20}{'rows':>8}{'fetched':>10}")
    for stream in STREAMS:
        show(f"  {stream:<20}{count(stream):>8}{fetched.get(stream, 0):>10}")
    show(f"\n  {len(simulator.requests) - requests} requests, {seconds:.0f} seconds.")


def count(table: str) -> int:
    """Return the number of rows of a table."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        rows: int = connection.execute(f"SELECT count(*) FROM servicetitan.{table}").fetchall()[0][0]  # noqa: S608 -- the table's own names
    return rows


def show_bookings() -> None:
    """Print a few bookings."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        rows = connection.execute(
            """
            SELECT id, name, summary, status, address ->> 'city' FROM servicetitan.bookings
            WHERE name IS NOT NULL AND summary IS NOT NULL ORDER BY modifiedon DESC LIMIT 5
            """
        ).fetchall()
    show("\n  The newest bookings:")
    for number, name, summary, status, city in rows:
        show(f"  {number:<14}{padded(name, 20)}{padded(summary, 36)}{status or '':<12}{city or ''}")


def padded(text: str, width: int) -> str:
    """Return a text that takes this many columns of a terminal; a longer one is cut."""
    while terminal_svg.columns(text) >= width:
        text = text[:-1]
    return text + " " * (width - terminal_svg.columns(text))


if __name__ == "__main__":
    main()

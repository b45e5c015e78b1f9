"""Tenants that the API does not serve, beside others: `python benchmarks/tenants.py` (ten minutes).

A server of its own process answers feeds of small records after a short while. It does not serve some of the tenants:
it answers them 429 for ever, asks them for a pause that is longer than the run, answers 500, or does not answer. The
times of the healthy tenants are compared with those of a run without the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.tap import TapServiceTitan

TAP = str(Path(sys.executable).parent / "tap-servicetitan")
SORTS = ("429", "pause", "500", "hang")
LATENCY = 0.03
"""Seconds until an answer."""
RECORDS = 20
"""Of a page, each of some 60 bytes."""
TIMEOUT = 4
"""The request timeout, in seconds."""
LONGEST_RUN = 60
"""Seconds after which a run is ended."""


class Server:
    """Answers over HTTP until its input ends; every request for ``/figures`` returns and resets the figures."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._open = self._most = 0

    async def serve(self) -> None:
        """Print the port, and serve."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1000)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self._most = max(self._most, self._open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(await self._answer(head.split(b" ", 2)[1].decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, path: str) -> bytes:
        if path == "/token":
            return _http(200, {"access_token": "benchmark", "expires_in": 900})
        if path == "/figures":
            most, self._most = self._most, 0
            return _http(200, most)
        sort, _, rest = path[1:].partition("/")
        tenant = int(rest.partition("/tenant/")[2].partition("/")[0])
        await asyncio.sleep(LATENCY)
        if tenant < 2000:  # noqa: PLR2004 -- healthy
            page = int(path.partition("from=t")[2].partition("&")[0] or 0)
            data = [{"id": page * RECORDS + number, "modifiedOn": "2026-01-01T00:00:00Z"} for number in range(RECORDS)]
            more = page + 1 < self._pages
            return _http(200, {"data": data, "hasMore": more, "continueFrom": f"t{page + 1}"})
        if sort == "hang":
            await asyncio.sleep(1000)
        if sort == "500":
            return _http(500, {})
        return _http(429, {}, f"Retry-After: {0 if sort == '429' else 40}\r\n")


def _http(status: int, body: Any, headers: str = "") -> bytes:
    text = json.dumps(body)
    return f"HTTP/1.1 {status} -\r\nContent-Length: {len(text)}\r\n{headers}\r\n{text}".encode()


@dataclass
class Run:
    """What a run of the tap took until the healthy tenants were complete."""

    seconds: float
    """From the first message to the last record of the healthy tenants."""
    complete: bool
    """Whether they were complete."""
    megabytes: float
    """Peak memory."""
    state_share: float
    """Part of the output up to then that is STATE."""
    sockets: int
    """Connections that were open at the same time."""


def run(port: int, catalog: Path, tenants: list[int], sort: str, expected: int) -> Run:
    """Run the tap until the healthy tenants are complete, then end it."""
    ids = [{"tenant_id": str(tenant), "client_id": "benchmark", "client_secret": "benchmark"} for tenant in tenants]
    url = f"http://127.0.0.1:{port}"
    config: dict[str, Any] = {"tenants": ids, "st_app_key": "benchmark", "api_url": f"{url}/{sort}"}
    config |= {"auth_url": f"{url}/token", "requests_per_second": 10_000, "request_timeout": TIMEOUT, "log_interval": 0}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "config.json")
        path.write_text(json.dumps(config))
        command = [TAP, "--config", str(path), "--catalog", str(catalog)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            return _measured(process, url, expected)


def _measured(process: subprocess.Popen[bytes], url: str, expected: int) -> Run:
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    started = seconds = 0.0
    records = total = state = 0
    for line in process.stdout:
        now = time.monotonic()
        started = started or now
        seconds = now - started
        total += len(line)
        if line.startswith(b'{"type":"STATE"'):
            state += len(line)
        records += line.startswith(b'{"type":"RECORD"')
        if records == expected or seconds > LONGEST_RUN:
            break
    figures = int(_get(f"{url}/figures"))
    os.kill(process.pid, signal.SIGKILL)  # kill() would reap a process that has ended
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return Run(seconds, records == expected, usage.ru_maxrss / 1024, state / total, figures - 1)


def _get(url: str) -> str:
    with urllib.request.urlopen(url) as response:  # noqa: S310 -- this machine's server
        text: str = response.read().decode()
        return text


def selecting(feeds: list[str], directory: str) -> Path:
    """Write a catalog that selects ids and dates of some feeds."""
    entries = TapServiceTitan(validate_config=False).catalog_dict
    entries["streams"] = [entry for entry in entries["streams"] if entry["tap_stream_id"] in feeds]
    for entry in entries["streams"]:
        for item in entry["metadata"]:
            item["metadata"]["selected"] = item["breadcrumb"][1:] in ([], ["id"], ["modifiedOn"])
    path = Path(directory, "catalog.json")
    path.write_text(json.dumps(entries))
    return path


def compare(tenants: int, feeds: int, pages: int, rounds: int) -> None:
    """Measure runs of so many tenants and feeds, with none, one and three of the tenants unserved; print rows."""
    server = [sys.executable, __file__, "--serve", str(pages)]
    names = [entry.name for entry in table.TABLE if isinstance(entry, Export) and entry.keys == ("id",)][:feeds]
    with (
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None  # noqa: S101 -- it is a pipe
        port, catalog = int(process.stdout.readline()), selecting(names, directory)

        def measure(sort: str, bad: int) -> tuple[float, Run]:
            """Run the healthy tenants alone and with the bad ones, in turn; return the ratio of the best times."""
            healthy = list(range(1001, 1001 + tenants - bad))
            expected = len(healthy) * len(names) * pages * RECORDS
            alone, beside = [], []
            for _ in range(rounds):
                alone.append(run(port, catalog, healthy, sort, expected))
                if bad:
                    beside.append(run(port, catalog, [*range(2001, 2001 + bad), *healthy], sort, expected))
            best = min(beside or alone, key=lambda each: each.seconds)
            return best.seconds / min(each.seconds for each in alone), best

        try:
            for sort, bad in [("none", 0), *((sort, bad) for sort in SORTS for bad in (1, 3))]:
                ratio, best = measure(sort, bad)
                time_ratio = f"{best.seconds:.1f} s | {ratio:.2f}" if best.complete else f"> {LONGEST_RUN} s | -"
                print(
                    f"| {tenants} x {feeds} | {f'{bad} x {sort}' if bad else 'none'} | {time_ratio} | {best.sockets} "
                    f"| {best.megabytes:.0f} MB | {best.state_share:.1%} |",
                    flush=True,
                )
        finally:
            process.kill()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="runs of each, of which the fastest counts (default: 2)")
    parser.add_argument("--serve", type=int, metavar="PAGES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(Server(options.serve).serve())
        return
    print("| tenants x feeds | not served | healthy ones complete | ratio | sockets | memory | STATE |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    compare(10, 12, pages=5, rounds=options.rounds)
    compare(100, 6, pages=3, rounds=options.rounds)


if __name__ == "__main__":
    main()

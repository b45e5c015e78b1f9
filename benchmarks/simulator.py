"""How fast the simulator starts and serves, and how much memory it takes.

`python benchmarks/simulator.py` starts it with a million bookings, reads the feed to its end and then pages of the list
with 50 requests in flight, and prints the figures. The client only looks for the continuation token.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import local
from urllib.parse import urlencode, urlsplit

import msgspec

PATH = "/crm/v2/tenant/1001"
HEADERS = {"ST-App-Key": "ak1.simulator"}
FORM = {"grant_type": "client_credentials", "client_id": "cid.1001", "client_secret": "cs2.1001"}

PAGE_SIZE = 500
"""Records on a page."""

_END = re.compile(rb'^{"hasMore":(true|false),"continueFrom":"([^"]+)"')


class Client(local):
    """A connection for each thread."""

    def __init__(self, url: str) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
        body = msgspec.json.decode(self.send("POST", "/connect/token", urlencode(FORM)))
        self.headers = {**HEADERS, "Authorization": body["access_token"]}

    def send(self, method: str, target: str, body: str | None = None) -> bytes:
        """Return the body of an answer with 200."""
        self.connection.request(method, target, body, getattr(self, "headers", {}))
        response = self.connection.getresponse()
        content = response.read()
        if response.status != 200:  # noqa: PLR2004  OK
            message = f"{response.status}: {content[:200]!r}"
            raise SystemExit(message)
        return content

    def get(self, path: str, **query: object) -> bytes:
        """Return the body of a page."""
        return self.send("GET", f"{PATH}/{path}?{urlencode(query)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="number of bookings (default: %(default)s)")
    parser.add_argument("--in-flight", type=int, default=50, help="requests in flight (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=2000, help="pages of each reading at most (default: %(default)s)")
    options = parser.parse_args()
    command = [sys.executable, "-m", "tap_servicetitan.simulator", "--port=0", "--rate-limit=0"]
    command.append(f"--size=bookings={options.records}")
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout  # noqa: S101  it is a pipe
            client = Client(process.stdout.readline().split()[3])
            server = Server(process.pid)
            print(f"first token: {time.perf_counter() - begin:.2f} s, {server.megabytes()} MB")
            client.get("export/bookings")
            print(
                f"first of {options.records:,} bookings: {time.perf_counter() - begin:.2f} s, {server.megabytes()} MB"
            )
            server.measure("feed", read_feed(client, options.pages))
            pages = min(options.pages, options.records // PAGE_SIZE)
            server.measure(f"list, {options.in_flight} in flight", read_list(client, pages, options.in_flight))
        finally:
            process.terminate()


def read_feed(client: Client, pages: int) -> Iterator[int]:
    """Read the feed, at most so many pages, and yield their sizes."""
    query: dict[str, str] = {}
    for _ in range(pages):
        body = client.get("export/bookings", **query)
        yield len(body)
        end = _END.match(body)
        if end is None or end[1] == b"false":
            return
        query = {"from": end[2].decode()}


def read_list(client: Client, pages: int, in_flight: int) -> Iterator[int]:
    """Read pages of the list, many at once, and yield their sizes."""
    with ThreadPoolExecutor(in_flight) as pool:
        yield from pool.map(
            lambda page: len(client.get("bookings", page=page, pageSize=PAGE_SIZE)), range(1, pages + 1)
        )


@dataclass(frozen=True)
class Server:
    """The simulator's process, as Linux describes it."""

    pid: int

    def megabytes(self) -> int:
        """Return its memory."""
        (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(resident) // 1024

    def cpu(self) -> float:
        """Return its CPU time in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, what: str, sizes: Iterator[int]) -> None:
        """Print how long pages of these sizes take."""
        begin, cpu = time.perf_counter(), self.cpu()
        pages = list(sizes)
        seconds, cpu = time.perf_counter() - begin, self.cpu() - cpu
        print(
            f"{what}: {len(pages):,} pages, {sum(pages) / 1e6:,.0f} MB in {seconds:.1f} s: {len(pages) / seconds:.0f} pages/s; "
            f"{1000 * cpu / len(pages):.1f} ms of CPU a page; {self.megabytes()} MB"
        )


if __name__ == "__main__":
    main()

"""A server of bookings that costs next to nothing: pages rendered once, answered at once.

It serves ``http://127.0.0.1:PORT/RECORDS/crm/v2/tenant/…``, so the size of the feed is part of the URL, and prints
its port on the first line. With ``RECORDS+3`` each record has three fields that the tap's schema lacks. The same bookings
are the rows of a report, at ``…/RECORDS/reporting/v2/tenant/…``.
"""

from __future__ import annotations

import argparse
import itertools
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tap_servicetitan.simulator import Simulator

PAGE_SIZE = 1000
"""Records on a page."""

DISTINCT_PAGES = 10
"""Pages that differ; then they come again."""

SENTENCE = " The customer says that it started after the storm, and asks for a call before we come."
"""Lengthens the simulator's summaries."""

UNKNOWN_VALUES = ("a text", 12345, 12.5)

ROWS = 25_000
"""Rows on a page of the report, as the tap requests them."""

COLUMN_TYPES = {bool: "Boolean", int: "Number", str: "String"}

TOKEN = b'{"access_token":"benchmark","expires_in":86400,"token_type":"Bearer"}'


def bookings(size: int, unknown: int = 0) -> list[dict[str, Any]]:
    """Return the simulator's bookings.

    Args:
        size: Bytes of a record, about.
        unknown: Fields that the schema lacks.
    """
    with Simulator(records=0, sizes={"bookings": DISTINCT_PAGES * PAGE_SIZE}) as simulator:
        records = simulator.records("bookings")
    for record in records:
        lacking = max(size - len(msgspec.json.encode(record)), 0)
        record["summary"] = (record["summary"] or "") + (SENTENCE * (lacking // len(SENTENCE) + 1))[:lacking]
        record |= {f"unknownField{number}": UNKNOWN_VALUES[number % len(UNKNOWN_VALUES)] for number in range(unknown)}
    return records


def render(records: list[dict[str, Any]]) -> list[bytes]:
    """Render the ``data`` of pages of a feed."""
    pages = (records[start : start + PAGE_SIZE] for start in range(0, len(records), PAGE_SIZE))
    return [msgspec.json.encode(page) for page in pages]


class Report:
    """Bookings as the rows of a report: what is not an object or a list, and the parts of the address."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        flat = [{**record, **(record["address"] or {})} for record in records]
        first = {name: value for name, value in flat[0].items() if value.__class__ in COLUMN_TYPES}
        self._fields = [{"name": name, "dataType": COLUMN_TYPES[type(value)]} for name, value in first.items()]
        rows = itertools.islice(itertools.cycle([one.get(name) for name in first] for one in flat), ROWS)
        self._rows = [msgspec.json.encode(row) for row in rows]

    def describe(self) -> bytes:
        """Return its metadata."""
        return msgspec.json.encode({"parameters": [], "fields": self._fields})

    def page(self, number: int, total: int) -> bytes:
        """Return a page, counted from 1."""
        rows = self._rows[: max(total - (number - 1) * ROWS, 0)]
        rows = [*rows[number:], *rows[:number]]  # no two pages are equal
        more = b"true" if number * ROWS < total else b"false"
        parts = (more, total, msgspec.json.encode(self._fields), b",".join(rows))
        return b'{"hasMore":%b,"totalCount":%d,"fields":%b,"data":[%b]}' % parts


class Handler(BaseHTTPRequestHandler):
    """Answers from memory; a page's token is its number."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    record_size: int
    rendered: dict[int, list[bytes]]
    """Pages by the number of unknown fields."""

    report: Report

    def do_POST(self) -> None:
        """Answer a request for a token, or for a page of the report; its asynchronous operation does not exist."""
        self.rfile.read(int(self.headers["Content-Length"]))
        target = urlsplit(self.path)
        if target.path.endswith("/token"):
            self._send(TOKEN)
        elif target.path.endswith("/data"):
            page = int(parse_qs(target.query)["page"][0])
            self._send(self.report.page(page, int(target.path.split("/")[1].partition("+")[0])))
        else:
            self._send(b"{}", b"404 Not Found")

    def do_GET(self) -> None:
        """Answer with the report's metadata, or with the page of the feed that ``from`` names."""
        target = urlsplit(self.path)
        if "/report-category/" in target.path:
            self._send(self.report.describe())
            return
        number, _, unknown = target.path.split("/")[1].partition("+")
        records, pages = int(number), self._pages(int(unknown or 0))
        page = int(parse_qs(target.query).get("from", ["0"])[0])
        more = b"true" if (page + 1) * PAGE_SIZE < records else b"false"
        data = pages[page % len(pages)] if page * PAGE_SIZE < records else b"[]"
        self._send(b'{"hasMore":%b,"continueFrom":"%d","data":%b}' % (more, page + 1, data))

    def _pages(self, unknown: int) -> list[bytes]:
        if unknown not in self.rendered:
            self.rendered[unknown] = render(bookings(self.record_size, unknown))
        return self.rendered[unknown]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
        """Say nothing."""

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self.wfile.write(head + body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record-size", type=int, default=1000, help="bytes of a record, about")
    Handler.record_size = parser.parse_args().record_size
    records = bookings(Handler.record_size)
    Handler.rendered = {0: render(records)}
    Handler.report = Report(records)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

"""A server of bookings that costs next to nothing: pages rendered once, answered at once.

It serves ``http://127.0.0.1:PORT/RECORDS/crm/v2/tenant/…``, so the size of the feed is part of the URL, and prints
its port on the first line. With ``RECORDS+3`` each record has three fields that the tap's schema lacks.
"""

from __future__ import annotations

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

TOKEN = b'{"access_token":"benchmark","expires_in":86400,"token_type":"Bearer"}'


def render(size: int, unknown: int) -> list[bytes]:
    """Render the ``data`` of pages of the simulator's bookings.

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
    pages = (records[start : start + PAGE_SIZE] for start in range(0, len(records), PAGE_SIZE))
    return [msgspec.json.encode(page) for page in pages]


class Handler(BaseHTTPRequestHandler):
    """Answers from memory; a page's token is its number."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    record_size: int
    rendered: dict[int, list[bytes]]
    """Pages by the number of unknown fields."""

    def do_POST(self) -> None:
        """Answer a request for a token."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(TOKEN)

    def do_GET(self) -> None:
        """Answer with the page that ``from`` names."""
        target = urlsplit(self.path)
        number, _, unknown = target.path.split("/")[1].partition("+")
        records, pages = int(number), self._pages(int(unknown or 0))
        page = int(parse_qs(target.query).get("from", ["0"])[0])
        more = b"true" if (page + 1) * PAGE_SIZE < records else b"false"
        data = pages[page % len(pages)] if page * PAGE_SIZE < records else b"[]"
        self._send(b'{"hasMore":%b,"continueFrom":"%d","data":%b}' % (more, page + 1, data))

    def _pages(self, unknown: int) -> list[bytes]:
        if unknown not in self.rendered:
            self.rendered[unknown] = render(self.record_size, unknown)
        return self.rendered[unknown]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
        """Say nothing."""

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.wfile.write(head + body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record-size", type=int, default=1000, help="bytes of a record, about")
    Handler.record_size = parser.parse_args().record_size
    Handler.rendered = {0: render(Handler.record_size, 0)}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

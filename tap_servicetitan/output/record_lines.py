"""From records to RECORD messages, a page at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tap_servicetitan.output.record_types import encoder


def encode_messages(stream: str, records: list[Any], received: datetime, version: int | None) -> bytes:
    """Return a page's RECORD messages, one a line.

    Args:
        stream: The stream that they name.
        records: Structs or dicts, complete.
        received: When the page came, ``time_extracted``.
        version: Version of a full table, if it has one.
    """
    if not records:
        return b""
    # Encoded JSON has no newline within, so the messages' heads and tails can be put around all at once.
    head = b'{"type":"RECORD","stream":' + encoder.encode(stream) + b',"record":'
    tail = b"" if version is None else b',"version":%d' % version
    tail += b',"time_extracted":' + encoder.encode(received) + b"}"
    body = encoder.encode_lines(records)[:-1].replace(b"\n", tail + b"\n" + head)
    return b"".join((head, body, tail, b"\n"))

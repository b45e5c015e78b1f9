"""What is written on stdout, and what the writer counts of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import datetime
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from typing import Any

from helpers.support import Tap, config_of, selecting
from singer_sdk.singerlib.encoding.simple import RecordMessage

from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.simulator import Simulator


def test_writer_counts_the_bytes_that_it_writes() -> None:
    writer = MessageWriter()
    message = RecordMessage(stream="x", record={"price": Decimal("12.10"), "nothing": None})
    output = TextIOWrapper(BytesIO(), encoding="utf-8")

    with redirect_stdout(output):
        writer.write_message(message)

    line = output.buffer.getvalue()
    assert line == b'{"type":"RECORD","stream":"x","record":{"price":12.10,"nothing":null}}\n'
    assert writer.bytes_written == len(line)
    assert writer.state_bytes == 0


def test_records_have_the_time_of_their_extraction(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator), catalog=selecting("bookings"))

    assert all(extracted(run.of_type("RECORD")))


def extracted(messages: list[dict[str, Any]]) -> Iterator[bool]:
    for message in messages:
        yield datetime.fromisoformat(message["time_extracted"]).tzinfo is not None

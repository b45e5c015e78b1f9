"""Singer messages on stdout, and when STATE is one of them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib.encoding.base import SingerMessageType

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.singerlib.encoding.simple import Message

STATE_SHARE = 0.08
"""STATE may take this part of the output: with the last one, which is always written, less than a tenth."""

SMALL_STATE = 6144
"""Bytes up to which STATE follows every page, whatever its share: some thirty streams of a tenant."""

STATE_INTERVAL = 10.0
"""Seconds after which STATE is written even if it is large."""


class MessageWriter(MsgSpecWriter):
    """Writes messages with msgspec, numbers unchanged, and counts the bytes."""

    def __init__(self) -> None:
        self.bytes_written = 0
        self.state_bytes = 0
        self.last_state_bytes = 0

    def write_message(self, message: Message) -> None:
        """Write a message; flush it unless it is a RECORD, whose page is flushed as a whole."""
        line = self.format_message(message)
        self.write_lines(line)
        if message.type is SingerMessageType.STATE:
            self.last_state_bytes = len(line)
            self.state_bytes += len(line)
        if message.type is not SingerMessageType.RECORD:
            self.flush()

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write complete lines."""
        sys.stdout.buffer.write(lines)
        self.bytes_written += len(lines)

    def flush(self) -> None:
        """Hand everything to the target."""
        sys.stdout.buffer.flush()


class Checkpoints:
    """Decides when STATE follows a page.

    Always, unless STATE is large (many tenants and streams) and would be more than a tenth of the output; then it
    waits, at most ten seconds, and what a killed run repeats grows by as much.
    """

    def __init__(self, writer: MessageWriter, write_state: Callable[[], None]) -> None:
        """Make the checkpoints of a run.

        Args:
            writer: Where messages go.
            write_state: Writes a STATE message if there is news in it.
        """
        self._writer = writer
        self._write_state = write_state
        self._last = time.monotonic()

    def page_done(self) -> None:
        """Write STATE after a page, if it is time."""
        size = self._writer.last_state_bytes
        if (
            size <= SMALL_STATE
            or self._writer.state_bytes + size <= STATE_SHARE * self._writer.bytes_written
            or time.monotonic() - self._last >= STATE_INTERVAL
        ):
            self.write()

    def write(self) -> None:
        """Write STATE now."""
        self._write_state()
        self._last = time.monotonic()

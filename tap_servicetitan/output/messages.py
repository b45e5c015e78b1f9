"""Singer messages on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib.encoding.base import SingerMessageType

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class MessageWriter(MsgSpecWriter):
    """Writes messages with msgspec, numbers unchanged, and counts the bytes."""

    def __init__(self) -> None:
        self.bytes_written = 0
        self.state_bytes = 0
        self.last_state_bytes = 0
        self.ends_with_state = False
        """Whether the last line is STATE."""
        self._last_state = b""

    def write_message(self, message: Message) -> None:
        """Write a message; flush it unless it is a RECORD, whose page is flushed as a whole."""
        line = self.format_message(message)
        is_state = message.type is SingerMessageType.STATE
        if is_state and self.ends_with_state and line == self._last_state:
            return  # some targets forget a STATE at the next RECORD, so only a repetition right behind it is left out
        self.write_lines(line)
        if is_state:
            self._last_state = bytes(line)
            self.ends_with_state = True
            self.last_state_bytes = len(line)
            self.state_bytes += len(line)
        if message.type is not SingerMessageType.RECORD:
            self.flush()

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write complete lines."""
        if lines:
            self.ends_with_state = False
        sys.stdout.buffer.write(lines)
        self.bytes_written += len(lines)

    def flush(self) -> None:
        """Pass everything to the target."""
        sys.stdout.buffer.flush()

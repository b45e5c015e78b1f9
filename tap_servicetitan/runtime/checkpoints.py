"""When STATE is written."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tap_servicetitan.errors import BatchError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_servicetitan.output.messages import MessageWriter

STATE_SHARE = 0.1
"""STATE may take this part of the output, with the last one, which is always written."""

SMALL_STATE = 6144
"""Bytes up to which STATE follows every page, whatever its share: some thirty streams of a tenant."""

BOOKMARK_BYTES = 200
"""What a stream of a tenant adds to STATE, about."""

STATE_INTERVAL = 10.0
"""Seconds after which STATE is written even if it is large."""


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
        self._final_bytes = 0
        self._open: list[Callable[[], None]] = []

    def expect(self, bookmarks: int) -> None:
        """Take the number of bookmarks that STATE has in the end: its size is limited from the start."""
        self._final_bytes = bookmarks * BOOKMARK_BYTES

    @contextmanager
    def settling(self, settle: Callable[[], None]) -> Iterator[None]:
        """Settle what is written in this block at its end, also if it fails, or if the run is aborted meanwhile.

        Args:
            settle: Writes what is held back, and moves the bookmark behind it.
        """
        self._open.append(settle)
        try:
            yield
        except (OSError, BatchError):
            raise  # nothing can be written
        except Exception:
            self._open.remove(settle)
            settle()
            raise
        # An aborted worker leaves its entry, which is settled by abort().
        self._open.remove(settle)
        settle()

    def abort(self) -> None:
        """Settle everything that is open, and write STATE; with the worker lock."""
        for settle in list(self._open):
            with suppress(StreamError):
                settle()
        self.write()

    def page_done(self) -> None:
        """Write STATE after a page, if it is time."""
        size = max(self._writer.last_state_bytes, self._final_bytes)
        if (
            size <= SMALL_STATE
            or self._writer.state_bytes + 2 * size <= STATE_SHARE * self._writer.bytes_written  # this and the last one
            or time.monotonic() - self._last >= STATE_INTERVAL
        ):
            self.write()

    def write(self) -> None:
        """Write STATE now."""
        self._write_state()
        self._last = time.monotonic()

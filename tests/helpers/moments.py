"""The tap at a given time, and an output that ends early."""

from __future__ import annotations

import functools
import io
from datetime import datetime
from typing import Any, ClassVar

from helpers.support import SomeStreams
from tap_servicetitan.runtime.context import RunContext


class TapAt(SomeStreams):
    """The tap, whose run begins at a given time."""

    moment: ClassVar[datetime]

    @functools.cached_property
    def context(self) -> RunContext:
        context: RunContext = super().context
        context.started = self.moment
        return context


class CutOutput(io.BytesIO):
    """An output of which only a part arrives: what writes more fails, as if the target had ended."""

    def __init__(self, size: int | None = None, text: str = "") -> None:
        """Take so many bytes, or what is written until a text has arrived."""
        super().__init__()
        self._left = size
        self._text = text.encode()

    def write(self, data: Any) -> int:
        """Write, or fail."""
        if self._text and self._text in self.getvalue():
            raise BrokenPipeError
        kept = bytes(data)[: self._left]
        if self._left is not None:
            self._left -= len(kept)
        super().write(kept)
        if len(kept) < len(data):
            raise BrokenPipeError
        return len(kept)

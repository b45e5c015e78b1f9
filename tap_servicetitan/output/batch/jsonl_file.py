"""A file of JSON lines, compressed while records come."""

from __future__ import annotations

import zlib
from types import ModuleType
from typing import Any

from tap_servicetitan.output.record_types import encoder

fast: ModuleType = zlib
"""What compresses: ``isal``, several times as fast as zlib, if it is installed."""
try:
    from isal import isal_zlib
except ImportError:
    pass
else:
    fast = isal_zlib

_LEVEL = 1
"""The fastest that both compress with: the records of a feed shrink to a tenth, the default level's to a thirteenth."""

_GZIP = 16 + zlib.MAX_WBITS
"""Makes zlib write gzip's header and checksum."""


class JSONLFile:
    """Records as JSON lines, as they are on the way to a file."""

    def __init__(self, compression: str | None) -> None:
        """Begin a file.

        Args:
            compression: ``gzip``, or anything else for none.
        """
        self.suffix = ".json.gz" if compression == "gzip" else ".json"
        self.records = 0
        self._gzip = fast.compressobj(_LEVEL, zlib.DEFLATED, _GZIP) if compression == "gzip" else None
        self._parts: list[bytes] = []

    def add(self, records: list[Any]) -> None:
        """Add records, structs or dicts."""
        lines = encoder.encode_lines(records)
        self._parts.append(self._gzip.compress(lines) if self._gzip else lines)
        self.records += len(records)

    def close(self) -> list[bytes]:
        """Return the parts of the whole file."""
        if self._gzip:
            self._parts.append(self._gzip.flush())
        return self._parts

"""Writes the pages of a stream of a tenant: here as RECORD messages, in ``batch/`` as files."""

from __future__ import annotations

import abc
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tap_servicetitan.output.record_lines import encode_messages

if TYPE_CHECKING:
    from tap_servicetitan.output.messages import MessageWriter
    from tap_servicetitan.output.written_records import Written


class PageWriter(abc.ABC):
    """Writes the pages of a stream of a tenant."""

    settled = True
    """Whether everything written so far is with the target, so that a bookmark may cover it."""

    def __init__(self, output: MessageWriter, tenant_id: str, written: Written) -> None:
        self._output = output
        self._tenant_id = tenant_id
        self._written = written

    @abc.abstractmethod
    def write(self, records: list[Any], received: datetime, version: int | None) -> None:
        """Write a page.

        Args:
            records: The page's, which may change.
            received: When the page came.
            version: Version of a full table, if it has one.
        """

    def close(self) -> None:
        """Write what is held back, if anything is."""
        return


class LineWriter(PageWriter):
    """RECORD messages: one encoding a page."""

    def write(self, records: list[Any], received: datetime, version: int | None) -> None:
        """Write a page."""
        for stream, written in self._written(records, self._tenant_id):
            self._output.write_lines(encode_messages(stream, written, received, version))
        self._output.flush()

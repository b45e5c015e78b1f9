"""The paths from a page to Singer messages: as lines, as one message a record, or into batches."""

from __future__ import annotations

import abc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.singerlib import RecordMessage

from tap_servicetitan.errors import BatchError
from tap_servicetitan.output.decoder import MAX_EXAMPLES

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig

    from tap_servicetitan.output.conformance import Conformance
    from tap_servicetitan.output.messages import MessageWriter
    from tap_servicetitan.output.record_lines import RecordLines
    from tap_servicetitan.output.stream_maps import RecordMap

MAX_HELD_SECONDS = 300.0
"""Records are held no longer than this for a fuller BATCH file, once there is another page."""

Messages = Callable[[Sequence[dict[str, Any]], str, datetime, int | None], Iterator[RecordMessage]]
"""Turns a tenant's records into messages: see :class:`RecordMessages`."""


class PageWriter(abc.ABC):
    """Writes the pages of a stream of a tenant."""

    settled = True
    """Whether everything written so far is with the target, so that a bookmark may cover it."""

    def __init__(self, output: MessageWriter, tenant_id: str) -> None:
        self._output = output
        self._tenant_id = tenant_id

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


class RecordMessages:
    """The slow path: record after record is checked, conformed, mapped and flattened."""

    def __init__(
        self,
        check: Callable[[dict[str, Any]], None],
        conform: Conformance,
        maps: Sequence[RecordMap],
    ) -> None:
        self._check = check
        self._conform = conform
        self._maps = maps
        self._pages = 0

    def __call__(
        self, records: Sequence[dict[str, Any]], tenant_id: str, received: datetime, version: int | None
    ) -> Iterator[RecordMessage]:
        """Turn records into messages."""
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # of several records at once, so that the log has all types of a field
            self._conform.note_unknown({**record, "tenant_id": tenant_id} for record in records[:MAX_EXAMPLES])
        for record in records:
            self._check(record)
            conformed = self._conform({**record, "tenant_id": tenant_id})
            for mapping in self._maps:
                mapped = mapping(conformed)
                if mapped is not None:
                    yield RecordMessage(mapping.stream, mapped, version=version, time_extracted=received)


class LineWriter(PageWriter):
    """The fast path: one encoding a page."""

    def __init__(self, output: MessageWriter, tenant_id: str, lines: RecordLines) -> None:
        super().__init__(output, tenant_id)
        self._lines = lines

    def write(self, records: list[Any], received: datetime, version: int | None) -> None:
        """Write a page."""
        self._output.write_lines(self._lines.encode(records, self._tenant_id, received, version))
        self._output.flush()


class RecordWriter(PageWriter):
    """One message a record, for streams with maps or flattening."""

    def __init__(self, output: MessageWriter, tenant_id: str, messages: Messages) -> None:
        super().__init__(output, tenant_id)
        self._messages = messages

    def write(self, records: list[Any], received: datetime, version: int | None) -> None:
        """Write a page."""
        for message in self._messages(records, self._tenant_id, received, version):
            self._output.write_message(message)
        self._output.flush()


class BatchWriter(PageWriter):
    """Files of records instead of RECORD messages; a page is settled when the BATCH message of its file is out."""

    def __init__(
        self, output: MessageWriter, tenant_id: str, messages: Messages, *, config: BatchConfig, tap_name: str
    ) -> None:
        super().__init__(output, tenant_id)
        self._messages = messages
        self._config = config
        self._tap_name = tap_name
        self._records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._oldest = 0.0
        """When the first of the held records was written, by the monotonic clock."""

    def write(self, records: list[Any], received: datetime, version: int | None) -> None:
        """Hold a page, and write files once there is enough for one, or after :data:`MAX_HELD_SECONDS`."""
        if self.settled:
            self._oldest = time.monotonic()
        for message in self._messages(records, self._tenant_id, received, version):
            self._records[message.stream].append(message.record)
        self.settled = False
        is_due = time.monotonic() - self._oldest >= MAX_HELD_SECONDS
        if is_due or any(len(held) >= self._config.batch_size for held in self._records.values()):
            self.close()

    def close(self) -> None:
        """Write files and their BATCH messages."""
        for name, records in self._records.items():
            for manifest in self._files(name, records):
                message = SDKBatchMessage(stream=name, encoding=self._config.encoding, manifest=manifest)
                self._output.write_message(message)
        self._records.clear()
        self.settled = True

    def _files(self, name: str, records: list[dict[str, Any]]) -> list[list[str]]:
        try:
            return list(Batcher(self._tap_name, name, self._config).get_batches(iter(records)))
        except Exception as error:  # noqa: BLE001 -- of whatever storage and format the config names
            text = str(error) if isinstance(error, (ImportError, OSError)) else ""
            msg = f"The files of BATCH cannot be written: {type(error).__name__}{text and f' ({text})'}."
            raise BatchError(msg) from None

"""Files of records instead of RECORD messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import SDKBatchMessage

from tap_servicetitan.errors import BatchError
from tap_servicetitan.output.batch.jsonl_file import JSONLFile
from tap_servicetitan.output.record_structs import to_dict
from tap_servicetitan.output.writers import PageWriter

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig

    from tap_servicetitan.output.messages import MessageWriter
    from tap_servicetitan.output.written_records import Written

MAX_HELD_SECONDS = 300.0
"""Records are held no longer than this for a fuller BATCH file, once there is another page."""


class HeldRecords(Protocol):
    """Records of a stream on the way to files of at most ``batch_size`` records."""

    @property
    def count(self) -> int:
        """How many there are."""

    def add(self, records: list[Any]) -> None:
        """Hold records, structs or dicts."""

    def write(self) -> Iterator[list[str]]:
        """Write the files; yield the manifest of each BATCH message."""


class HeldLines:
    """Records that become files of JSON lines."""

    def __init__(self, name: str, config: BatchConfig) -> None:
        """Begin.

        Args:
            name: What the files' names begin with.
            config: Says where the files are, and how large and how compressed.
        """
        self.count = 0
        self._name = name
        self._config = config
        self._files: list[JSONLFile] = []

    def add(self, records: list[Any]) -> None:
        """Hold records."""
        size = self._config.batch_size
        self.count += len(records)
        while records:
            if not self._files or self._files[-1].records == size:
                self._files.append(JSONLFile(self._config.encoding.compression))
            file = self._files[-1]
            room = size - file.records
            file.add(records[:room])
            records = records[room:]

    def write(self) -> Iterator[list[str]]:
        """Write the files."""
        storage = self._config.storage
        run = f"{storage.prefix or ''}{self._name}-{uuid4()}"
        for number, file in enumerate(self._files, start=1):
            filename = f"{run}-{number}{file.suffix}"
            with storage.open(filename, "wb") as opened:
                opened.writelines(file.close())
            yield [storage.get_url(filename)]


class HeldDicts:
    """Records that the SDK writes, in another format."""

    def __init__(self, tap_name: str, stream: str, config: BatchConfig) -> None:
        self._batcher = Batcher(tap_name, stream, config)
        self._records: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._records)

    def add(self, records: list[Any]) -> None:
        """Hold records."""
        self._records += map(to_dict, records)

    def write(self) -> Iterator[list[str]]:
        """Write the files."""
        return self._batcher.get_batches(iter(self._records))


class BatchWriter(PageWriter):
    """Files of records instead of RECORD messages; a page is settled when the BATCH message of its file is out."""

    def __init__(
        self, output: MessageWriter, tenant_id: str, written: Written, *, config: BatchConfig, tap_name: str
    ) -> None:
        super().__init__(output, tenant_id, written)
        self._config = config
        self._tap_name = tap_name
        self._held: dict[str, HeldRecords] = {}
        self._oldest = 0.0
        """When the first of the held records was written, by the monotonic clock."""

    def write(self, records: list[Any], received: datetime, version: int | None) -> None:  # noqa: ARG002 -- a file has neither
        """Hold a page, and write files once there is enough for one, or after :data:`MAX_HELD_SECONDS`."""
        if self.settled:
            self._oldest = time.monotonic()
        for stream, written in self._written(records, self._tenant_id):
            self._held_of(stream).add(written)
        self.settled = False
        is_due = time.monotonic() - self._oldest >= MAX_HELD_SECONDS
        if is_due or any(held.count >= self._config.batch_size for held in self._held.values()):
            self.close()

    def close(self) -> None:
        """Write files and their BATCH messages."""
        for stream, held in self._held.items():
            for manifest in _written_files(held):
                message = SDKBatchMessage(stream=stream, encoding=self._config.encoding, manifest=manifest)
                self._output.write_message(message)
        self._held.clear()
        self.settled = True

    def _held_of(self, stream: str) -> HeldRecords:
        if stream not in self._held:
            lines = self._config.encoding.format == "jsonl"
            self._held[stream] = (
                HeldLines(f"{self._tap_name}--{stream}", self._config)
                if lines
                else HeldDicts(self._tap_name, stream, self._config)
            )
        return self._held[stream]


def _written_files(held: HeldRecords) -> list[list[str]]:
    try:
        return list(held.write())
    except Exception as error:  # noqa: BLE001 -- of whatever storage and format the config names
        text = str(error) if isinstance(error, (ImportError, OSError)) else ""
        msg = f"The files of BATCH cannot be written: {type(error).__name__}{text and f' ({text})'}."
        raise BatchError(msg) from None

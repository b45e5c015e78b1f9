"""The roads from a page to Singer messages: as lines, through the SDK, or into batches."""

from __future__ import annotations

import abc
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from singer_sdk.batch import Batcher
from singer_sdk.exceptions import MapExpressionError
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import RecordMessage

from tap_servicetitan.errors import BatchError
from tap_servicetitan.output.conformance import Conformance
from tap_servicetitan.output.decoder import NoStructError, RecordLines, TypeCheck

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_servicetitan.output.conformance import Schema
    from tap_servicetitan.streams.base import EndpointStream
    from tap_servicetitan.streams.pagination import Page


class PageWriter(abc.ABC):
    """Writes the pages of a stream of a tenant."""

    settled = True
    """Whether everything written so far is with the target, so that a bookmark may cover it."""

    def __init__(self, stream: EndpointStream, tenant_id: str) -> None:
        self._stream = stream
        self._tenant_id = tenant_id

    @abc.abstractmethod
    def write(self, page: Page) -> None:
        """Write a page."""

    def close(self) -> None:
        """Write what is held back, if anything is."""
        return


class MessageByMessage(PageWriter):
    """A road that leads through the SDK's messages, one a record."""

    def __init__(self, stream: EndpointStream, tenant_id: str) -> None:
        super().__init__(stream, tenant_id)
        schema = stream.effective_schema
        self._check = TypeCheck(_wire_schema(stream, schema), stream.violations)
        self._conformed = Conformance(schema, stream.mask, stream.violations.unknown)

    def _messages(self, page: Page) -> Iterator[RecordMessage]:
        """Turn a page into messages: selected, conformed, mapped, flattened."""
        for record in page.records:
            self._check(record)
            conformed = self._conformed({**record, "tenant_id": self._tenant_id})
            for mapping in self._stream.stream_maps:
                mapped = self._mapped(mapping, conformed)
                if mapped is not None:
                    yield RecordMessage(
                        stream=mapping.stream_alias,
                        record=mapped,
                        version=self._stream._stream_version,  # noqa: SLF001 -- the SDK's own messages read it too
                        time_extracted=page.received,
                    )

    def _mapped(self, mapping: StreamMap, record: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return mapping.transform(record)
        except MapExpressionError:
            raise
        except Exception as error:  # noqa: BLE001 -- a user's expression may raise anything
            msg = f"The stream map fails with {type(error).__name__}."  # its text may quote the record
            raise MapExpressionError(msg) from None


class LineWriter(PageWriter):
    """The fast road: one encoding a page."""

    def __init__(self, stream: EndpointStream, tenant_id: str, lines: RecordLines) -> None:
        super().__init__(stream, tenant_id)
        self._lines = lines

    def write(self, page: Page) -> None:
        """Write a page."""
        version = self._stream._stream_version  # noqa: SLF001 -- the SDK's road reads it too
        lines = self._lines.encode(page.records, self._tenant_id, page.received, version)
        self._stream.tap.output.write_lines(lines)
        self._stream.tap.output.flush()


class RecordWriter(MessageByMessage):
    """The slow road: each record through the SDK, for streams with maps or flattening."""

    def write(self, page: Page) -> None:
        """Write a page."""
        for message in self._messages(page):
            self._stream.tap.write_message(message)
        self._stream.tap.output.flush()


class BatchWriter(MessageByMessage):
    """Files of records instead of RECORD messages; a page is settled when the BATCH message of its file is out."""

    def __init__(self, stream: EndpointStream, tenant_id: str, config: BatchConfig) -> None:
        super().__init__(stream, tenant_id)
        self._config = config
        self._records: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def write(self, page: Page) -> None:
        """Hold a page, and write files once there is enough for one."""
        for message in self._messages(page):
            self._records[message.stream].append(message.record)
        self.settled = False
        if any(len(records) >= self._config.batch_size for records in self._records.values()):
            self.close()

    def close(self) -> None:
        """Write files and their BATCH messages."""
        for name, records in self._records.items():
            for manifest in self._files(name, records):
                message = SDKBatchMessage(stream=name, encoding=self._config.encoding, manifest=manifest)
                self._stream.tap.write_message(message)
        self._records.clear()
        self.settled = True

    def _files(self, name: str, records: list[dict[str, Any]]) -> list[list[str]]:
        try:
            return list(Batcher(self._stream.tap_name, name, self._config).get_batches(iter(records)))
        except Exception as error:  # noqa: BLE001 -- of whatever storage and format the config names
            text = str(error) if isinstance(error, (ImportError, OSError)) else ""
            msg = f"The files of BATCH cannot be written: {type(error).__name__}{text and f' ({text})'}."
            raise BatchError(msg) from None


def lines_of(stream: EndpointStream) -> RecordLines | None:
    """Return the fast road of a stream, or None if it has maps, flattening or records made of rows."""
    if len(stream.stream_maps) != 1 or stream.transforms_rows:
        return None
    mapping = stream.stream_maps[0]
    flattens = mapping.flattening_options is not None and mapping.flattening_options.enabled
    if type(mapping) is not SameRecordTransform or flattens:
        return None
    schema = mapping.transformed_schema
    try:
        conformed = Conformance(schema, stream.mask, stream.violations.unknown)
        return RecordLines(stream.name, schema, _wire_schema(stream, schema), conformed)
    except NoStructError:
        return None


def _wire_schema(stream: EndpointStream, schema: Schema) -> Schema:
    """Return the schema of a record as the API sends it: what the tap adds may be missing."""
    return {
        **schema,
        "required": [key for key in schema.get("required", ()) if key not in stream.endpoint.added_fields],
    }

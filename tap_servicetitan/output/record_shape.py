"""What a stream's records look like, and with it how they are read and written."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib import SchemaMessage

from tap_servicetitan.output.conformance import Conformance
from tap_servicetitan.output.decoder import Decoder, KeepingDecoder
from tap_servicetitan.output.kept_fields import KeptFields
from tap_servicetitan.output.record_lines import RecordLines
from tap_servicetitan.output.record_types import NoStructError, struct_field_name
from tap_servicetitan.output.stream_maps import RecordMap
from tap_servicetitan.output.unknown_fields import UnknownField, is_kept
from tap_servicetitan.output.violations import TypeCheck
from tap_servicetitan.output.writers import BatchWriter, LineWriter, PageWriter, RecordMessages, RecordWriter

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.mapper import StreamMap

    from tap_servicetitan.output.conformance import Mask
    from tap_servicetitan.output.messages import MessageWriter
    from tap_servicetitan.output.record_types import Schema
    from tap_servicetitan.output.violations import SchemaViolations


class WritableStream(Protocol):
    """What the output needs of a stream: as the SDK's streams have it, once the catalog is applied."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def tap_name(self) -> str:
        """Name of the tap, for the files of BATCH."""

    @property
    def effective_schema(self) -> dict[str, Any]:
        """The catalog's schema, deselected fields included."""

    @property
    def mask(self) -> Mask:
        """What is selected."""

    @property
    def stream_maps(self) -> Sequence[StreamMap]:
        """The maps, of which one changes nothing if the user has set none."""


class RecordShape:
    """What a stream's records look like.

    Made once per stream: structs and lines if nothing stands between the API's records and the RECORD messages, else
    dicts and one message a record.
    """

    def __init__(  # noqa: PLR0913 -- all that records depend on
        self,
        stream: WritableStream,
        output: MessageWriter,
        violations: SchemaViolations,
        *,
        added_fields: Collection[str] = (),
        from_rows: bool = False,
        batch_config: BatchConfig | None = None,
    ) -> None:
        """Make the shape of a stream.

        Args:
            stream: Its name, schema, selection and maps.
            output: Where messages go.
            violations: Notes what does not fit.
            added_fields: Fields that the tap sets in each record.
            from_rows: Whether the tap makes the records of the answer's rows, which are read as dicts.
            batch_config: How to write files instead of RECORD messages, if so.
        """
        self._stream = stream
        self._output = output
        self._violations = violations
        self._added_fields = added_fields
        self._batch_config = batch_config
        schema = stream.effective_schema
        self._keep = is_kept(schema, stream.mask)
        self._conform = Conformance(schema, stream.mask, self._note_unknown, keep=self._keep)
        self._lines = None if batch_config or from_rows else self._make_lines()

    def decoder(self, body_type: Any, *, rows: Any = None) -> Decoder[Any]:
        """Return what reads the bytes of a page.

        Args:
            body_type: Generic struct type around the records.
            rows: Type of the answer's rows, if they are not records yet.
        """
        if self._lines is None or rows is not None:
            return Decoder(body_type, dict[str, Any] if rows is None else rows, self._violations)
        if self._lines.kept:
            return KeepingDecoder(body_type, self._lines.kept, self._violations)
        return Decoder(
            body_type,
            self._lines.record_type,
            self._violations,
            known=self._lines.sent,
            note_unknown=self._conform.note_unknown,
        )

    def writer(self, tenant_id: str) -> PageWriter:
        """Return what writes a tenant's pages."""
        if self._lines:
            return LineWriter(self._output, tenant_id, self._lines)
        if self._batch_config:
            return BatchWriter(
                self._output, tenant_id, self._messages, config=self._batch_config, tap_name=self._stream.tap_name
            )
        return RecordWriter(self._output, tenant_id, self._messages)

    def write_schema(self, replication_key: str | None) -> None:
        """Write the SCHEMA messages: one for each map that lets records through."""
        for mapping in self._stream.stream_maps:
            if isinstance(mapping, RemoveRecordTransform):
                continue
            schema = mapping.transformed_schema
            bookmarks = [replication_key] if replication_key and replication_key in schema["properties"] else None
            keys = mapping.transformed_key_properties
            self._output.write_message(SchemaMessage(mapping.stream_alias, schema, keys, bookmarks))

    def set_fields(self, records: list[Any], values: Mapping[str, Any]) -> None:
        """Put into records what the API does not send with them."""
        fields = [(name, value) for key, value in values.items() if (name := self._field_name(key))]
        for record in records:
            if record.__class__ is dict:
                record.update(values)
                continue
            for name, value in fields:
                setattr(record, name, value)

    def values(self, records: list[Any], key: str) -> Iterator[Any]:
        """Yield the values that records have for a field, if it is selected."""
        name = self._field_name(key)
        for record in records:
            if record.__class__ is dict:
                yield record.get(key)
            elif name:
                yield getattr(record, name)

    def to_structs(self, records: list[dict[str, Any]]) -> list[Any]:
        """Return records that the tap made of an answer as they are written fastest."""
        return self._lines.to_structs(records) if self._lines else records

    def _note_unknown(self, fields: list[UnknownField]) -> None:
        if self._keep:
            self._violations.kept(path for path, _ in fields)
        else:
            self._violations.unknown(fields, self._stream.effective_schema)

    def _field_name(self, key: str) -> str | None:
        return struct_field_name(self._lines.schema, key) if self._lines else None

    def _make_lines(self) -> RecordLines | None:
        """Return the fast path of the stream, or None if it has maps or flattening."""
        if len(self._stream.stream_maps) != 1:
            return None
        (mapping,) = self._stream.stream_maps
        if type(mapping) is not SameRecordTransform or mapping.flattening_enabled:
            return None
        schema = mapping.transformed_schema
        try:
            sent = self._as_sent(schema)
            known = self._as_sent(self._stream.effective_schema)
            kept = KeptFields(sent, known, self._violations) if self._keep else None
            return RecordLines(self._stream.name, schema, sent, self._conform, kept)
        except NoStructError:
            return None

    @functools.cached_property
    def _messages(self) -> RecordMessages:
        check = TypeCheck(self._as_sent(self._stream.effective_schema), self._violations)
        return RecordMessages(check, self._conform, [RecordMap(mapping) for mapping in self._stream.stream_maps])

    def _as_sent(self, schema: Schema) -> Schema:
        """Return the schema of a record as the API sends it: what the tap sets may be missing or null."""
        required = [key for key in schema.get("required", ()) if key not in self._added_fields]
        properties = {
            name: _nullable(field) if name in self._added_fields else field
            for name, field in schema["properties"].items()
        }
        return {**schema, "properties": properties, "required": required}


def _nullable(schema: Schema) -> Schema:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    return {**schema, "type": [*types, "null"]} if types and "null" not in types else schema

"""What a stream's records look like, and with it how they are read and written."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.singerlib import SchemaMessage

from tap_servicetitan.output.batch.batch_writer import BatchWriter
from tap_servicetitan.output.conformance import Conformance
from tap_servicetitan.output.decoder import Decoder, KeepingDecoder
from tap_servicetitan.output.kept_fields import KeptFields
from tap_servicetitan.output.maps.projection import Mapped, Unchanged, mapped_by
from tap_servicetitan.output.record_structs import RecordStructs
from tap_servicetitan.output.record_types import NoStructError, struct_field_name
from tap_servicetitan.output.unknown_fields import UnknownField, is_kept
from tap_servicetitan.output.violations import TypeCheck
from tap_servicetitan.output.writers import LineWriter, PageWriter
from tap_servicetitan.output.written_records import CheckedRecords, MappedRecords, PlainRecords, Written

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import SelectionMask

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
    def mask(self) -> SelectionMask:
        """What is selected."""

    @property
    def stream_maps(self) -> Sequence[StreamMap]:
        """The maps, of which one changes nothing if the user has set none."""


class RecordShape:
    """What a stream's records look like.

    Made once per stream: structs, from the API's bytes to what is written, and dicts where structs cannot stand for the
    schema.
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
        self._selected: Schema = get_selected_schema(stream.name, schema, stream.mask)
        self._structs = None if from_rows else self._make_structs()

    def decoder(self, body_type: Any, *, rows: Any = None) -> Decoder[Any]:
        """Return what reads the bytes of a page.

        Args:
            body_type: Generic struct type around the records.
            rows: Type of the answer's rows, if they are not records yet.
        """
        if self._structs is None or rows is not None:
            return Decoder(body_type, dict[str, Any] if rows is None else rows, self._violations)
        if self._structs.kept:
            return KeepingDecoder(body_type, self._structs.kept, self._violations)
        return Decoder(
            body_type,
            self._structs.record_type,
            self._violations,
            known=self._structs.sent,
            note_unknown=self._conform.note_unknown,
        )

    def writer(self, tenant_id: str) -> PageWriter:
        """Return what writes a tenant's pages."""
        if self._batch_config is None:
            return LineWriter(self._output, tenant_id, self._written)
        return BatchWriter(
            self._output, tenant_id, self._written, config=self._batch_config, tap_name=self._stream.tap_name
        )

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

    def from_columns(self, columns: Mapping[str, Iterable[Any]], count: int) -> list[Any]:
        """Make records of their fields' values, which fit the schema.

        Args:
            columns: By field, a value for each record. Fields that are not selected are left out.
            count: How many records there are.
        """
        if self._structs:
            return self._structs.from_columns(columns, count)
        values = (itertools.islice(column, count) for column in columns.values())
        return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)] or [{} for _ in range(count)]

    def _note_unknown(self, fields: list[UnknownField]) -> None:
        if self._keep:
            self._violations.kept(path for path, _ in fields)
        else:
            self._violations.unknown(fields, self._stream.effective_schema)

    def _field_name(self, key: str) -> str | None:
        return struct_field_name(self._structs.schema, key) if self._structs else None

    def _make_structs(self) -> RecordStructs | None:
        """Return the structs of the stream's records, or None if there are none for its schema.

        A map and flattening have to find the unknown fields that a record keeps, so they take dicts then.
        """
        schema = self._selected
        plain = [isinstance(one, Unchanged) for one in self._mapped_by(None)]
        if self._keep and not all(plain):
            return None
        try:
            sent = self._as_sent(schema)
            known = self._as_sent(self._stream.effective_schema)
            kept = KeptFields(sent, known, self._violations) if self._keep else None
            return RecordStructs(schema, sent, self._conform, kept)
        except NoStructError:
            return None

    def _mapped_by(self, structs: RecordStructs | None) -> list[Mapped]:
        return mapped_by(self._stream.stream_maps, structs, self._selected["properties"])

    @functools.cached_property
    def _written(self) -> Written:
        maps = self._mapped_by(self._structs)
        if self._structs is None:
            check = TypeCheck(self._as_sent(self._stream.effective_schema), self._violations)
            return CheckedRecords(check, self._conform, maps)
        match maps:
            case [Unchanged(stream=stream)]:
                return PlainRecords(stream, self._structs)
        return MappedRecords(self._structs, maps)

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

"""From structs to RECORD messages, a page at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from tap_servicetitan.output.kept_fields import KeptFields
from tap_servicetitan.output.record_types import Schema, check_number, encoder, record_type, struct_field_name


class RecordLines:
    """Encodes a page's records as RECORD messages, one a line."""

    def __init__(
        self,
        stream: str,
        schema: Schema,
        sent: Schema,
        conform: Callable[[dict[str, Any]], dict[str, Any]],
        kept: KeptFields | None = None,
    ) -> None:
        """Make the encoder of a stream.

        Args:
            stream: Its name.
            schema: Its selected schema, as in its SCHEMA message.
            sent: The same, as the API sends records.
            conform: The conformance, for records that do not fit.
            kept: The unknown fields, if they are kept.

        Raises:
            NoStructError: As :func:`record_type`.
        """
        self.schema = dict(schema)
        self.sent = sent
        self.record_type = record_type(sent)
        """Type of the records that fit."""
        self._conform = conform
        self.kept = kept
        """The unknown fields, if they are kept."""
        self._tenant_field = struct_field_name(schema, "tenant_id")
        self._head = b'{"type":"RECORD","stream":' + encoder.encode(stream) + b',"record":'

    def to_structs(self, records: list[dict[str, Any]]) -> list[Any]:
        """Return records that the tap made of an answer as structs, unless one of them does not fit."""
        try:
            return msgspec.convert(records, list[self.record_type], dec_hook=check_number)  # type: ignore[name-defined]  # made at run time
        except msgspec.ValidationError:
            return list(records)

    def encode(self, records: list[Any], tenant_id: str, received: datetime, version: int | None) -> bytes:
        """Return the lines of a page.

        Args:
            records: Structs, and dicts of records that do not fit.
            tenant_id: Put first in each record.
            received: When the page came, ``time_extracted``.
            version: Version of a full table, if it has one.
        """
        if not records:
            return b""
        if self.kept:
            moves = self.kept.moves
            for record in records:
                if move := moves.get(record.__class__):
                    move(record)
        for number, record in enumerate(records):
            if record.__class__ is dict:
                records[number] = self._conform({**record, "tenant_id": tenant_id})
            elif self._tenant_field:
                setattr(record, self._tenant_field, tenant_id)
        # Encoded JSON has no newline within, so the messages' heads and tails can be put around all at once.
        tail = b"" if version is None else b',"version":%d' % version
        tail += b',"time_extracted":' + encoder.encode(received) + b"}"
        body = encoder.encode_lines(records)[:-1].replace(b"\n", tail + b"\n" + self._head)
        return self._head + body + tail + b"\n"

"""From a page of JSON to RECORD lines.

The fast road: a page is decoded straight into structs made from the stream's selected schema. msgspec's C code drops
what is deselected or unknown and checks every type, and one call encodes the page. A record that does not fit its
struct takes the SDK's conformance, alone. The slow road, for streams with maps, flattening or BATCH, is the SDK's for
every record. Both write the same bytes.
"""

from __future__ import annotations

import contextlib
import decimal
import logging
import numbers
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from tap_servicetitan.output.conformance import Conformance, Schema, kind_of

R = TypeVar("R")


class FeedPage(msgspec.Struct, Generic[R]):
    """What an export feed wraps around its records."""

    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    continueFrom: str | None = None  # noqa: N815 -- as on the wire; the documents say it is always there


class NoStructError(Exception):
    """A schema that structs cannot stand for."""


_JSON_NAMES = {"NoneType": "null", "dict": "object", "list": "array"}
_JSON_NUMBER = re.compile("float|decimal")


def _number(_: type, value: Any) -> Any:
    """Let numbers pass as they are; msgspec's own Decimal would take strings as well and so change them."""
    if value.__class__ is decimal.Decimal or value.__class__ is int:
        return value
    name = value.__class__.__name__
    msg = f"Expected `number`, got `{_JSON_NAMES.get(name, name)}`"
    raise ValueError(msg)


class _Nothing:
    """Type of a field that is read and then left out."""


_NOTHING = _Nothing()
_PASSED_OVER: Schema = {"type": "passed over"}
"""Stands in a schema for a field that it lacked and that was told."""

MOST_UNKNOWN = 50
"""Unknown fields of a stream that are passed over one by one; reading each costs about 0.1 microseconds a record."""


def _number_or_nothing(kind: type, value: Any) -> Any:
    return _NOTHING if kind is _Nothing else _number(kind, value)


_UNKNOWN = "contains unknown field"
"""Part of msgspec's words for a field that an exact type lacks."""


def _decimal_or_text(number: str) -> decimal.Decimal | str:
    try:
        return decimal.Decimal(number)
    except decimal.InvalidOperation:  # an exponent beyond 10^18
        return number


_encoder = msgspec.json.Encoder(decimal_format="number")
_any_record = msgspec.json.Decoder(dict[str, Any], float_hook=_decimal_or_text)
_VIOLATION = (msgspec.ValidationError, decimal.InvalidOperation)


_UNSPEAKABLE = re.compile(r'["\\\x00-\x1f]')
"""What a name in a struct must not hold; columns of custom reports may."""


def _decoder(kind: Any, hook: Callable[[type, Any], Any] = _number) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=hook, float_hook=decimal.Decimal)


def as_dict(record: Any) -> dict[str, Any]:
    """Return a record, whatever it was decoded into, as a dict."""
    return _any_record.decode(_encoder.encode(record))


def record_type(schema: Schema, name: str = "Record", *, exact: bool = False) -> Any:
    """Make the struct type of an object's schema; ``f0``, ``f1`` … are its properties in order.

    A property that a record lacks stays absent, and null stays null.

    Args:
        schema: The object's.
        name: Of the type, for debuggers.
        exact: Whether properties that the schema lacks are refused; else they are dropped.

    Raises:
        NoStructError: The schema lets unknown properties pass, which a struct would drop; or a property's name has
            letters that msgspec refuses.
    """
    properties = schema.get("properties")
    if properties is None or (not properties and schema.get("additionalProperties")):
        return dict[str, Any]
    if schema.get("additionalProperties") or any(map(_UNSPEAKABLE.search, properties)):
        raise NoStructError
    required = schema.get("required", ())
    fields: list[Any] = []
    for number, (key, property_schema) in enumerate(properties.items()):
        if property_schema is _PASSED_OVER:
            fields.append((f"f{number}", _Nothing, _NOTHING))
            continue
        kind = _value_type(property_schema, f"{name}_{number}", exact=exact)
        if key in required and key != "tenant_id":
            fields.append((f"f{number}", kind))
        else:
            fields.append((f"f{number}", kind | msgspec.UnsetType if kind is not Any else kind, msgspec.UNSET))
    rename = {f"f{number}": key for number, key in enumerate(properties)}
    # Defaults are left out when a struct is written: what is passed over, and UNSET anyway.
    return msgspec.defstruct(
        name,
        fields,
        rename=rename,
        kw_only=True,
        gc=False,
        forbid_unknown_fields=exact,
        omit_defaults=_PASSED_OVER in properties.values(),
    )


def _with_unknown(schema: Schema, record: Mapping[str, Any]) -> Schema:
    """Return an object's schema in which what a record has besides is passed over."""
    known = schema.get("properties")
    if known is None or schema.get("additionalProperties"):
        return schema
    properties = {key: _with_unknown_inside(each, record.get(key)) for key, each in known.items()}
    unknown = dict.fromkeys((key for key in record if key not in known), _PASSED_OVER)
    return {**schema, "properties": {**properties, **unknown}}


def _with_unknown_inside(schema: Schema, value: Any) -> Schema:
    match kind_of(schema):
        case "object" if isinstance(value, dict):
            return _with_unknown(schema, value)
        case "array" if isinstance(value, list):
            items = schema.get("items") or {}
            for item in value:
                items = _with_unknown_inside(items, item)
            return {**schema, "items": items}
        case _:
            return schema


def _passed_over(schema: Schema) -> int:
    """Count the fields that are passed over."""
    inner = (*schema.get("properties", {}).values(), schema.get("items", {}))
    return (schema is _PASSED_OVER) + sum(_passed_over(each) for each in inner if each)


def attribute(schema: Schema, key: str) -> str | None:
    """Return the name of the struct's attribute for a property of the schema."""
    return next((f"f{number}" for number, name in enumerate(schema["properties"]) if name == key), None)


def _value_type(schema: Schema, name: str, *, exact: bool, listed: bool = False) -> Any:
    one = kind_of(schema)
    if one is None:
        if "properties" in schema:
            raise NoStructError  # some of them may be deselected
        return Any
    kind: Any
    match one:
        case "object":
            kind = record_type(schema, name, exact=exact)
        case "array" if not listed:
            kind = list[_value_type(schema.get("items") or {}, name, exact=exact, listed=True)]  # type: ignore[misc]  # made at run time
        case "string":
            kind = str
        case "integer":
            kind = int
        case "boolean":
            kind = bool
        case "number":
            kind = numbers.Number
        case _:
            return Any  # a list in a list, which the SDK's conformance leaves alone too
    return kind | None if "null" in schema["type"] else kind


_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # a half
    rb"|\\.",
    re.DOTALL,
)


def replace_invalid_unicode(body: bytes) -> bytes:
    """Replace what no Unicode text may hold, which msgspec refuses, by U+FFFD: stray bytes and lone surrogates."""
    text = body.decode(errors="replace").encode()
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


class Decoder(Generic[R]):
    """Reads pages into structs, or into dicts where a record does not fit."""

    def __init__(
        self,
        envelope: Any,
        record: Any,
        on_violation: Callable[[str], None],
        *,
        known: Schema | None = None,
        on_unknown: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> None:
        """Make the decoder of a stream.

        Args:
            envelope: Generic struct type around the records, such as :class:`FeedPage`.
            record: Struct type of the records, or ``dict[str, Any]``.
            on_violation: Told why a record does not fit; never its values.
            known: The records' schema, if fields that it lacks are to be found. Once found, they are passed over. After a
                page with fields that are deselected, or with more than :data:`MOST_UNKNOWN` unknown ones so far, no more
                are looked for, since passing over so many would cost more than they are worth.
            on_unknown: Shown records that have such fields, as dicts, and takes out what is deselected.
        """
        self._on_violation = on_violation
        self._on_unknown = on_unknown
        self._raw_page = msgspec.json.Decoder(envelope[msgspec.Raw])
        self._record = _decoder(record)
        self._envelope = envelope
        self._loose_page = self._page = _decoder(envelope[record])
        self._learning = threading.Lock()
        self._known: Schema = {}
        self._exact: msgspec.json.Decoder[Any] | None = None
        if known:
            self._expect(known)

    def __call__(self, body: bytes) -> Any:
        """Read a page.

        Raises:
            msgspec.DecodeError: It is not JSON, or not a page.
        """
        try:
            return self._page.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, decimal.InvalidOperation) as error:
            return self._second_reading(body, error)

    def _second_reading(self, body: bytes, error: Exception) -> Any:
        if isinstance(error, _VIOLATION):
            page = self._raw_page.decode(body)
            if self._has_unknown(page.data):
                return self(body)
            page.data = [self._read(raw) for raw in page.data]
            return page
        mended = replace_invalid_unicode(body)
        if mended == body:
            raise error
        page = self(mended)
        self._on_violation("Text that is not Unicode, replaced by U+FFFD")
        return page

    def _expect(self, known: Schema) -> None:
        """Refuse what a schema lacks from now on."""
        exact = record_type(known, exact=True)
        self._known = known
        self._exact = _decoder(exact, _number_or_nothing)
        self._page = _decoder(self._envelope[exact], _number_or_nothing)

    def _has_unknown(self, records: list[msgspec.Raw]) -> bool:
        """Tell whether records have unknown fields; if so, show them, and pass the fields over from now on."""
        found = stuck = False
        with self._learning:  # several threads may read pages of a stream
            for raw in records:
                if self._exact and _has_unknown(raw, self._exact):
                    found = True
                    record = _any_record.decode(raw)
                    self._on_unknown(record)
                    known = _with_unknown(self._known, record)
                    if known == self._known:
                        stuck = True  # on what is deselected
                    else:
                        self._expect(known)
            if stuck or _passed_over(self._known) > MOST_UNKNOWN:
                self._exact, self._page = None, self._loose_page
        return found

    def _read(self, raw: msgspec.Raw) -> Any:
        try:
            return self._record.decode(raw)
        except _VIOLATION as error:
            record = _any_record.decode(raw)
            typed = isinstance(error, msgspec.ValidationError)
            self._on_violation(str(error) if typed else "Number that no decimal can hold, kept as text,")
            return record


def _has_unknown(raw: msgspec.Raw, exact: msgspec.json.Decoder[Any]) -> bool:
    try:
        exact.decode(raw)
    except _VIOLATION as error:
        return _UNKNOWN in str(error)
    return False


class SchemaViolations:
    """Tells, once a field, that records are not as the schema says, and counts those of another type.

    Any thread may call it.
    """

    def __init__(self, stream: str, logger: logging.Logger) -> None:
        self._stream = stream
        self._logger = logger
        self._unknown: set[str] = set()
        self._lock = threading.Lock()
        self.count: Counter[str] = Counter()

    def __call__(self, reason: str) -> None:
        """Take note of why a record does not fit, as msgspec says it: types and a path, never a value."""
        what, _, where = _JSON_NUMBER.sub("number", reason).partition(" - at `$")
        field = re.sub(r"\[[^\]]*\]", "[]", where.rstrip("`")).removeprefix(".") or "the record"
        with self._lock:
            self.count[field] += 1
            first = self.count[field] == 1
        if first:
            self._logger.warning(
                "Stream %s: %s in %s. Such records are written nevertheless.",
                self._stream,
                what[0].lower() + what[1:],
                field,
            )

    def unknown(self, fields: Iterable[str]) -> None:
        """Take note of fields that the schema lacks; :data:`MOST_UNKNOWN` of them are told."""
        with self._lock:
            news = [field for field in dict.fromkeys(fields) if field not in self._unknown]
            del news[MOST_UNKNOWN - len(self._unknown) :]
            self._unknown.update(news)
        if news:
            self._logger.warning(
                "Stream %s: fields that the catalog lacks are left out: %s. Discover again to have them.",
                self._stream,
                ", ".join(news),
            )

    def summary(self) -> None:
        """Tell at the end of a run how many there were."""
        for field, count in self.count.items():
            self._logger.warning("Stream %s: %d records do not fit the schema in %s.", self._stream, count, field)


class TypeCheck:
    """Notes which records, read into dicts, do not fit their schema, as a :class:`Decoder` does of structs."""

    def __init__(self, schema: Schema, on_violation: Callable[[str], None]) -> None:
        """Make the check of a stream; a schema that structs cannot stand for is fitted by everything.

        Args:
            schema: The stream's, as the API sends records.
            on_violation: Told why a record does not fit; never its values.
        """
        self._on_violation = on_violation
        self._struct: Any = Any
        with contextlib.suppress(NoStructError):
            self._struct = record_type(schema)

    def __call__(self, record: dict[str, Any]) -> None:
        """Check a record."""
        try:
            msgspec.convert(record, self._struct, dec_hook=_number)
        except msgspec.ValidationError as error:
            self._on_violation(str(error))


class RecordLines:
    """Encodes a page's records as RECORD messages, one a line."""

    def __init__(self, stream: str, schema: Schema, wire: Schema, conformed: Conformance) -> None:
        """Make the encoder of a stream.

        Args:
            stream: Its name.
            schema: Its selected schema, as its SCHEMA message says.
            wire: The same, as the API sends records.
            conformed: The SDK's treatment, for records that do not fit.

        Raises:
            NoStructError: As :func:`record_type`.
        """
        self.schema = dict(schema)
        self.struct = record_type(wire)
        """Type of the records that fit."""
        self.wire = wire
        self.conformed = conformed
        self._tenant_attribute = attribute(schema, "tenant_id")
        self._head = b'{"type":"RECORD","stream":' + _encoder.encode(stream) + b',"record":'

    def fitted(self, records: list[dict[str, Any]]) -> list[Any]:
        """Return records that the tap made of an answer as structs, unless one of them does not fit."""
        try:
            return msgspec.convert(records, list[self.struct], dec_hook=_number)  # type: ignore[name-defined]  # made at run time
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
        for number, record in enumerate(records):
            if record.__class__ is dict:
                records[number] = self.conformed({**record, "tenant_id": tenant_id})
            elif self._tenant_attribute:
                setattr(record, self._tenant_attribute, tenant_id)
        # Encoded JSON has no newline within, so the messages' heads and tails can be put around all at once.
        tail = b"" if version is None else b',"version":%d' % version
        tail += b',"time_extracted":' + _encoder.encode(received) + b"}"
        body = _encoder.encode_lines(records)[:-1].replace(b"\n", tail + b"\n" + self._head)
        return self._head + body + tail + b"\n"

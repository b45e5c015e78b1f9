"""From the bytes of a page to records.

On the fast path a page is decoded straight into structs made from the stream's selected schema: msgspec's C code ignores
what is deselected or unknown and checks every type. A record that does not fit its struct becomes a dict, alone.
"""

from __future__ import annotations

import contextlib
import decimal
import itertools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from typing_extensions import override

from tap_servicetitan.output.record_types import Schema, decode_dict, json_decoder, record_type

if TYPE_CHECKING:
    from tap_servicetitan.output.kept_fields import KeptFields, RecordTypes
    from tap_servicetitan.output.violations import SchemaViolations

R = TypeVar("R")

MAX_EXAMPLES = 100
"""Records of a page that are searched for the names of unknown fields."""


class FeedPage(msgspec.Struct, Generic[R]):
    """What an export feed wraps around its records."""

    data: list[R]
    hasMore: bool  # noqa: N815 -- as on the wire
    continueFrom: str | None = None  # noqa: N815 -- as on the wire; the documents say it is always there


_UNKNOWN = "contains unknown field"
"""Part of msgspec's words for a field that a strict type lacks."""

_VIOLATION = (msgspec.ValidationError, decimal.InvalidOperation)
_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, decimal.InvalidOperation)

_NUL = re.compile(rb"\\u0000")  # a regular expression, since it searches twice as fast as bytes.find
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # a half
    rb"|(\\u0000)"
    rb"|\\.",
    re.DOTALL,
)


def _replace(body: bytes, group: int) -> bytes:
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[group] else escape[0], body)


def replace_nul(body: bytes) -> bytes:
    """Replace NUL, which databases refuse in text, by U+FFFD."""
    return _replace(body, 2) if _NUL.search(body) else body


def replace_invalid_unicode(body: bytes) -> bytes:
    """Replace what no Unicode text may hold, which msgspec refuses, by U+FFFD: stray bytes and lone surrogates."""
    return _replace(body.decode(errors="replace").encode(), 1)


class Decoder(Generic[R]):
    """Reads pages into structs, or into dicts where a record does not fit."""

    def __init__(
        self,
        body_type: Any,
        record: Any,
        violations: SchemaViolations,
        *,
        known: Schema | None = None,
        note_unknown: Callable[[Iterable[dict[str, Any]]], None] | None = None,
    ) -> None:
        """Make the decoder of a stream.

        Args:
            body_type: Generic struct type around the records, such as :class:`FeedPage`.
            record: Struct type of the records, or ``dict[str, Any]``.
            violations: Notes why a record does not fit; never its values.
            known: The records' schema, if fields that it lacks are to be found. Pages are read strictly until the first
                with such fields, or with deselected ones. Then structs ignore them, at no cost, and only pages 2, 4, 8 …
                are read strictly, for the names of new ones.
            note_unknown: Called with records that have such fields, or deselected ones.
        """
        self._violations = violations
        self._note_unknown = note_unknown
        self._raw_page = msgspec.json.Decoder(body_type[msgspec.Raw])
        self._record = json_decoder(record)
        self._page = json_decoder(body_type[record])
        strict = record_type(known, strict=True) if known else None
        self._strict_record = json_decoder(strict) if strict else None
        self._strict_page = json_decoder(body_type[strict]) if strict else self._page
        self._has_unknown = False
        self._pages = 0

    def __call__(self, body: bytes) -> Any:
        """Read a page.

        Raises:
            msgspec.DecodeError: It is not JSON, or not a page.
        """
        if b"\\" in body and _NUL.search(body):
            body = self._without_nul(body)
        try:
            return self._decode(body)
        except _FAILURES as error:
            return self._decode_again(body, error)

    def _decode(self, body: bytes) -> Any:
        self._pages += 1  # a count that threads get wrong by one or two does no harm
        strict = not self._has_unknown or self._pages & (self._pages - 1) == 0
        return (self._strict_page if strict else self._page).decode(body)

    def _without_nul(self, body: bytes) -> bytes:
        replaced = replace_nul(body)
        if replaced != body:
            self._violations.replaced("NUL characters")
        return replaced

    def _decode_again(self, body: bytes, error: Exception) -> Any:
        if not isinstance(error, _VIOLATION):
            replaced = replace_invalid_unicode(body)
            if replaced == body:
                raise error
            self._violations.replaced("characters that are not Unicode")
            return self(replaced)
        page = self._raw_page.decode(body)
        if self._strict_record and self._find_unknown(page.data, self._strict_record):
            self._has_unknown = True
            try:
                return self._page.decode(body)
            except _VIOLATION:
                pass  # other records do not fit
        page.data = [self._read(raw) for raw in page.data]
        return page

    def _find_unknown(self, records: list[msgspec.Raw], strict: msgspec.json.Decoder[Any]) -> bool:
        """Return whether records have unknown or deselected fields; the log names the unknown ones."""
        found = list(itertools.islice((raw for raw in records if not _fits(raw, strict)), MAX_EXAMPLES))
        if self._note_unknown:
            self._note_unknown(map(decode_dict, found))
        return bool(found)

    def _read(self, raw: msgspec.Raw) -> Any:
        try:
            return self._record.decode(raw)
        except _VIOLATION as error:
            reason = str(error) if isinstance(error, msgspec.ValidationError) else "Number whose exponent is too large"
            record = decode_dict(raw)
            self._violations(reason)
            return record


class KeepingDecoder(Decoder[R]):
    """Reads pages into structs that have unknown fields too."""

    def __init__(self, body_type: Any, kept: KeptFields, violations: SchemaViolations) -> None:
        """Make the decoder of a stream.

        Args:
            body_type: Generic struct type around the records.
            kept: The unknown fields, and types that have them.
            violations: Notes why a record does not fit.
        """
        super().__init__(body_type, kept.types.record, violations)
        self._body_type = body_type
        self._kept = kept
        self._use(kept.types)

    def _use(self, types: RecordTypes) -> None:
        """Read into these types from now on; the strict ones change last, since other threads may be reading."""
        self._record, self._page = json_decoder(types.record), json_decoder(self._body_type[types.record])
        self._all_record, self._all_page = json_decoder(types.strict), json_decoder(self._body_type[types.strict])
        self._types = types

    @override
    def _decode(self, body: bytes) -> Any:
        if self._types is not self._kept.types:  # another decoder has seen new fields
            self._use(self._kept.types)
        check, page = self._all_page, self._page
        if self._kept.deselects:
            check.decode(body)
            return page.decode(body)
        return check.decode(body)

    @override
    def _decode_again(self, body: bytes, error: Exception) -> Any:
        if _UNKNOWN in str(error):
            with contextlib.suppress(msgspec.ValidationError):  # a record that is not an object
                self._kept.learn(map(decode_dict, self._raw_page.decode(body).data))
            if self._types is not self._kept.types:
                return self(body)
        return super()._decode_again(body, error)

    @override
    def _read(self, raw: msgspec.Raw) -> Any:
        return super()._read(raw) if _fits(raw, self._all_record) else decode_dict(raw)


def _fits(raw: msgspec.Raw, strict: msgspec.json.Decoder[Any]) -> bool:
    """Return whether a record has no field that a strict type lacks."""
    try:
        strict.decode(raw)
    except _VIOLATION as error:
        return _UNKNOWN not in str(error)
    return True

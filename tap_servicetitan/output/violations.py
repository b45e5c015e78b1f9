"""What is logged of records that are not as their schema says."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tap_servicetitan.errors import shown
from tap_servicetitan.output.record_types import NoStructError, Schema, check_number, record_type
from tap_servicetitan.output.unknown_fields import Remedy, UnknownField

MAX_UNKNOWN_LOGGED = 50
"""Unknown fields of a stream that the log names."""

_JSON_NUMBER = re.compile("float|decimal")
_WRITTEN = {"str": "as their JSON text", "bool": "unchanged, except 0 and 1 as false and true"}
"""How values of another type are written, by the type that was expected."""


class SchemaViolations:
    """Logs, once a field, that records are not as the schema says, and counts those of another type.

    Any thread may call it.
    """

    def __init__(self, stream: str, logger: logging.Logger) -> None:
        self._stream = stream
        self._logger = logger
        self._unknown: set[str] = set()
        self._kept: set[str] = set()
        self._remedy = Remedy(stream)
        self._replaced: set[str] = set()
        self._lock = threading.Lock()
        self.count: Counter[str] = Counter()
        self._wrong: set[str] = set()
        """Fields with values of a wrong type that the tap does not write as text: a target may refuse them."""

    def __call__(self, reason: str) -> None:
        """Note why a record does not fit, in msgspec's words: types and a path, never a value."""
        what, _, where = _JSON_NUMBER.sub("number", reason).partition(" - at `$")
        path = re.sub(r"\[[^\]]*\]", "[]", where.rstrip("`")).removeprefix(".")
        field = shown(path) or "the record"
        with self._lock:
            self.count[field] += 1
            first = self.count[field] == 1
            expected = re.search(r"`(\w+)", what)
            if first and (expected is None or expected[1] != "str"):
                self._wrong.add(field)
        if first:
            self._logger.log(
                logging.WARNING if field in self._wrong else logging.INFO,  # text loses nothing
                "Stream %s: %s in %s. Such values are written %s.",
                self._stream,
                what[0].lower() + what[1:],
                field,
                _WRITTEN.get(expected[1] if expected else "str", "unchanged"),
            )

    def replaced(self, text: str) -> None:
        """Note that characters of a kind were replaced by U+FFFD."""
        with self._lock:
            first = text not in self._replaced
            self._replaced.add(text)
        if first:
            self._logger.warning("Stream %s: text has %s, replaced by U+FFFD.", self._stream, text)

    def unknown(self, fields: Iterable[UnknownField], schema: Schema) -> None:
        """Note fields that the schema lacks, so that they are ignored; the log names :data:`MAX_UNKNOWN_LOGGED`."""
        with self._lock:
            found = list(fields)
            if all(path in self._unknown for path, _ in found):
                return
            self._remedy.add(found, schema)
            news = _news(self._unknown, (path for path, _ in found))
            remedy = str(self._remedy) if news else ""
        if news:
            self._logger.warning(
                "Stream %s: fields that the catalog lacks are ignored: %s. %s", self._stream, ", ".join(news), remedy
            )

    def kept(self, paths: Iterable[str]) -> None:
        """Note fields that the schema lacks, and that are kept; the log names :data:`MAX_UNKNOWN_LOGGED`."""
        with self._lock:
            news = _news(self._kept, paths)
        if news:
            self._logger.info("Stream %s: fields that the catalog lacks are kept: %s.", self._stream, ", ".join(news))

    def summary(self) -> None:
        """Log at the end of a run how many there were."""
        for field, count in self.count.items():
            self._logger.log(
                logging.WARNING if field in self._wrong else logging.INFO,
                "Stream %s: %d records do not fit the schema in %s.",
                self._stream,
                count,
                field,
            )


def _news(seen: set[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that the log has not named, and add them to those that it has."""
    news = [path for path in dict.fromkeys(paths) if path not in seen]
    del news[MAX_UNKNOWN_LOGGED - len(seen) :]
    seen.update(news)
    return [shown(path) for path in news]


class TypeCheck:
    """Notes which records, read into dicts, do not fit their schema, as a decoder does of structs."""

    def __init__(self, schema: Schema, on_violation: Callable[[str], None]) -> None:
        """Make the check of a stream; every record fits a schema that structs cannot stand for.

        Args:
            schema: The stream's, as the API sends records.
            on_violation: Called with the reason why a record does not fit; never with its values.
        """
        self._on_violation = on_violation
        self._type: Any = Any
        with contextlib.suppress(NoStructError):
            self._type = record_type(schema)

    def __call__(self, record: dict[str, Any]) -> None:
        """Check a record."""
        try:
            msgspec.convert(record, self._type, dec_hook=check_number)
        except msgspec.ValidationError as error:
            self._on_violation(str(error))

"""Maps without expressions and flattening, made once: from a struct to what is written, without a dict between."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from tap_servicetitan.output.maps.columns import (
    Flattening,
    Leaf,
    NotSimpleError,
    Part,
    leaves,
    map_columns,
    plain_parts,
)
from tap_servicetitan.output.maps.record_map import RecordMap
from tap_servicetitan.output.maps.stream_maps import definition_of
from tap_servicetitan.output.record_types import NoStructError, positional_type

if TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap

    from tap_servicetitan.output.record_structs import RecordStructs

Values = Callable[[Any], Sequence[Any]]
"""Returns the values of a struct's fields."""


class Unchanged:
    """The records as they are, where another map makes something else of them."""

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def page(self, records: Sequence[Any]) -> list[Any]:
        """Return a page."""
        return list(records)


class Projection:
    """What is written of structs; other records, and a few that the SDK treats in its own way, go to the SDK."""

    def __init__(self, mapping: StreamMap, structs: RecordStructs) -> None:
        """Make the projection of a map.

        Args:
            mapping: The SDK's, which flattens if that is on.
            structs: The records' structs.

        Raises:
            NotSimpleError: The map has expressions, or it depends on a record which fields it has.
        """
        properties = structs.sent["properties"]
        made = map_columns(definition_of(mapping), properties, mapping.transformed_key_properties or ())
        flat = mapping.transformed_schema["properties"]
        options = mapping.flattening_options
        parts = (
            Flattening(options, flat).parts(made.columns, properties)
            if options and mapping.flattening_enabled
            else plain_parts(made.columns, properties)
        )
        written = list(leaves(parts))
        try:
            self._make = positional_type(leaf.name for leaf in written)
        except NoStructError:
            raise NotSimpleError from None
        self._values = _reader(parts)
        self._changes = [(number, leaf.change) for number, leaf in enumerate(written) if leaf.change]
        names = list(properties)
        self._needed = _attributes([f"f{names.index(name)}" for name in made.needed])
        self._record_map = RecordMap(mapping, properties)
        self.stream = mapping.stream_alias
        """Name of the stream that the records go to."""

    def page(self, records: Sequence[Any]) -> list[Any]:
        """Return what becomes of a page."""
        written = []
        for record in records:
            try:
                written.append(self._projected(record))
            except NotSimpleError:
                written += self._record_map.page([record])
        return written

    def _projected(self, record: Any) -> Any:
        if record.__class__ is dict or msgspec.UNSET in self._needed(record):
            raise NotSimpleError
        values = list(self._values(record))
        for number, change in self._changes:
            values[number] = change(values[number])
        return self._make(*values)


Mapped = Unchanged | Projection | RecordMap


def mapped_by(maps: Iterable[StreamMap], structs: RecordStructs | None, properties: Collection[str]) -> list[Mapped]:
    """Return what applies each map that lets records through, in the fastest way that it allows.

    Args:
        maps: The stream's.
        structs: The records' structs, if they have them.
        properties: Names of the records' fields.
    """
    return [_mapped(mapping, structs, properties) for mapping in maps if not isinstance(mapping, RemoveRecordTransform)]


def _mapped(mapping: StreamMap, structs: RecordStructs | None, properties: Collection[str]) -> Mapped:
    if isinstance(mapping, SameRecordTransform) and not mapping.flattening_enabled:
        return Unchanged(mapping.stream_alias)
    if structs is None:
        return RecordMap(mapping, properties)
    try:
        return Projection(mapping, structs)
    except NotSimpleError:
        return RecordMap(mapping, properties)


def _reader(parts: Sequence[Part]) -> Values:
    """Return what reads the values of all leaves, in order."""
    segments: list[Values] = []
    run: list[str] = []
    for part in parts:
        if isinstance(part, Leaf):
            run.append(part.field)
            continue
        if run:
            segments.append(_attributes(run))
            run = []
        segments.append(_nested(part))
    if run or not segments:
        segments.append(_attributes(run))
    if len(segments) == 1:
        return segments[0]

    def values(record: Any) -> Sequence[Any]:
        found: list[Any] = []
        for segment in segments:
            found += segment(record)
        return found

    return values


def _nested(part: Any) -> Values:
    field = operator.attrgetter(part.field)
    inner = _reader(part.parts)
    size = len(list(part.leaves()))
    nulls = (None,) * size
    missing = nulls if part.null_if_absent else (msgspec.UNSET,) * size

    def values(record: Any) -> Sequence[Any]:
        value = field(record)
        if value is None:
            return nulls
        return missing if value is msgspec.UNSET else inner(value)

    return values


def _attributes(fields: Sequence[str]) -> Values:
    if len(fields) > 1:
        return operator.attrgetter(*fields)
    if not fields:
        return lambda _: ()
    one = operator.attrgetter(*fields)
    return lambda record: (one(record),)

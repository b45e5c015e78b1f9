"""Records of a stream as another operation shows them: fewer fields or more, and the same values in those of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tap_servicetitan.simulator.fake.record_context import RecordContext
from tap_servicetitan.simulator.fake.record_maker import Schema, field_maker, types_of

Show = Callable[[Any, RecordContext], Any]
"""Returns what an operation shows of a value of the stream."""

_WHOLE_RECORD: Final = frozenset({"calls.leadCall", "materials_markup.data"})
"""Fields that only the operation has, and that hold the record of the stream."""

_MEANINGS: Final[Mapping[str, str]] = {"calls.type": "jobType", "locations.": "preferredTechnicianId"}
"""What a field is about, where its name in the operation does not say it; an answer that is no object has no name."""


class RecordView:
    """Shows the records of a stream by the schema of another operation."""

    def __init__(self, stream: str, source: Schema, target: Schema) -> None:
        """Compare the two schemas.

        Args:
            stream: The stream.
            source: Schema of its records.
            target: Schema of the operation's records.
        """
        self._show = _showing(stream, None, "", source, target)

    def show(self, record: dict[str, Any], context: RecordContext) -> Any:
        """Return what the operation shows of a record; the context says which record it is."""
        if self._show is None:
            return record
        context.values = record
        context.active = record.get("active") is not False
        return self._show(record, context)


def _showing(stream: str, parent: str | None, name: str, source: Schema, target: Schema) -> Show | None:
    """Return what shows a value; None where the operation has it unchanged."""
    if types_of(source) != types_of(target):
        return _making(stream, parent, name, target)
    if target.get("properties"):
        return _object(stream, name, source, target)
    show = _showing(stream, parent, name, source["items"], target["items"]) if "items" in target else None
    if show is None:
        return None
    return lambda value, context: value and [show(item, context.part(number)) for number, item in enumerate(value)]


def _making(stream: str, parent: str | None, name: str, target: Schema) -> Show:
    """Return what makes a value that the stream does not have: always the same one for a record."""
    make = field_maker(stream, parent, _MEANINGS.get(f"{stream}.{name}", name), target)

    def show(_: Any, context: RecordContext) -> Any:
        context.rng = Random(f"{context.origin}:{parent}.{name}")
        return make(context)

    return show


def _object(stream: str, name: str, source: Schema, target: Schema) -> Show | None:
    known, fields = source["properties"], target["properties"]
    parent = name or None
    whole = {field: one for field, one in fields.items() if f"{stream}.{field}" in _WHOLE_RECORD}
    shared = {
        field: _showing(stream, parent, field, known[field], one)
        for field, one in fields.items()
        if field in known and field not in whole
    }
    own = {field: _object(stream, "", source, one) for field, one in whole.items()} | {
        field: _making(stream, parent, field, one) for field, one in fields.items() if field not in known | whole
    }
    if not own and shared.keys() == known.keys() and not any(shared.values()):
        return None

    def show(value: Any, context: RecordContext) -> Any:
        if value is None:
            return None
        shown = {
            field: one if (make := shared.get(field)) is None else make(one, context)
            for field, one in value.items()
            if field in shared or field not in known  # A field that was added to the records is in all operations.
        }
        return shown | {field: value if make is None else make(value, context) for field, make in own.items()}

    return show

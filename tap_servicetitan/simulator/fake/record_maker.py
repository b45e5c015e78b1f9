"""Fake records: the JSON schema of a stream, compiled to functions that fill its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.simulator.fake import vocabulary
from tap_servicetitan.simulator.fake.field_names import plural, split_words
from tap_servicetitan.simulator.fake.key_fields import key_makers
from tap_servicetitan.simulator.fake.record_context import RecordContext
from tap_servicetitan.simulator.fake.references import first_id, streams, target_stream
from tap_servicetitan.simulator.fake.text_fields import FieldMaker, text_field

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.fake.identities import Identities

Schema = Mapping[str, Any]

_NULL_SHARE: Final = 0.1
_OFTEN_NULL_SHARE: Final = 0.8
_INACTIVE_SHARE: Final = 0.04
_MIXER: Final = 2_654_435_761
_MAX_32_BITS: Final = 0xFFFF_FFFF
_HOLE_SHARE: Final = 0.02
_NUMBER_SHARE: Final = 0.2
_UNUSED: Final = Random(0)
"""A view decides by chance with a source of its own for each field."""

_UNCHANGING: Final = frozenset({"id", "createdOn", "modifiedOn", "active", "name", "type", "address"})


class RecordMaker:
    """Makes the records of one stream of one tenant; the same index always gives the same record."""

    def __init__(
        self,
        endpoint: Endpoint,
        schema: Schema,
        identities: Identities,
        tenant_id: int,
        added: Sequence[tuple[str, ...]] = (),
    ) -> None:
        """Make records by a schema.

        Args:
            endpoint: Where they are read.
            schema: Theirs.
            identities: Their ids, and those that they refer to.
            tenant_id: Whose they are.
            added: Paths of text fields that the records have besides; the list may grow.
        """
        self.identities = identities
        self._added = added
        self._origin = f"{identities.seed}:{tenant_id}:{endpoint.name}"
        self._origin_number = crc32(self._origin.encode())
        self._stream = endpoint.name
        self._keys = endpoint.keys
        self._modified_on_may_be_null = "modifiedOn" in vocabulary.NULL_BY_DOCUMENT.get(endpoint.name, ())
        absent = set(endpoint.added_fields) - endpoint.sent_fields
        properties = {name: one for name, one in schema["properties"].items() if name not in absent}
        self._text_id = _type(properties.get("id", {})) == "string"
        self._indices_by_id: dict[str, int] = {}
        keys = key_makers(endpoint, properties, identities)
        always_set = keys.keys() | _path_fields(endpoint.name)
        self._makers = [
            (name, keys.get(name) or (_value if name in always_set else field_maker)(endpoint.name, None, name, one))
            for name, one in properties.items()
        ]
        fixed = _UNCHANGING | set(endpoint.keys) | always_set
        self._changing = [
            (n, make) for n, make in self._makers if n not in fixed and split_words(n)[-1] not in {"id", "ids"}
        ]

    def make(self, index: int, version: int, *, created: int, modified: int, deleted: bool) -> dict[str, Any]:
        """Make the record as the API sends it after ``version`` changes; the first record has no null.

        Args:
            index: Number of the record in the order of creation.
            version: How often the record has changed.
            created: When it was created, in ticks.
            modified: When it changed last, in ticks.
            deleted: Whether it was deleted, and so is inactive.
        """
        record = RecordContext(index, self._random(index, 0), self.identities, created=created, modified=modified)
        record.active = not deleted and self.active(index)
        values = record.values
        for name, make in self._makers:
            values[name] = make(record)
        for change in range(1, version + 1):
            record.rng = self._random(index, change)
            for name, make in self._changing and (record.pick(self._changing), record.pick(self._changing)):
                values[name] = make(record)
        if (
            self._modified_on_may_be_null
            and created == modified
            and not record.complete
            and record.rng.random() < _NULL_SHARE
        ):
            values["modifiedOn"] = None
        if values.get("employeeType") == "Technician":
            self._let_technician_be_meant(values)
        for path in self._added:
            _add(values, path, f"{path[-1]} {index}")
        return values

    def _let_technician_be_meant(self, values: dict[str, Any]) -> None:
        """Let the id of an employee be that of a technician: they are two streams with ids of their own."""
        if isinstance(employee := values.get("employeeId"), int):
            number = employee - first_id("employees")
            is_key = "employeeId" in self._keys
            values["employeeId"] = first_id("technicians") + (
                number if is_key else number % max(1, self.identities.size("technicians"))
            )

    def context(self, index: int, *, created: int, modified: int) -> RecordContext:
        """Return what a view of a record needs to make fields that the stream does not have."""
        record = RecordContext(index, _UNUSED, self.identities, created=created, modified=modified)
        record.origin = f"{self._origin}:{index}"
        return record

    def active(self, index: int) -> bool:
        """Return whether a record that was not deleted is active: a list asks it of every record."""
        mixed = crc32(b"%d" % index, self._origin_number) * _MIXER & _MAX_32_BITS
        return index == 0 or mixed >= _INACTIVE_SHARE * _MAX_32_BITS

    def id_of(self, index: int) -> int | str:
        """Return a record's id."""
        if self._text_id:
            return self.identities.text_id(self._stream, index)
        return first_id(self._stream) + index

    def find(self, record_id: str, count: int) -> int | None:
        """Return the index of the record with this id among the first ``count`` records; None if there is none."""
        if self._text_id:
            for index in range(len(self._indices_by_id), count):
                self._indices_by_id[str(self.id_of(index))] = index
            return self._indices_by_id.get(record_id)
        index = int(record_id) - first_id(self._stream) if record_id.isdecimal() else -1
        return index if 0 <= index < count else None

    def _random(self, index: int, version: int) -> Random:
        return Random(f"{self._origin}:{index}:{version}")


def _add(value: Any, path: tuple[str, ...], text: str) -> None:
    """Add a field to an object, or to each object of a list."""
    if isinstance(value, list):
        for item in value:
            _add(item, path, text)
    elif isinstance(value, dict):
        if len(path) == 1:
            value[path[0]] = text
        else:
            _add(value.get(path[0]), path[1:], text)


def _path_fields(stream: str) -> set[str]:
    """Return the fields that stand in the paths of the streams below this one."""
    nested = [one for one in streams().values() if isinstance(one, Nested) and one.parent == stream]
    return {field for one in nested for field in one.path_params.values()}


def types_of(schema: Schema) -> list[str]:
    """Return the types that are not null; a schema without a type counts as a string."""
    types = schema.get("type", "string")
    return [types] if isinstance(types, str) else [name for name in types if name != "null"] or ["string"]


def _type(schema: Schema) -> str:
    return types_of(schema)[0]


def _nullable(schema: Schema) -> bool:
    return "null" in schema.get("type", ())


def field_maker(stream: str, parent: str | None, name: str, schema: Schema) -> FieldMaker:
    """Return the maker of a field that is sometimes null where its schema allows null."""
    make = _value(stream, parent, name, schema)
    by_document = () if parent else vocabulary.NULL_BY_DOCUMENT.get(stream, ())
    set_unless_listed = name in vocabulary.NOT_NULL and (name not in by_document or name == "modifiedOn")
    if not _nullable(schema) or set_unless_listed:
        return make
    words = split_words(name)
    share = _OFTEN_NULL_SHARE if words[0] in vocabulary.OFTEN_NULL or words[-1] == "unit" else _NULL_SHARE
    return lambda record: None if record.rng.random() < share and not record.complete else make(record)


def _value(stream: str, parent: str | None, name: str, schema: Schema) -> FieldMaker:
    json_type = _type(schema)
    if json_type == "string" and name in vocabulary.SOMETIMES_NUMBERS.get(stream, ()):
        make = text_field(stream, parent, name, schema.get("format"))
        return lambda record: record.below(3) if record.rng.random() < _NUMBER_SHARE else make(record)
    if json_type == "object":
        return _object(stream, name, schema)
    if json_type == "array":
        return _array(stream, parent, name, schema.get("items", {}))
    if json_type == "integer":
        return _integer(stream, parent, name)
    if json_type in {"number", "boolean"}:
        return _number(name) if json_type == "number" else _boolean(name)
    return text_field(stream, parent, name, schema.get("format"))


def _object(stream: str, name: str, schema: Schema) -> FieldMaker:
    makers = [(field, field_maker(stream, name, field, one)) for field, one in schema.get("properties", {}).items()]
    if not makers:  # The documents do not say what is in it, such as in a category's subcategories below the first
        return lambda record: {"name": record.pick(vocabulary.SUMMARIES)}
    return lambda record: {field: make(record) for field, make in makers}


def _array(stream: str, parent: str | None, name: str, items: Schema) -> FieldMaker:
    make = _value(stream, parent, name, items)
    holes = _nullable(items)
    scalar = _type(items) not in {"object", "array"}

    def fill(record: RecordContext) -> list[Any]:
        values = [make(record) for _ in range(1 + record.below(2) if record.complete else record.below(3))]
        if scalar:
            values = list(dict.fromkeys(values))
        if holes and not record.complete:  # seen in employees' permissions, membership types' durationBilling
            values = [None if record.rng.random() < _HOLE_SHARE else value for value in values]
        return values

    return fill


def _id_target(stream: str, parent: str | None, name: str) -> str:
    """Return the stream that a field with an id points to."""
    if parent in {"customFields", "customField"} and name == "typeId":
        return vocabulary.CUSTOM_FIELDS.get(stream, "types")
    if special := vocabulary.OWN_ALIASES.get(f"{stream}.{parent or name}"):
        return special
    if name == "id" and parent:
        return target_stream(parent)
    return stream if split_words(name)[0] in {"merged", "parent"} else target_stream(name)


_SMALL_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "year": (2024, 2), "years": (1, 10), "month": (1, 12), "months": (1, 24), "day": (1, 28), "days": (1, 60),
    "hour": (6, 14), "hours": (1, 8), "duration": (1, 24), "minutes": (5, 120), "order": (0, 20),
}  # fmt: skip


def _integer(stream: str, parent: str | None, name: str) -> FieldMaker:
    words = split_words(name)
    last = words[-1]
    if last in {"id", "ids"} or name in {"createdBy", "modifiedBy", "soldBy"}:
        if name == "id" and parent is None:
            own = first_id(stream)
            return lambda record: (
                None if record.rng.random() < _NULL_SHARE and not record.complete else own + record.index
            )
        if parent and plural("_".join(words[:-1])) == stream:  # Names the record that it is in.
            return lambda record: first_id(stream) + record.index
        target = _id_target(stream, parent, name)
        base = first_id(target)
        return lambda record: base + record.identities.choose(target, record.rng)
    low, span = _SMALL_NUMBERS.get(last, (0, 10))
    return lambda record: low + record.below(span)


def _number(name: str) -> FieldMaker:
    last = split_words(name)[-1]
    if last == "latitude":
        return lambda record: round(record.place[3] + record.rng.random() / 20, 6)
    if last == "longitude":
        return lambda record: round(record.place[4] + record.rng.random() / 20, 6)
    if last in {"hours", "quantity", "qty", "duration"}:
        return lambda record: (1 + record.below(32)) / 4
    if last == "rating":
        return lambda record: 1 + record.below(9) / 2
    if last in {"percent", "percentage", "rate", "share", "allocation", "split"}:
        return lambda record: record.below(1_000) / 10
    return lambda record: record.below(250_000) / 100


def _boolean(name: str) -> FieldMaker:
    if name in {"active", "isActive"}:
        return lambda record: record.active
    return lambda record: record.rng.random() < _NULL_SHARE * 3

"""Made-up records: a stream's JSON schema compiled to a function that fills it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.simulator import words
from tap_servicetitan.simulator.identities import Identities, collection, first_number, streams
from tap_servicetitan.simulator.identities import words as split
from tap_servicetitan.simulator.keys import key_makers
from tap_servicetitan.simulator.row import Row
from tap_servicetitan.simulator.texts import Maker, text

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint

Schema = Mapping[str, Any]

_NULL_SHARE: Final = 0.1
_OFTEN_NULL_SHARE: Final = 0.8
_INACTIVE_SHARE: Final = 0.04
_HOLE_SHARE: Final = 0.02
_NUMBER_SHARE: Final = 0.2
_UNCHANGING: Final = frozenset({"id", "createdOn", "modifiedOn", "active", "name", "type", "address"})


class RecordMaker:
    """Makes the records of one stream of one tenant, the same ones whenever asked."""

    def __init__(self, endpoint: Endpoint, schema: Schema, identities: Identities, tenant_id: int) -> None:
        self.identities = identities
        self._origin = f"{identities.seed}:{tenant_id}:{endpoint.name}"
        self._stream = endpoint.name
        self._modified_on_may_be_null = endpoint.name in words.NULL_MODIFIED_ON
        properties = {name: one for name, one in schema["properties"].items() if name not in endpoint.added_fields}
        self._text_id = _type(properties.get("id", {})) == "string"
        self._guids: dict[str, int] = {}
        keys = key_makers(endpoint, properties, identities)
        always = keys.keys() | _needed(endpoint.name)
        self._makers = [
            (name, keys.get(name) or (_value if name in always else _field)(endpoint.name, None, name, one))
            for name, one in properties.items()
        ]
        fixed = _UNCHANGING | set(endpoint.keys) | always
        self._changing = [(n, make) for n, make in self._makers if n not in fixed and split(n)[-1] not in {"id", "ids"}]

    def make(self, index: int, version: int, *, created: int, modified: int, deleted: bool) -> dict[str, Any]:
        """Make the record as the API sends it once it was changed ``version`` times; the first has no null."""
        row = Row(index, self._random(index, 0), self.identities, created=created, modified=modified)
        row.active = not deleted and (row.rng.random() >= _INACTIVE_SHARE or row.full)
        values = row.values
        for name, make in self._makers:
            values[name] = make(row)
        for change in range(1, version + 1):
            row.rng = self._random(index, change)
            for name, make in self._changing and (row.pick(self._changing), row.pick(self._changing)):
                values[name] = make(row)
        if self._modified_on_may_be_null and created == modified and not row.full and row.rng.random() < _NULL_SHARE:
            values["modifiedOn"] = None
        return values

    def active(self, index: int) -> bool:
        """Tell whether a record that nobody deleted is active."""
        return index == 0 or self._random(index, 0).random() >= _INACTIVE_SHARE

    def identify(self, index: int) -> int | str:
        """Return a record's id."""
        if self._text_id:
            return self.identities.guid(self._stream, index)
        return first_number(self._stream) + index

    def find(self, identity: str, count: int) -> int | None:
        """Return which of so many records has the id."""
        if self._text_id:
            for index in range(len(self._guids), count):
                self._guids[str(self.identify(index))] = index
            return self._guids.get(identity)
        index = int(identity) - first_number(self._stream) if identity.isdecimal() else -1
        return index if 0 <= index < count else None

    def _random(self, index: int, version: int) -> Random:
        return Random(f"{self._origin}:{index}:{version}")


def _needed(stream: str) -> set[str]:
    """Name the fields that fill the paths of collections nested in this one."""
    nested = [one for one in streams().values() if isinstance(one, Nested) and one.parent == stream]
    return {field for one in nested for field in one.path_params.values()}


def _types(schema: Schema) -> list[str]:
    """Return the types that are not null; a schema may leave it open."""
    types = schema.get("type", "string")
    return [types] if isinstance(types, str) else [name for name in types if name != "null"] or ["string"]


def _type(schema: Schema) -> str:
    return _types(schema)[0]


def _nullable(schema: Schema) -> bool:
    return "null" in schema.get("type", ())


def _field(stream: str, parent: str | None, name: str, schema: Schema) -> Maker:
    """Make a field that is null at times where its schema allows it."""
    make = _value(stream, parent, name, schema)
    if not _nullable(schema) or name in words.ALWAYS_SET:
        return make
    parts = split(name)
    share = _OFTEN_NULL_SHARE if parts[0] in words.OFTEN_NULL or parts[-1] == "unit" else _NULL_SHARE
    return lambda row: None if row.rng.random() < share and not row.full else make(row)


def _value(stream: str, parent: str | None, name: str, schema: Schema) -> Maker:
    kind, *others = _types(schema)
    if others:  # a status of marketing-ads, landedCostMethod: enumerations that arrive as numbers at times
        make = _value(stream, parent, name, {**schema, "type": kind})
        return lambda row: row.below(3) if row.rng.random() < _NUMBER_SHARE else make(row)
    if kind == "object":
        return _object(stream, name, schema)
    if kind == "array":
        return _array(stream, parent, name, schema.get("items", {}))
    if kind == "integer":
        return _integer(stream, parent, name)
    if kind in {"number", "boolean"}:
        return _number(name) if kind == "number" else _boolean(name)
    return text(stream, parent, name, schema.get("format"))


def _object(stream: str, name: str, schema: Schema) -> Maker:
    makers = [(field, _field(stream, name, field, one)) for field, one in schema.get("properties", {}).items()]
    if not makers:  # open: whatever the documents do not say, such as a category's subcategories below the first
        return lambda row: {"name": row.pick(words.SUMMARIES)}
    return lambda row: {field: make(row) for field, make in makers}


def _array(stream: str, parent: str | None, name: str, items: Schema) -> Maker:
    make = _value(stream, parent, name, items)
    holes = _nullable(items)
    scalar = _type(items) not in {"object", "array"}

    def fill(row: Row) -> list[Any]:
        values = [make(row) for _ in range(1 + row.below(2) if row.full else row.below(3))]
        if scalar:
            values = list(dict.fromkeys(values))
        if holes and not row.full:  # seen in employees' permissions, membership types' durationBilling
            values = [None if row.rng.random() < _HOLE_SHARE else value for value in values]
        return values

    return fill


def _target(stream: str, parent: str | None, name: str) -> str:
    """Name the collection that a number points to."""
    if parent in {"customFields", "customField"} and name == "typeId":
        return words.CUSTOM_FIELDS.get(stream, "types")
    if special := words.OWN_ALIASES.get(f"{stream}.{parent or name}"):
        return special
    if name == "id" and parent:
        return collection(parent)
    return stream if split(name)[0] in {"merged", "parent"} else collection(name)


_SMALL_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "year": (2024, 2), "years": (1, 10), "month": (1, 12), "months": (1, 24), "day": (1, 28), "days": (1, 60),
    "hour": (6, 14), "hours": (1, 8), "duration": (1, 24), "minutes": (5, 120), "order": (0, 20),
}  # fmt: skip


def _integer(stream: str, parent: str | None, name: str) -> Maker:
    parts = split(name)
    last = parts[-1]
    if last in {"id", "ids"} or name in {"createdBy", "modifiedBy", "soldBy"}:
        if name == "id" and parent is None:
            own = first_number(stream)
            return lambda row: None if row.rng.random() < _NULL_SHARE and not row.full else own + row.index
        target = _target(stream, parent, name)
        base = first_number(target)
        return lambda row: base + row.identities.choose(target, row.rng)
    low, span = _SMALL_NUMBERS.get(last, (0, 10))
    return lambda row: low + row.below(span)


def _number(name: str) -> Maker:
    last = split(name)[-1]
    if last == "latitude":
        return lambda row: round(row.place[3] + row.rng.random() / 20, 6)
    if last == "longitude":
        return lambda row: round(row.place[4] + row.rng.random() / 20, 6)
    if last in {"hours", "quantity", "qty", "duration"}:
        return lambda row: (1 + row.below(32)) / 4
    if last == "rating":
        return lambda row: 1 + row.below(9) / 2
    if last in {"percent", "percentage", "rate", "share", "allocation", "split"}:
        return lambda row: row.below(1_000) / 10
    return lambda row: row.below(250_000) / 100


def _boolean(name: str) -> Maker:
    if name in {"active", "isActive"}:
        return lambda row: row.active
    return lambda row: row.rng.random() < _NULL_SHARE * 3

"""A list's own filters: which field of the records a parameter is about, by its name, and which records match.

A parameter whose field the name does not give is ignored, as the API ignores what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.api.endpoint_operations import operation, record_fields
from tap_servicetitan.simulator.api.query_parameters import invalid_value
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.record_maker import types_of

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.schemas.openapi import Schema
    from tap_servicetitan.simulator.api.query_parameters import QueryParameters

_HANDLED_ELSEWHERE: Final = frozenset({
    "active", "activeOnly", "activeState", "createdAfter", "createdBefore", "createdOnOrAfter", "from", "ids", "includeChildren",
    "includeInactive", "includeTotal", "modifiedAfter", "modifiedBefore", "modifiedOnOrAfter", "orderBy", "orderByDirection",
    "page", "pageSize", "sort", "submittedBefore", "submittedOnOrAfter",
})  # fmt: skip

_SEARCHED: Final[Mapping[str, tuple[str, ...]]] = {"searchText": ("displayName", "code", "description")}
"""The fields in which a filter searches: "case-insensitive partial match" (OpenAPI documents)."""

_REFUSED: Final[Mapping[str, frozenset[str]]] = {"expenseStatuses": frozenset({"notset"})}
"""Values that are refused although they are values of the field (OpenAPI documents)."""

_CONTAINED: Final = frozenset({"description", "name", "title"})
"""Texts of which a part suffices: "case-insensitive contains" (OpenAPI documents)."""

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "invoiced": "invoiceDate",
    "invoicedOn": "invoiceDate",
    "name": "tagName",
    "number": "referenceNumber",
    "soldById": "soldBy",
}
"""The field that a name of a filter means, where no rule gives it."""

Test = Callable[[Any, Any], bool]
"""Returns whether a value of a record matches what was requested; neither is null."""

_TIME_TESTS: Final[Mapping[str, Test]] = {
    "OnOrAfter": lambda value, bound: value >= bound,
    "OnOrBefore": lambda value, bound: value <= bound,
    "Before": lambda value, bound: value < bound,
    "After": lambda value, bound: value > bound,
}
_NUMBER_TESTS: Final[Mapping[str, Test]] = {
    "Greater": lambda value, bound: value >= bound,
    "Less": lambda value, bound: value <= bound,
    "min": lambda value, bound: value >= bound,
    "max": lambda value, bound: value <= bound,
}
"""With "or equal", as the document of invoices says."""


@dataclass(frozen=True)
class FieldFilter:
    """What one parameter selects."""

    parameter: str
    paths: tuple[tuple[str, ...], ...]
    """The field, or the field of an object; one of several suffices."""

    read: Callable[[QueryParameters, str], Any]
    """Reads the parameter; null where it is absent."""

    matches: Test

    def keeps(self, record: Mapping[str, Any], wanted: Any) -> bool:
        """Return whether a record is selected; one without a value in the field is not."""
        return any(
            value is not None and self.matches(value, wanted) for path in self.paths for value in _values(record, path)
        )


def _values(record: Mapping[str, Any], path: tuple[str, ...]) -> list[Any]:
    value: Any = record
    for name in path:
        value = value and value.get(name)
    return value if isinstance(value, list) else [value]


@cache
def field_filters(endpoint: Endpoint) -> tuple[FieldFilter, ...]:
    """Return the filters of an endpoint, as far as their fields are plain."""
    fields = record_fields(endpoint)
    names = sorted(operation(endpoint).query - _HANDLED_ELSEWHERE)
    return tuple(one for name in names for one in [_filter(name, fields)] if one)


def _filter(name: str, fields: Mapping[str, Schema]) -> FieldFilter | None:
    if name in _SEARCHED:
        return FieldFilter(name, tuple((one,) for one in _SEARCHED[name] if one in fields), _text, _contains)
    candidates = (name, _singular(name), _OTHER_NAMES.get(name, ""))
    if found := next((found for one in candidates if (found := _field(one, fields))), None):
        path, schema = found
        if name in _CONTAINED and "string" in types_of(schema):
            return FieldFilter(name, (path,), _text, _contains)
        return FieldFilter(name, (path,), _whole_words if _is_text(schema) else _readers(schema), _equals)
    if name.endswith("Contains") and (found := _field(name.removesuffix("Contains"), fields)):
        return FieldFilter(name, (found[0],), _text, _contains)
    return _time_filter(name, fields) or _number_filter(name, fields)


def _time_filter(name: str, fields: Mapping[str, Schema]) -> FieldFilter | None:
    suffix = next((one for one in _TIME_TESTS if name.endswith(one)), "")
    stem = name.removesuffix(suffix)
    for candidate in (stem, f"{stem}On", f"{stem}Date", stem.removesuffix("s"), _OTHER_NAMES.get(stem, "")):
        found = _field(candidate, fields)
        if suffix and found and found[1].get("format") == "date-time":
            return FieldFilter(name, (found[0],), _time, partial(_holds, _TIME_TESTS[suffix], _ticks))
    return None


def _number_filter(name: str, fields: Mapping[str, Schema]) -> FieldFilter | None:
    for word, test in _NUMBER_TESTS.items():
        stem = name.removesuffix(word) if word[0].isupper() else _lower_first(name.removeprefix(word))
        found = _field(stem, fields) if stem != name else None
        if found and {"number", "integer", "string"} & {*types_of(found[1])} and "format" not in found[1]:
            return FieldFilter(name, (found[0],), _number, partial(_holds, test, _as_number))
    return None


def _field(name: str, fields: Mapping[str, Schema]) -> tuple[tuple[str, ...], Schema] | None:
    """Return the field with this name, or the one of an object: ``customer.id`` for ``customerId``."""
    if name in fields:
        return None if "properties" in fields[name] else ((name,), fields[name])
    for parent, schema in fields.items():
        inner = schema.get("properties", {})
        own = name if parent == "address" else _lower_first(name.removeprefix(parent))
        if own in inner and (parent == "address" or own != name):
            return (parent, own), inner[own]
    if "leadCall" in fields and (found := _field(name, fields["leadCall"]["properties"])):
        return ("leadCall", *found[0]), found[1]
    return None


def _singular(name: str) -> str:
    for plural, singular in (("ies", "y"), ("ses", "s"), ("s", "")):
        if name.endswith(plural):
            return name.removesuffix(plural) + singular
    return name


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _is_text(schema: Schema) -> bool:
    return bool({"string", "array"} & {*types_of(schema)})


def _readers(schema: Schema) -> Callable[[QueryParameters, str], Any]:
    """Return what reads a list of values of a field's type, each as text in lower case."""
    if "boolean" in types_of(schema):
        return _flag
    return _numbers


def _flag(query: QueryParameters, name: str) -> set[str] | None:
    value = query.flag(name)
    return None if value is None else {str(value).lower()}


def _numbers(query: QueryParameters, name: str) -> set[str] | None:
    numbers = query.numbers(name)
    return None if numbers is None else {f"{one:g}" if one % 1 else str(int(one)) for one in numbers}


def _whole_words(query: QueryParameters, name: str) -> set[str] | None:
    value = query.text(name)
    words = {word.strip().lower() for word in (value or "").split(",")}
    if words & _REFUSED.get(name, frozenset()):
        raise invalid_value(name, value)
    return None if value is None or "any" in words else words | {value.lower()}


def _text(query: QueryParameters, name: str) -> str | None:
    value = query.text(name)
    return value and value.lower()


def _equals(value: Any, wanted: set[str]) -> bool:
    return str(value).lower() in wanted


def _contains(value: Any, wanted: str) -> bool:
    return wanted in str(value).lower()


def _time(query: QueryParameters, name: str) -> int | None:
    return query.timestamp(name)


def _number(query: QueryParameters, name: str) -> float | None:
    numbers = query.numbers(name)
    return numbers[0] if numbers else None


def _holds(test: Test, convert: Callable[[Any], float | None], value: Any, bound: float) -> bool:
    converted = convert(value)
    return converted is not None and test(converted, bound)


def _ticks(value: Any) -> int | None:
    return timestamps.parse(str(value))


def _as_number(value: Any) -> float | None:
    """Return a number, also of a text: amounts of money are texts in some operations."""
    try:
        return float(value)
    except ValueError:
        return None

"""Struct types of records, made from JSON schemas, and how JSON is read into them and written."""

from __future__ import annotations

import decimal
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from singer_sdk.contrib.msgspec import enc_hook

Schema = Mapping[str, Any]


class NoStructError(Exception):
    """A schema that structs cannot stand for."""


encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=enc_hook)
"""Writes numbers as ServiceTitan wrote them, and what expressions make as the SDK does."""

_ALTERNATIVES = frozenset({"anyOf", "oneOf", "allOf"})
_JSON_NAMES = {"NoneType": "null", "dict": "object", "list": "array"}
_REFUSED_IN_NAMES = re.compile(r'["\\\x00-\x1f]')
"""What msgspec refuses in the name of a struct's field; columns of custom reports may hold it."""


def single_type(schema: Schema) -> str | None:
    """Return the one type, besides null, that a schema allows; None if it allows several or does not say."""
    types = schema.get("type")
    types = [types] if isinstance(types, str) else list(types or ())
    values = [name for name in types if name != "null"]
    return values[0] if len(values) == 1 and not _ALTERNATIVES & schema.keys() else None


def check_number(_: type, value: Any) -> Any:
    """Accept numbers as they are; msgspec's own Decimal would accept strings as well and so change them.

    Raises:
        ValueError: It is not a number.
    """
    if value.__class__ is decimal.Decimal or value.__class__ is int:
        return value
    name = value.__class__.__name__
    msg = f"Expected `number`, got `{_JSON_NAMES.get(name, name)}`"
    raise ValueError(msg)


def json_decoder(record_type: Any) -> msgspec.json.Decoder[Any]:
    """Return a decoder that keeps the digits of numbers."""
    return msgspec.json.Decoder(record_type, dec_hook=check_number, float_hook=decimal.Decimal)


def _decimal_or_text(number: str) -> decimal.Decimal | str:
    try:
        return decimal.Decimal(number)
    except decimal.InvalidOperation:  # an exponent beyond 10^18
        return number


_any_record = msgspec.json.Decoder(dict[str, Any], float_hook=_decimal_or_text)


def decode_dict(record: msgspec.Raw | bytes) -> dict[str, Any]:
    """Read a record of any shape."""
    return _any_record.decode(record)


def as_dict(record: Any) -> dict[str, Any]:
    """Return a record, whatever it was decoded into, as a dict."""
    return decode_dict(encoder.encode(record))


def struct_field_name(schema: Schema, key: str) -> str | None:
    """Return the name of the struct's field for a property of the schema; None if there is no such property."""
    return next((f"f{number}" for number, name in enumerate(schema["properties"]) if name == key), None)


def record_type(schema: Schema, name: str = "Record", *, strict: bool = False) -> Any:
    """Make the struct type of an object's schema; ``f0``, ``f1`` … are its properties in order.

    A property that a record lacks stays absent, and null stays null.

    Args:
        schema: The object's.
        name: Of the type, for debuggers.
        strict: Whether properties that the schema lacks are refused; else they are ignored.

    Raises:
        NoStructError: The schema allows unknown properties, which a struct would ignore; or a property's name has
            letters that msgspec refuses.
    """
    properties = schema.get("properties")
    if properties is None or (not properties and schema.get("additionalProperties")):
        return dict[str, Any]
    if schema.get("additionalProperties") or any(map(_REFUSED_IN_NAMES.search, properties)):
        raise NoStructError
    required = schema.get("required", ())
    fields: list[Any] = []
    for number, (key, property_schema) in enumerate(properties.items()):
        value_type = _value_type(property_schema, f"{name}_{number}", strict=strict)
        if key in required and key != "tenant_id":
            fields.append((f"f{number}", value_type))
        else:
            optional = value_type if value_type is Any else value_type | msgspec.UnsetType
            fields.append((f"f{number}", optional, msgspec.UNSET))
    rename = {f"f{number}": key for number, key in enumerate(properties)}
    return msgspec.defstruct(name, fields, rename=rename, kw_only=True, gc=False, forbid_unknown_fields=strict)


def positional_type(names: Iterable[str]) -> Callable[..., Any]:
    """Make the type of structs that are made of values alone, in this order, and written as objects with these names.

    Raises:
        NoStructError: As :func:`record_type`.
    """
    names = list(names)
    if any(map(_REFUSED_IN_NAMES.search, names)):
        raise NoStructError
    fields = [(f"f{number}", Any, msgspec.UNSET) for number in range(len(names))]
    rename = {f"f{number}": name for number, name in enumerate(names)}
    return msgspec.defstruct("Written", fields, rename=rename, gc=False)


def _value_type(schema: Schema, name: str, *, strict: bool) -> Any:
    one = single_type(schema)
    if one is None:
        if "properties" in schema:
            raise NoStructError  # some of them may be deselected
        return Any
    value_type: Any
    match one:
        case "object":
            value_type = record_type(schema, name, strict=strict)
        case "array":
            value_type = list[_value_type(schema.get("items") or {}, name, strict=strict)]  # type: ignore[misc]  # made at run time
        case "string":
            value_type = str
        case "integer":
            value_type = int
        case "boolean":
            value_type = bool
        case "number":
            value_type = numbers.Number
        case _:
            return Any
    return value_type | None if "null" in schema["type"] else value_type

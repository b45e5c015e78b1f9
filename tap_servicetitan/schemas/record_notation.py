"""The short notation of ``operations.json`` for the fields of a record, and the JSON schema that it stands for.

A field is the word of its type (``string``, ``integer``, ``date-time``), an object of fields, or a list with what its items
are: ``{"id": "integer", "tags": ["string"]}``. Each can be null. ``{}`` is an object and ``any`` a value of which
nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.schemas.openapi import OPEN_OBJECT, OPEN_VALUE

if TYPE_CHECKING:
    from tap_servicetitan.schemas.openapi import Schema

_ANY: Final = "any"
_OR: Final = " or "


def shorten(schema: Schema) -> Any:
    """Write a JSON schema in the short notation; formats but ``date-time``, and lengths, are left out."""
    if schema == OPEN_VALUE:
        return _ANY
    types = [name for name in schema["type"] if name != "null"]
    if "array" in types:
        return [shorten(schema["items"])]
    if "object" in types:
        return {name: shorten(field) for name, field in schema["properties"].items()}
    return schema.get("format") or _OR.join(types)


def expand(field: Any) -> Schema:
    """Return the JSON schema of a field in the short notation."""
    if isinstance(field, list):
        return {"type": ["array", "null"], "items": expand(field[0])}
    if isinstance(field, dict):
        properties = {name: expand(each) for name, each in field.items()}
        return {"type": ["object", "null"], "properties": properties} if field else OPEN_OBJECT
    if field == _ANY:
        return OPEN_VALUE
    if field == "date-time":
        return {"type": ["string", "null"], "format": field}
    return {"type": [*field.split(_OR), "null"]}

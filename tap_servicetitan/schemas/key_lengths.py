"""How long the text in a key can be: SQL Server and MySQL cannot have text without a limit in a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_servicetitan.schemas.openapi import Schema

TENANT_ID: Schema = {"type": "string", "maxLength": 20}
"""A tenant's number: the ids of ServiceTitan are integers of 64 bits."""

NAME_LENGTH = 255
"""Of a name, or an id that is not a GUID: what ServiceTitan's documents allow for names, and Google Ads for campaigns."""

ID_LIST_LENGTH = 4000
"""Of ids joined by commas, some 350 of them: as long as SQL Server has text with a limit. Nothing is cut."""


def with_length(schema: Schema, *, is_list: bool) -> Schema:
    """Return the schema of a key field with the length of its text, if it is text that says no length and no format.

    Args:
        schema: Its own.
        is_list: Whether the text is a list of ids.
    """
    if "string" not in schema["type"] or "format" in schema:
        return schema
    length = ID_LIST_LENGTH if is_list else NAME_LENGTH
    return {**schema, "maxLength": schema.get("maxLength", length)}


def without_lengths(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the lengths of its fields: a target must not refuse a record for what is in no key."""
    changed = {word: value for word, value in schema.items() if word != "maxLength"}
    if "properties" in schema:
        changed["properties"] = {name: without_lengths(field) for name, field in schema["properties"].items()}
    if "items" in schema:
        changed["items"] = without_lengths(schema["items"])
    return changed

"""Names that databases take for the same: loaders write them in lower case or in snake_case, and cut them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_servicetitan.schemas.openapi import Schema

MAX_COLUMN_NAME_BYTES = 63
"""Length of a column's name in PostgreSQL, the shortest of the usual databases; letters beyond ASCII have several bytes."""


def folded(name: str) -> str:
    """Return what loaders may leave of a name: ``jobId`` and ``job_id`` are one column, ``Margin`` and ``Margin %`` too."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def cut(name: str, length: int = MAX_COLUMN_NAME_BYTES) -> str:
    """Return as much of a name as has this length in bytes."""
    return name.encode()[:length].decode(errors="ignore")


def same_names(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that a database takes for the same."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(folded(cut(name)), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def same_fields(schema: Schema, path: str = "") -> Iterator[str]:
    """Yield the fields of an object, and of the objects in it, that have the same names; a line for each group."""
    properties = schema.get("properties", {})
    for names in same_names(properties):
        yield f"{path} has the fields {', '.join(names)}, which are one column in a database".strip()
    for name, field in properties.items():
        yield from same_fields(field, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from same_fields(schema["items"], f"{path}[]")

"""The facts of a stream, for people: kind, what holds when rows move, fields and what they join to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import joins, table
from tap_servicetitan.endpoints.kinds import Endpoint, Export, Listing, Nested, Window


@dataclass(frozen=True)
class Field:
    """A field of a stream."""

    path: str
    """Like ``items[].jobId``."""

    type: str
    """In words, such as ``integer`` or ``list of objects``."""

    joins_to: str | None = None
    """The stream whose ``id`` it is."""

    no_join: str | None = None
    """Why an id joins to no stream."""

    fields: tuple[Field, ...] = ()
    """What is in the object, or in the objects of the list."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.replace("[]", "").rsplit(".", 1)[-1]

    def walk(self) -> Iterator[Field]:
        """Yield the field, then those in it."""
        yield self
        for each in self.fields:
            yield from each.walk()


def kind(endpoint: Endpoint) -> str:
    """Return the kind of an entry, in words."""
    if isinstance(endpoint, Nested):
        return f"nested over {endpoint.parent}"
    return type(endpoint).__name__.lower()


def moving_rows(endpoint: Endpoint) -> str:
    """Return what holds when rows move while a stream is read."""
    if isinstance(endpoint, Nested):
        return moving_rows(table.parent(endpoint))
    if isinstance(endpoint, Export):
        return "token"
    if isinstance(endpoint, Window):
        return "windows"
    if isinstance(endpoint, Listing) and endpoint.page_size is not None:
        if endpoint.has_ids_in_pages:
            return "ids" if endpoint.sort else "ids if sorted"
        return "counted" if endpoint.has_total and endpoint.has_more_flag else "not known"
    return "one response"


def fields(endpoint: Endpoint) -> tuple[Field, ...]:
    """Return the fields of a stream, in the order of its schema file."""
    return tuple(_fields(endpoint.name, schemas.load(endpoint), ""))


def _fields(stream: str, schema: Mapping[str, Any], path: str) -> Iterator[Field]:
    for name, each in schema.get("properties", {}).items():
        yield _field(stream, each, f"{path}.{name}".removeprefix("."))


def _field(stream: str, schema: Mapping[str, Any], path: str) -> Field:
    inner, words, brackets = schema, "", ""
    while "items" in inner:
        inner, words, brackets = inner["items"], f"{words}list of ", f"{brackets}[]"
    base = _base_type(inner)
    return Field(
        path=path,
        type=f"{words}{base}s" if words else base,
        joins_to=joins.target(stream, path) if joins.is_id(path) else None,
        no_join=joins.reason(stream, path) if joins.is_id(path) else None,
        fields=tuple(_fields(stream, inner, f"{path}{brackets}")),
    )


def _base_type(schema: Mapping[str, Any]) -> str:
    if schema.get("format"):
        return str(schema["format"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(each for each in types if each != "null") or "null"

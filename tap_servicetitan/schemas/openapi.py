"""ServiceTitan's OpenAPI documents, and the JSON schemas of records that follow from them.

Names and types are taken over, nothing else: what the documents say of required fields, enumerations, patterns and
lengths, the live API does not keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from tap_servicetitan.endpoints.operations import shape

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint

Schema = dict[str, Any]

MARK = "x-known-from"
"""Marks what ServiceTitan's own documents did not show to who wrote a document: where it was read instead."""

TYPES = ("string", "integer", "number", "boolean", "object", "array")
"""JSON's types but null, in the order in which a value of several types lists them."""

OPEN_OBJECT: Schema = {"type": ["object", "null"], "properties": {}, "additionalProperties": True}
"""An object of which nothing is known; without ``properties`` the SDK's conformance fails on arrays of it."""

OPEN_VALUE: Schema = {
    **OPEN_OBJECT,
    "type": ["string", "number", "boolean", "object", "array", "null"],
    "items": {**OPEN_OBJECT, "type": ["string", "number", "boolean", "object", "null"]},
}
"""A value of which nothing is known: the SDK's conformance fails on ``{}``, some targets on an array without items."""


GUID_LENGTH = 36
"""Letters of a guid."""


class DocumentError(Exception):
    """The documents are missing or are not OpenAPI documents."""


@dataclass(frozen=True)
class DocumentedOperation:
    """One operation that reads, as the documents have it."""

    path: str
    """Path below the API root as the documents spell it, e.g. ``/crm/v2/tenant/{tenant}/customers/{id}/notes``."""

    method: str
    definition: Mapping[str, Any]
    components: Mapping[str, Any]

    @property
    def scope(self) -> str | None:
        """The OAuth scope that the operation requires."""
        scopes = [scope for way in self.definition.get("security", ()) for scope in way.get("oauth", ())]
        return scopes[0] if scopes else None

    @property
    def path_parameters(self) -> list[Schema]:
        """Types of the path's placeholders after the tenant, in the path's order."""
        types = {each["name"]: each["schema"] for each in self.definition.get("parameters", ()) if each["in"] == "path"}
        return [self.convert(types.get(name, {"type": "string"})) for name in re.findall(r"{(\w+)}", self.path)[1:]]

    @property
    def response(self) -> Schema | None:
        """Schema of the answer, as the documents have it; None where the answer is not JSON."""
        content = self.definition.get("responses", {}).get("200", {}).get("content", {})
        return self.resolve(content["application/json"]["schema"]) if "application/json" in content else None

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing: a GET, or a POST that needs a scope to read or whose name says so."""
        verb = self.definition.get("operationId", "").rpartition("_")[2]
        return self.method == "get" or verb.startswith("Get") or (self.scope or "").endswith(":r")

    @property
    def answer_fields(self) -> Mapping[str, Any]:
        """The answer's fields; none where it is not an object."""
        fields: Mapping[str, Any] = (self.response or {}).get("properties", {})
        return fields

    @property
    def records(self) -> str:
        """Where the answer holds records: ``data[]``, ``[]`` where the answer is the array, else empty."""
        if "array" in _types(self.response or {}):
            return "[]"
        data = self.resolve(self.answer_fields.get("data", {}))
        return "data[]" if "array" in _types(data) else ""

    @property
    def record_fields(self) -> Schema:
        """The fields of a record, or of the answer where it holds no list."""
        fields: Schema = self.record("data" if self.records == "data[]" else None).get("properties", {})
        return fields

    def known_from(self) -> dict[str, str]:
        """Return the source of what was not read in ServiceTitan's own documents: by field, ``""`` for the whole operation."""
        if MARK in self.definition:
            return {"": self.definition[MARK]}
        schema: Mapping[str, Any] = self.response or {}
        if self.records == "data[]":
            schema = self.resolve(self.answer_fields["data"])
        return dict(self._marks(schema.get("items", schema), "", ()))

    def _marks(self, schema: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if path and MARK in schema:
            yield path, schema[MARK]
            return
        if "$ref" in schema:
            name = _name(schema)
            if name not in inside:
                yield from self._marks(self.components[name], path, (*inside, name))
            return
        for word in ("oneOf", "anyOf", "allOf"):
            for each in schema.get(word, ()):
                yield from self._marks(each, path, inside)
        for name, each in schema.get("properties", {}).items():
            yield from self._marks(each, f"{path}.{name}".removeprefix("."), inside)
        if "items" in schema:
            yield from self._marks(schema["items"], f"{path}[]", inside)

    def record(self, field: str | None) -> Schema:
        """Return the schema of one record: of what the answer holds at a field, or of the answer itself.

        Raises:
            DocumentError: The answer has no such field.
        """
        if self.response is None:
            return {"type": ["object", "null"], "properties": {}}
        answer = self.convert(self.response)
        found = answer if field is None else answer.get("properties", {}).get(field)
        if found is None:
            msg = f"{self.method.upper()} {self.path} has no field {field!r} to read records from."
            raise DocumentError(msg)
        return item(found)

    def resolve(self, schema: Mapping[str, Any]) -> Schema:
        """Follow a reference to its component."""
        return self.resolve(self.components[_name(schema)]) if "$ref" in schema else dict(schema)

    def convert(self, schema: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Schema:
        """Return the names and types of a schema, all nullable; a component inside itself becomes an open object."""
        if "$ref" in schema:
            name = _name(schema)
            return OPEN_OBJECT if name in inside else self.convert(self.components[name], (*inside, name))
        for word in ("oneOf", "anyOf", "allOf"):
            if word in schema:
                return merge(self.convert(each, inside) for each in schema[word] if each.get("type") != "null")
        types = _types(schema)
        if not types:
            return OPEN_VALUE
        converted: Schema = {"type": [*types, "null"]}
        if schema.get("format") == "date-time":
            converted["format"] = "date-time"
        if schema.get("format") in {"guid", "uuid"}:
            converted["maxLength"] = GUID_LENGTH
        if "object" in types:
            fields = {name: self.convert(each, inside) for name, each in schema.get("properties", {}).items()}
            converted = {**converted, "properties": fields} if fields else OPEN_OBJECT | converted
        if "array" in types:
            converted["items"] = self.convert(schema.get("items", {}), inside)
        return converted


def item(schema: Schema) -> Schema:
    """Return the schema of an array's items, or the schema itself."""
    items: Schema = schema.get("items", schema)
    return items


def merge(schemas: Iterable[Schema]) -> Schema:
    """Return one schema for a value that follows any of several: all their fields, and all types of each field."""
    merged: Schema | None = None
    for schema in schemas:
        merged = schema if merged is None else _merge_two(merged, schema)
    return OPEN_VALUE if merged is None else merged


def _merge_two(one: Schema, other: Schema) -> Schema:
    types = {*one["type"], *other["type"]}
    if "string" in types:  # one type, since loaders make a column of it: the tap writes other scalars as text
        types -= {"integer", "number", "boolean"}
    merged: Schema = {"type": [name for name in (*TYPES, "null") if name in types]}
    if "format" in one and one.get("format") == other.get("format"):
        merged["format"] = one["format"]
    if "properties" in one or "properties" in other:
        fields: dict[str, Schema] = dict(one.get("properties", {}))
        for name, field in other.get("properties", {}).items():
            fields[name] = _merge_two(fields[name], field) if name in fields else field
        merged["properties"] = fields
    if one.get("additionalProperties") or other.get("additionalProperties"):
        merged["additionalProperties"] = True
    if "items" in one or "items" in other:
        merged["items"] = merge(each["items"] for each in (one, other) if "items" in each)
    return merged


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _types(schema: Mapping[str, Any]) -> list[str]:
    """Return a schema's types but null, in the order of :data:`TYPES`."""
    declared = schema.get("type") or ("object" if "properties" in schema else ())
    return [name for name in TYPES if name in ([declared] if isinstance(declared, str) else declared)]


class Documents:
    """All operations that read, of OpenAPI documents."""

    def __init__(self, source: Path) -> None:
        """Read a document, or every ``*.json`` of a directory.

        Raises:
            DocumentError: There is no such file or directory, or no document in it.
        """
        self.reads: dict[str, DocumentedOperation] = {}
        """By shape of the path; where a path is read by GET and by POST, the GET."""
        self.apis: set[str] = set()
        """The APIs that have a document, e.g. ``crm/v2``."""
        for file in [source] if source.is_file() else sorted(source.glob("*.json")):
            for operation in _operations(file):
                self.apis.add(operation.path.partition("/tenant/")[0].lstrip("/"))
                if operation.is_read:
                    self.reads.setdefault(shape(operation.path), operation)
        if not self.apis:
            msg = f"{source} holds no OpenAPI documents (*.json with `paths`)."
            raise DocumentError(msg)

    def operation(self, endpoint: Endpoint) -> DocumentedOperation | None:
        """Return the operation that reads an entry of the table."""
        return self.reads.get(shape(endpoint.url_path))


def _operations(file: Path) -> Iterator[DocumentedOperation]:
    try:
        document = msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        msg = f"{file} is not JSON: {error}."
        raise DocumentError(msg) from error
    if not isinstance(document, dict) or "paths" not in document:
        return
    root = urlsplit(document["servers"][0]["url"]).path
    components = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method in ("get", "post"):
            if method in methods:
                yield DocumentedOperation(root + path, method, methods[method], components)

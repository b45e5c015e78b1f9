"""The schema files: what one is made of, how it is laid out, and how two versions of one differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING

from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.schemas.column_names import same_fields
from tap_servicetitan.schemas.key_lengths import TENANT_ID, with_length, without_lengths
from tap_servicetitan.schemas.openapi import DocumentError, item

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.schemas.openapi import DocumentedOperation, Schema


def build(endpoint: Endpoint, operation: DocumentedOperation, corrections: Mapping[str, Schema]) -> Schema:
    """Return an entry's schema: what the tap adds, then the API's fields; only added fields and keys are never null.

    Raises:
        DocumentError: The documents lack the records, a key of the entry, or what a correction corrects; or two fields would
            be one column in a database.
    """
    sent = documented(endpoint, operation)
    known = _added(endpoint, operation) | sent
    properties = {name: known[name] for name in endpoint.added_fields if name in known} | sent
    schema: Schema = {"type": "object", "properties": properties}
    try:
        for field, correction in corrections.items():
            _correct(schema, field, correction)
        never_null = {*endpoint.added_fields, *endpoint.keys}
        for name, field in properties.items():
            if name not in endpoint.primary_keys:
                properties[name] = without_lengths(field)
        for key in never_null:
            properties[key] = _not_null(properties[key])
        for key in endpoint.primary_keys:
            is_list = any("array" in properties.get(path, {}).get("type", ()) for path in _made_of(endpoint, key))
            properties[key] = with_length(properties[key], is_list=is_list)
        properties["tenant_id"] = TENANT_ID
    except KeyError as missing:
        msg = f"{endpoint.name} has no field {missing} to correct or to take as key"
        raise DocumentError(msg) from missing
    for same in same_fields(schema):
        msg = f"{endpoint.name}: {same}. Give a placeholder of its path the name of the record's own field."
        raise DocumentError(msg)
    return schema | ({"required": list(endpoint.primary_keys)} if endpoint.primary_keys else {})


def documented(endpoint: Endpoint, operation: DocumentedOperation) -> Schema:
    """Return the properties of an entry's records as the documents have them."""
    properties: Schema = deepcopy(operation.record(endpoint.records_path)["properties"])
    if isinstance(endpoint, Export) and endpoint.explode:
        properties |= item(properties.pop(endpoint.explode))["properties"]
    return properties


def _added(endpoint: Endpoint, operation: DocumentedOperation) -> Schema:
    """Return the types of the fields that the tap adds: parents' ids as in the path, bounds of time, else text."""
    placeholders = dict(zip(re.findall(r"{(\w+)}", endpoint.path), operation.path_parameters, strict=True))
    moment = {"type": ["string", "null"], "format": "date-time"}
    texts = {name: {"type": ["string", "null"]} for name in ("tenant_id", *endpoint.derived_keys)}
    types = {**placeholders, **texts}
    return {name: types.get(name, moment) for name in endpoint.added_fields if name not in endpoint.sent_fields}


def _made_of(endpoint: Endpoint, key: str) -> tuple[str, ...]:
    return endpoint.derived_keys.get(key, ())


def _correct(schema: Schema, field: str, correction: Schema) -> None:
    *parents, last = field.split(".")
    for parent in parents:
        schema = schema["properties"][parent.removesuffix("[]")]
        schema = schema["items"] if parent.endswith("[]") else schema
    if last.endswith("[]"):
        schema["properties"][last.removesuffix("[]")]["items"] = correction
    else:
        schema["properties"][last] = correction


def _not_null(schema: Schema) -> Schema:
    types = [name for name in schema["type"] if name != "null"]
    return {**schema, "type": types[0] if len(types) == 1 else types}


def keep(before: Schema, after: Schema) -> Schema:
    """Return the newer schema with the fields that only the older one has: documents lose fields and have them again."""
    kept = dict(after)
    if "properties" in before and "properties" in after:
        older, newer = before["properties"], after["properties"]
        kept["properties"] = {
            name: keep(older.get(name, {}), newer[name]) if name in newer else older[name]
            for name in _order(list(older), newer)
        }
    if "items" in before and "items" in after:
        kept["items"] = keep(before["items"], after["items"])
    return kept


def _order(names: list[str], newer: Iterable[str]) -> list[str]:
    """Return the names in their order, with each new one after the one that precedes it in the documents."""
    place = 0
    for name in newer:
        if name not in names:
            names.insert(place, name)
        place = names.index(name) + 1
    return names


def render(schema: Schema, indent: str = "") -> str:
    """Write a schema as JSON with one property a line, so that a changed field is a one-line diff."""
    deeper = f"{indent}  "
    words: dict[str, str] = {}
    for word, value in schema.items():
        if word == "properties" and value:
            lines = [f"{deeper}  {json.dumps(name)}: {render(each, f'{deeper}  ')}" for name, each in value.items()]
            words[word] = "{\n" + ",\n".join(lines) + f"\n{deeper}}}"
        else:
            words[word] = render(value, deeper) if word == "items" else json.dumps(value)
    if not any("\n" in text for text in words.values()):
        return json.dumps(schema)
    return "{\n" + ",\n".join(f"{deeper}{json.dumps(word)}: {text}" for word, text in words.items()) + f"\n{indent}}}"


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a schema, as a path like ``items[].id``, with its type in words."""
    if path:
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        yield path, " or ".join(types) + (f" ({schema['format']})" if "format" in schema else "")
    for name, each in schema.get("properties", {}).items():
        yield from fields(each, f"{path}.{name}".removeprefix("."))
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


def outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths of fields that are not inside another of them."""
    found: list[str] = []
    for path in paths:
        if not any(path.startswith((f"{each}.", f"{each}[]")) for each in found):
            found.append(path)
    return found


def differences(old: Schema, new: Schema) -> Iterator[str]:
    """Say how two versions of a schema differ, one line a field."""
    before, after = dict(fields(old)), dict(fields(new))
    for field, kind in after.items():
        if field not in before:
            yield f"added {field}: {kind}"
        elif before[field] != kind:
            yield f"retyped {field}: {before[field]} became {kind}"
    for field, kind in before.items():
        if field not in after:
            yield f"removed {field}: {kind}"
    if old.get("required") != new.get("required"):
        yield f"keys: {old.get('required')} became {new.get('required')}"

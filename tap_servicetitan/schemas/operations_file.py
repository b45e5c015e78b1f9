"""``endpoints/operations.json``: what one line is made of, and how two versions of it differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.endpoints.operations import DEFAULT_MAX_PAGE_SIZE, Operation, shape
from tap_servicetitan.schemas.files import differences as schema_differences
from tap_servicetitan.schemas.files import fields, keep
from tap_servicetitan.schemas.record_notation import expand, shorten

if TYPE_CHECKING:
    from tap_servicetitan.schemas.openapi import DocumentedOperation


def _name(documented: DocumentedOperation) -> str:
    """Return an operation's name in the file: its path without the tenant."""
    return re.sub(r"tenant/{\w+}/", "", documented.path).lstrip("/")


def describe(documented: DocumentedOperation, *, is_stream: bool) -> Operation:
    """Return what the documents say of an operation; a stream has the fields of its records in its schema file."""
    query = [each for each in documented.definition.get("parameters", ()) if each["in"] == "query"]
    return Operation(
        kind=_kind(documented),
        method=documented.method.upper(),
        scope=documented.scope,
        records=documented.records,
        required=frozenset(each["name"] for each in query if each.get("required")),
        query=frozenset(each["name"] for each in query),
        sort=_sort_fields(query),
        max_page_size=_max_page_size(query),
        deprecated=bool(documented.definition.get("deprecated")),
        known_from=documented.known_from(),
        record=None if is_stream else _record(documented),
    )


def _record(documented: DocumentedOperation) -> Any:
    """Return the fields of a record in the short notation; None where the answer has none."""
    return shorten(documented.record("data" if documented.records == "data[]" else None)) or None


def _kind(documented: DocumentedOperation) -> str:
    properties = documented.answer_fields
    nested = bool(documented.path_parameters)
    if "continueFrom" in properties:
        return "export"
    if not documented.records:
        return "by id" if nested else "other"
    return ("nested " if nested else "") + ("list" if "hasMore" in properties else "array")


def _sort_fields(query: list[dict[str, Any]]) -> frozenset[str]:
    """Return the fields that the description of `sort` lists, without what it says of them in brackets."""
    texts = [" ".join(each.get("description", "").split()) for each in query if each["name"] == "sort"]
    found = re.search(r"(?:fields are|values|field|Options): ([A-Z][^.\\]*)", re.sub(r" \(.*?\)", "", "".join(texts)))
    names = found[1].split(",") if found else []
    return frozenset(name.strip().lower() for name in names)


def _max_page_size(query: list[dict[str, Any]]) -> int:
    """Return the maximum that the schema of `pageSize` has, else the one in its description."""
    for each in query:
        if each["name"] == "pageSize":
            written = re.search(r"Maximum value is (\d+)", each.get("description", ""))
            return int(each["schema"].get("maximum") or (written[1] if written else DEFAULT_MAX_PAGE_SIZE))
    return DEFAULT_MAX_PAGE_SIZE


def merge(
    before: Mapping[str, Operation], documented: Iterable[DocumentedOperation], streams: AbstractSet[str]
) -> dict[str, Operation]:
    """Return what the file should hold: no operation, parameter or field is dropped because the documents lack it.

    Args:
        before: What it holds.
        documented: The operations of the documents.
        streams: Shapes of the paths that streams read.
    """
    names = {shape(path): path for path in before}
    merged = dict(before)
    for each in documented:
        path = _name(each)
        after = describe(each, is_stream=shape(path) in streams)
        old = merged.pop(names.get(shape(path), path), None)
        if old is not None:
            known = dict(fields({"properties": each.record_fields}))
            lacking = {field: source for field, source in old.known_from.items() if field and field not in known}
            after = msgspec.structs.replace(
                after,
                query=after.query | old.query,
                sort=after.sort or old.sort,
                known_from={**after.known_from, **lacking},
                record=_keep(old.record, after.record),
            )
        merged[path] = after
    return dict(sorted(merged.items()))


def _keep(before: Any, after: Any) -> Any:
    """Return the newer fields of a record with those that only the older ones have."""
    return shorten(keep(expand(before), expand(after))) if before and after else after


def render(operations: Mapping[str, Operation]) -> str:
    """Write operations as JSON, one a line."""
    lines = [f"  {json.dumps(path)}: {json.dumps(_builtins(each))}" for path, each in operations.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _builtins(operation: Operation) -> dict[str, Any]:
    """Return the words that differ from the defaults, lists sorted."""
    words = {word: value for word, value in msgspec.structs.asdict(operation).items() if value != _DEFAULTS.get(word)}
    return {word: sorted(value) if isinstance(value, frozenset) else value for word, value in words.items()}


_DEFAULTS = msgspec.structs.asdict(Operation(kind=""))


def differences(before: Mapping[str, Operation], after: Mapping[str, Operation]) -> Iterator[str]:
    """Yield how two versions of the file differ, one line for each operation and word."""
    for path, new in after.items():
        old = before.get(path)
        if old is None:
            yield f"added {new.method} {path}"
            continue
        for word in Operation.__struct_fields__:
            values = [getattr(each, word) for each in (old, new)]
            if word == "record":
                yield from (f"{new.method} {path}: {line}" for line in _field_differences(*values))
            elif values[0] != values[1]:
                yield f"{new.method} {path}: {word} " + " became ".join(map(_text, values))


def _field_differences(before: Any, after: Any) -> Iterator[str]:
    return schema_differences(expand(before or {}), expand(after or {}))


def _text(value: object) -> str:
    if isinstance(value, frozenset):
        return " ".join(sorted(value)) or "none"
    return json.dumps(value) if isinstance(value, dict) else str(value)

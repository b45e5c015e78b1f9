"""``--select``: the rules that say which streams and fields a catalog selects."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tap_servicetitan.errors import CatalogError


@dataclass(frozen=True)
class Rule:
    """A pattern for streams and one for their fields, as in Meltano's ``select``."""

    stream: str
    field: str = "*"
    excludes: bool = False

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``jobs``, ``jobs.*``, ``jobs.customerId`` or ``!jobs.customFields``."""
        stream, _, field = text.removeprefix("!").partition(".")
        return cls(stream, field or "*", text.startswith("!"))

    def matches(self, stream: str, field: str | None = None) -> bool:
        """Whether a stream, or a field of it, is meant; a rule for a field is one for those in it, and selects those around it."""
        if not fnmatchcase(stream, self.stream):
            return False
        if field is None or any(fnmatchcase(each, self.field) for each in _with_outer(field)):
            return True
        return not self.excludes and field in _with_outer(self.field)


def parse(text: str) -> list[Rule]:
    """Read rules that are separated by commas."""
    return [Rule.parse(each.strip()) for each in text.split(",") if each.strip()]


def chosen(rules: Sequence[Rule], stream: str, field: str | None = None) -> bool:
    """Whether rules select a stream, or a field of it.

    A stream is selected by any rule that does not exclude, and not by one that excludes all of its fields.
    """
    found = [rule for rule in rules if rule.matches(stream, field)]
    excluded = any(rule.excludes and (field is not None or rule.field == "*") for rule in found)
    return not excluded and any(not rule.excludes for rule in found)


def select(catalog_text: str, text: str) -> str:
    """Return a catalog in which just what the rules say is selected.

    Raises:
        CatalogError: A rule means no stream or no field of the catalog.
    """
    catalog: dict[str, Any] = json.loads(catalog_text)
    rules = parse(text)
    fields = {entry["tap_stream_id"]: [_path(each) for each in entry["metadata"]] for entry in catalog["streams"]}
    for rule in rules:
        _check(rule, fields)
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if each["metadata"].get("inclusion") != "automatic":
                each["metadata"]["selected"] = chosen(rules, entry["tap_stream_id"], _path(each) or None)
    if not any(chosen(rules, name) for name in fields):
        msg = f"The rules of --select, {text}, select no stream."
        raise CatalogError(msg)
    return json.dumps(catalog, indent=2)


def _check(rule: Rule, fields: dict[str, list[str]]) -> None:
    streams = [name for name in fields if rule.matches(name)]
    if not streams:
        msg = f"No stream is named '{rule.stream}'.{suggestion(rule.stream, fields)} --streams lists them."
        raise CatalogError(msg)
    paths = {path for name in streams for path in fields[name] if path}
    if not any(rule.matches(name, path) for name in streams for path in fields[name] if path):
        where = streams[0] if len(streams) == 1 else rule.stream
        msg = f"No field of '{where}' is named '{rule.field}'.{suggestion(rule.field, paths)} --streams {where} -v lists them."
        raise CatalogError(msg)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the name that was perhaps meant, as a question."""
    return "".join(f" Did you mean '{near}'?" for near in difflib.get_close_matches(name, list(known), n=1))


def _path(metadata: dict[str, Any]) -> str:
    """Return the field of an item of metadata, like ``address.city``; empty for the stream itself."""
    return ".".join(part for part in metadata["breadcrumb"][1::2])


def _with_outer(field: str) -> list[str]:
    """Return a field and those that it is in, such as ``address`` for ``address.city``."""
    parts = field.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]

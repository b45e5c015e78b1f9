"""Key fields that the tap makes of values inside a record, because the record has no id of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tap_servicetitan.endpoints.kinds import Endpoint


def with_derived_keys(endpoint: Endpoint, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows with the derived keys of their endpoint."""
    for row in rows:
        keys = {key: _first_value(row, _paths(endpoint, row, paths)) for key, paths in endpoint.derived_keys.items()}
        yield {**keys, **row}


def _paths(endpoint: Endpoint, row: dict[str, Any], paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return where to look for a key: first where the row's kind says."""
    if endpoint.key_path_by is None:
        return paths
    field, path_by_value = endpoint.key_path_by
    first = path_by_value.get(row.get(field))
    return (first, *paths) if first else paths


def _first_value(row: dict[str, Any], paths: tuple[str, ...]) -> str:
    """Return the first value that is not null, as text; the ids of a list in numeric order, joined by commas."""
    for path in paths:
        value: Any = row
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return _joined(value) if isinstance(value, list) else str(value)
    return ""


def _joined(ids: list[Any]) -> str:
    """Return ids as text that does not depend on their order in the answer."""
    texts = {str(each) for each in ids if each is not None}
    return ",".join(sorted(texts, key=lambda text: (len(text), text)))

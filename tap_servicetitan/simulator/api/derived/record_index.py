"""Which records of a collection have which values in some fields, found once after each step of the clock."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.simulator.data.clock import Clock
    from tap_servicetitan.simulator.data.collection import Collection

Groups = dict[tuple[str, ...], list[int]]
"""Records, in the order of their last change, by the values of the fields as text."""


class RecordIndex:
    """Finds the records of streams by their fields."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._steps = clock.steps
        self._groups: dict[tuple[int, str, tuple[str, ...]], Groups] = {}

    def find(self, collection: Collection, values: Mapping[str, str]) -> list[int]:
        """Return the records that have these values; a field that the records do not have counts as null."""
        names = tuple(sorted(values))
        steps = self._clock.steps
        key = collection.tenant_id, collection.endpoint.name, names
        with self._lock:
            if steps != self._steps:
                self._steps = steps
                self._groups.clear()
            groups = self._groups.get(key)
        if groups is None:
            groups = _group(collection, names)
            with self._lock:
                if steps == self._steps:
                    self._groups[key] = groups
        return groups.get(tuple(values[name] for name in names), [])


def _group(collection: Collection, names: tuple[str, ...]) -> Groups:
    groups: Groups = {}
    with collection.history.lock:
        for index in collection.indices():
            record = collection.with_path_values(index)
            groups.setdefault(tuple(str(record.get(name)) for name in names), []).append(index)
    return groups

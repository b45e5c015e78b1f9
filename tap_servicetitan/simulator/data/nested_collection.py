"""Collections below another one: each record belongs to a parent."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.data.change_log import ChangeLog
from tap_servicetitan.simulator.data.collection import Collection, History
from tap_servicetitan.simulator.fake.references import target_stream

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Nested
    from tap_servicetitan.simulator.fake.child_distribution import ChildDistribution, Counts
    from tap_servicetitan.simulator.fake.record_context import RecordContext
    from tap_servicetitan.simulator.fake.record_view import RecordView

CLOSED_IF_INACTIVE: Final = frozenset({"contact_relationships"})
"""Nested streams that answer with 409 for an inactive parent: the OpenAPI document of contacts declares it."""


@dataclass(frozen=True)
class NestedCollection(Collection):
    """The records of a nested stream, each below a record of the parent stream."""

    endpoint: Nested
    parents: Collection
    distribution: ChildDistribution | _ByField
    view: RecordView | None = None
    """What makes the one record of a parent of the parent's own, where it is that record in full."""

    _by_parent: dict[int, list[int]] = field(default_factory=dict)
    """The records of each parent, as far as :meth:`children` has looked."""

    def children(self, parent: int) -> list[int]:
        """Return the records of a parent, in the order of their last change."""
        _, log = self.now()
        if self.distribution.single:
            return [parent]
        return sorted(self._siblings(parent), key=log.position)

    def _siblings(self, parent: int) -> list[int]:
        """Return the records of a parent, in the order of their creation."""
        _, log = self.now()
        for index in range(sum(map(len, self._by_parent.values())), len(log.created)):
            self._by_parent.setdefault(self.distribution.parent_of(index), []).append(index)
        return [index for index in self._by_parent.get(parent, ()) if index not in log.removed]

    def indices(self) -> list[int]:
        """Return all records whose parent exists and allows reading them."""
        return [index for index in super().indices() if self._readable(self.distribution.parent_of(index))]

    def _number(self, log: ChangeLog) -> int:
        _, parents = self.parents.now()
        all_readable = not parents.removed and self.endpoint.name not in CLOSED_IF_INACTIVE
        return super()._number(log) if all_readable else len(self.indices())

    def exists(self, index: int) -> bool:
        """Return whether there are such a record and its parent, and neither was removed."""
        return super().exists(index) and self.parents.exists(self.distribution.parent_of(index))

    def closed(self, parent: int) -> bool:
        """Return whether the API refuses to list a parent's records because the parent is inactive."""
        return self.endpoint.name in CLOSED_IF_INACTIVE and not self.parents.active(parent)

    def path_values(self, parent: int) -> dict[str, Any]:
        """Return the values of the placeholders in the path of a parent's records."""
        fields = self.parents.with_path_values(parent)
        return {placeholder: fields[name] for placeholder, name in self.endpoint.path_params.items()}

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it, with the parent's id in the field that names the parent."""
        parent = self.distribution.parent_of(index)
        record = (
            super().make(index) if self.view is None else self.view.show(self.parents.make(parent), self.context(index))
        )
        if self.distribution.single and isinstance(record["id"], str):
            record["id"] = self.parents.id_of(parent)  # The performance of a scheduler has the scheduler's id.
        for name in record:
            if name.endswith("Id") and target_stream(name) == self.endpoint.parent:
                record[name] = self.parents.id_of(parent)
        if record.get("parentId") is not None:
            record["parentId"] = self._record_above(index, parent)
        if sent := self.endpoint.sent_fields:
            record |= {name: value for name, value in self.path_values(parent).items() if name in sent}
        return record

    def _record_above(self, index: int, parent: int) -> int | str | None:
        """Return the id of another record of the parent, which this one is below; the very first record is below all."""
        earlier = [one for one in self._siblings(parent) if one and (one < index or not index)]
        return self.id_of(earlier[index % len(earlier)]) if earlier else None

    def with_path_values(self, index: int) -> dict[str, Any]:
        """Make a record with the values of its path before its own fields."""
        return {**self.path_values(self.distribution.parent_of(index)), **self.make(index)}

    def _readable(self, parent: int) -> bool:
        return self.parents.exists(parent) and not self.closed(parent)


@dataclass(frozen=True)
class _ByField:
    """Which parent each record belongs to, by the field with the parent's id."""

    records: Collection
    parents: Collection
    name: str
    single: bool = False
    _found: dict[int, int] = field(default_factory=dict)

    def parent_of(self, index: int) -> int:
        """Return the index of a record's parent, which never changes; -1 where it has none."""
        if index not in self._found:
            parent = self.parents.find(str(self.records.make(index)[self.name]))
            self._found[index] = -1 if parent is None else parent
        return self._found[index]


@dataclass(frozen=True)
class SplitFeed(NestedCollection):
    """The records of a feed, parent by parent; those without a parent are in the feed alone."""

    @classmethod
    def of(cls, endpoint: Nested, feed: Collection, parents: Collection) -> SplitFeed:
        """Split a feed by the parents of a nested stream."""
        (name,) = endpoint.path_params
        by_field = _ByField(feed, parents, name)
        return cls(endpoint, feed.tenant_id, feed.maker, feed.history, parents, by_field)

    def _number(self, _: ChangeLog) -> int:
        return len(self.indices())


class ItemHistory(History):
    """What has happened to items: each change of a record is one of all its items."""

    def __init__(self, parents: History, counts: Counts) -> None:
        self.lock = parents.lock
        self._parents = parents
        self._counts = counts
        self._log = ChangeLog(array("q"), Random(0))
        self._parents_created = 0
        self._parents_changed = 0

    def now(self) -> tuple[int, ChangeLog]:
        """Return the time and the changes until then. Hold the lock while using them."""
        now, parents = self._parents.now()
        for parent in range(self._parents_created, len(parents.created)):
            for _ in self._counts.of(parent):
                self._log.create(parents.created[parent])
        for position in range(self._parents_changed, len(parents)):
            for item in self._counts.of(parents.indices[position]):
                self._log.change(item, parents.times[position])
        self._parents_created, self._parents_changed = len(parents.created), len(parents)
        return now, self._log


@dataclass(frozen=True)
class Items(Collection):
    """The items in the records of another collection."""

    parents: Collection
    """The records, as they are without their items."""

    counts: Counts

    def active(self, index: int) -> bool:
        """Return whether the record that has the item is active."""
        return self.parents.active(self.counts.parent_of(index))

    def of_parent(self, parent_id: str) -> range:
        """Return the items of the record with this id; none if there is no such record."""
        parent = self.parents.find(parent_id)
        return range(0) if parent is None else self.counts.of(parent)

    def make(self, index: int) -> dict[str, Any]:
        """Make an item as the API sends it, with the id of its record in the field that names the record."""
        parent = self.counts.parent_of(index)
        _, log = self.parents.now()
        active = self.parents.active(parent)
        record = self.maker.make(
            index,
            len(log.changes.get(parent, ())),
            created=log.created[parent],
            modified=log.modified(parent),
            deleted=not active,
        )
        own = {name: self.parents.id_of(parent) for name in record if self.names_parent(name)}
        return record | own | ({"active": active} if "active" in record else {})

    def names_parent(self, field_name: str) -> bool:
        """Return whether a field or parameter has the id of the record that an item is in."""
        return field_name.endswith("Id") and target_stream(field_name) == self.parents.endpoint.name

    def context(self, index: int) -> RecordContext:
        """Return what a view of an item needs to make fields that the stream does not have."""
        parent = self.counts.parent_of(index)
        _, log = self.parents.now()
        return self.maker.context(index, created=log.created[parent], modified=log.modified(parent))


@dataclass(frozen=True)
class CollectionWithItems(Collection):
    """Records whose field ``items`` has records of another stream."""

    items: Items
    item_view: RecordView

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it; where there are no items, their list is empty or null."""
        record = super().make(index)
        of_record = self.items.counts.of(index)
        items = [self.item_view.show(self.items.make(one), self.items.context(one)) for one in of_record]
        return {**record, "items": items or (None if record["items"] is None else [])}

"""The records of one stream of one tenant, as they are now."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoints.kinds import Listing, Nested, Singleton, Unpaged
from tap_servicetitan.simulator.identities import collection as named
from tap_servicetitan.simulator.log import ChangeLog
from tap_servicetitan.simulator.operations import operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.identities import Identities
    from tap_servicetitan.simulator.records import RecordMaker
    from tap_servicetitan.simulator.shares import Share
    from tap_servicetitan.simulator.world import World

_STATES = ("active", "activeOnly", "activeState", "includeInactive")

CONFLICTS = frozenset({"contact_relationships"})
"""Nested streams that answer with 409 for an inactive parent: the OpenAPI document of contacts declares it."""


class History:
    """What the records of a collection went through until now."""

    def __init__(self, world: World, endpoint: Endpoint, identities: Identities, tenant_id: int) -> None:
        self.lock = RLock()
        self._world = world
        self._stream = endpoint.name
        self._grows = not isinstance(endpoint, Singleton)
        takes = operation(endpoint)
        self._loses = isinstance(endpoint, Listing | Unpaged | Nested) and not any(map(takes.has, _STATES))
        self._seen = 0
        rng = Random(f"{identities.seed}:{tenant_id}:{endpoint.name}")
        self._log = ChangeLog(identities.size(endpoint.name), world.start, rng)

    def now(self) -> tuple[int, ChangeLog]:
        """Return the clock and the changes until then. Hold the lock while using them."""
        now, pending = self._world.since(self._seen)
        self._seen += len(pending)
        for stream, happening in pending:
            if stream in {None, self._stream}:
                self._log.happen(happening, grows=self._grows, loses=self._loses)
        return now, self._log


@dataclass(frozen=True)
class Collection:
    """The records of one stream of one tenant; they are told by their index, which is their order of creation."""

    endpoint: Endpoint
    """Where they are asked for: of a feed's records, it may be the list beside the feed."""

    tenant_id: int
    maker: RecordMaker
    history: History

    def now(self) -> tuple[int, ChangeLog]:
        """Return the clock and the changes until then. Hold the history's lock while using them."""
        return self.history.now()

    def indices(self) -> list[int]:
        """All records that exist, those changed last at the end."""
        _, log = self.now()
        return [log.indices[position] for position in log.current(0, len(log))]

    def exists(self, index: int) -> bool:
        """Tell whether there is such a record, still."""
        _, log = self.now()
        return 0 <= index < len(log.created) and index not in log.removed

    def identify(self, index: int) -> int | str:
        """Return a record's id."""
        return self.maker.identify(index)

    def find(self, identity: str) -> int | None:
        """Return the index of the record with this id, if there is one."""
        _, log = self.now()
        index = self.maker.find(identity, len(log.created))
        return index if index is not None and self.exists(index) else None

    def active(self, index: int) -> bool:
        """Tell whether a record is active, even where it does not say so."""
        _, log = self.now()
        return index not in log.deleted and self.maker.active(index)

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        _, log = self.now()
        return self.maker.make(
            index,
            len(log.changes.get(index, ())),
            created=log.created[index],
            modified=log.modified(index),
            deleted=index in log.deleted,
        )

    def record(self, position: int) -> dict[str, Any]:
        """Make the record that a position of the change log is about, as it is now."""
        _, log = self.now()
        return self.make(log.indices[position])

    def known(self, index: int) -> dict[str, Any]:
        """Make a record with what else a client knows of it."""
        return self.make(index)

    def records(self) -> Iterator[dict[str, Any]]:
        """All that a client is to have, what changed last at the end."""
        with self.history.lock:
            yield from [self.known(index) for index in self.indices()]


@dataclass(frozen=True)
class Children(Collection):
    """The records of a collection of which there is one for each record of another."""

    endpoint: Nested
    parents: Collection
    share: Share
    families: dict[int, list[int]] = field(default_factory=dict)
    """The records of each parent, as far as :meth:`of` has looked."""

    def of(self, parent: int) -> list[int]:
        """Return the records of a parent, those changed last at the end."""
        _, log = self.now()
        if self.share.one:
            return [parent]
        for index in range(sum(map(len, self.families.values())), len(log.created)):
            self.families.setdefault(self.share.owner(index), []).append(index)
        own = [index for index in self.families.get(parent, ()) if index not in log.removed]
        return sorted(own, key=log.position)

    def indices(self) -> list[int]:
        """All records whose parent exists and lets one read them."""
        return [index for index in super().indices() if self._open(self.share.owner(index))]

    def exists(self, index: int) -> bool:
        """Tell whether there is such a record, still, and its parent as well."""
        return super().exists(index) and self.parents.exists(self.share.owner(index))

    def closed(self, parent: int) -> bool:
        """Tell whether a parent's records are refused because it is inactive."""
        return self.endpoint.name in CONFLICTS and not self.parents.active(parent)

    def places(self, parent: int) -> dict[str, Any]:
        """What stands in the path of a parent's collection."""
        fields = self.parents.known(parent)
        return {place: fields[name] for place, name in self.endpoint.path_params.items()}

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it; the field that names its parent does so."""
        record = super().make(index)
        owner = self.share.owner(index)
        if self.share.one and isinstance(record["id"], str):
            record["id"] = self.parents.identify(owner)  # a scheduler's performance bears the scheduler's id
        for name in record:
            if name.endswith("Id") and named(name) == self.endpoint.parent:
                record[name] = self.parents.identify(owner)
        return record

    def known(self, index: int) -> dict[str, Any]:
        """Make a record with the fields of its path's placeholders."""
        return {**self.places(self.share.owner(index)), **self.make(index)}

    def _open(self, parent: int) -> bool:
        return self.parents.exists(parent) and not self.closed(parent)


def twin(collection: Collection, endpoint: Endpoint) -> Collection:
    """Return the same records, asked for elsewhere."""
    return Collection(endpoint, collection.tenant_id, collection.maker, collection.history)

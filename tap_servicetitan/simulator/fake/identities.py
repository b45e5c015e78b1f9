"""Numbers and ids of fake records, known without making the records, so that every reference leads to a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from tap_servicetitan.endpoints.kinds import Nested, Singleton
from tap_servicetitan.simulator.fake.child_distribution import ITEMS, ChildDistribution, Counts
from tap_servicetitan.simulator.fake.references import ITEMS_OF, listed_as, streams
from tap_servicetitan.simulator.fake.vocabulary import LOOKUPS, SLUGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random


@dataclass(frozen=True)
class Identities:
    """The number of records of each stream of a tenant, and their ids."""

    seed: int
    records: int
    """Number of records of a stream that :attr:`sizes` does not name."""

    sizes: Mapping[str, int]
    """Number of records by stream; of a nested stream and of items, the number of records of each parent."""

    single_children: frozenset[str]
    """Nested streams of which each parent has exactly one record."""

    _sizes: dict[str, int] = field(default_factory=dict, compare=False)
    """What :meth:`size` has found, because every reference in a record needs it."""

    def __post_init__(self) -> None:
        """Count a feed and the list with the same records once."""
        object.__setattr__(self, "sizes", {listed_as(stream): size for stream, size in self.sizes.items()})

    def size(self, stream: str) -> int:
        """Return the number of records that a stream starts with.

        A singleton has one record, a nested stream a few for each parent, and a stream whose ids are words no more
        records than there are words.
        """
        size = self._sizes.get(stream)
        if size is None:
            size = self._sizes[stream] = self._size(stream)
        return size

    def _size(self, stream: str) -> int:
        endpoint = streams().get(stream)
        if isinstance(endpoint, Nested):
            return self.distribution(endpoint).total
        if stream in ITEMS_OF:
            return self.item_counts(stream).until(self.size(ITEMS_OF[stream]))
        usual = min(self.records, len(SLUGS[stream])) if stream in SLUGS else self.records
        return self.sizes.get(listed_as(stream), 1 if isinstance(endpoint, Singleton) else usual)

    def distribution(self, endpoint: Nested) -> ChildDistribution:
        """Return how the records of a nested stream are distributed over their parents."""
        single = endpoint.name in self.single_children
        per_parent = 1 if single else self.sizes.get(endpoint.name)
        return ChildDistribution(endpoint.name, self.size(endpoint.parent), per_parent, single)

    def item_counts(self, stream: str) -> Counts:
        """Return how many items each record has."""
        size = self.sizes.get(stream)
        return Counts(ITEMS if size is None else (size,))

    def text_id(self, stream: str, index: int) -> str:
        """Return the id of a record of a stream whose ids are strings."""
        if index < len(slugs := SLUGS.get(stream, ())):
            return slugs[index]
        digest = blake2b(f"{self.seed}:{stream}:{index}".encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def choose(self, stream: str, rng: Random) -> int:
        """Choose the index of an existing record; of small streams such as business units, one of the first few."""
        size = self.size(stream)
        if stream in LOOKUPS:
            size = min(size, len(LOOKUPS[stream]))
        return int(rng.random() * size)

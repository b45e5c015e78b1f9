"""Ids of made-up records, computable without making the records, so that references always lead somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zlib import crc32

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Nested, Singleton
from tap_servicetitan.simulator.shares import Share, one_each
from tap_servicetitan.simulator.words import ALIASES, LOOKUPS, SLUGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_RANGE: Final = 10_000_000
"""Distance between the first ids of two collections: no collection is larger."""


@cache
def words(name: str) -> tuple[str, ...]:
    """Split ``camelCase`` or ``snake_case`` into lower-case words."""
    return tuple(word.lower() for word in _WORD.findall(name))


def plural(noun: str) -> str:
    """Name the collection of a thing: ``job_type`` is found in ``job_types``; what is plural stays."""
    if noun.endswith("s") and not noun.endswith(("ss", "us")):
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


@cache
def streams() -> Mapping[str, Endpoint]:
    """All entries of the table, by name."""
    return {endpoint.name: endpoint for endpoint in table.endpoints()}


@cache
def collection(reference: str) -> str:
    """Name the collection that a field such as ``jobTypeId``, ``tagTypeIds`` or ``createdById`` points to.

    ``primaryVendorId`` points to vendors, for want of primary vendors.
    """
    parts = [word for word in words(reference) if word not in {"id", "ids"}]
    names = [_named("_".join(parts[start:])) for start in range(max(1, len(parts)))]
    return next((name for name in names if name in streams()), names[0])


def _named(noun: str) -> str:
    return ALIASES.get(noun) or ALIASES.get(noun.removesuffix("s")) or (noun if noun in LOOKUPS else plural(noun))


@cache
def first_number(collection: str) -> int:
    """Where a collection's ids begin: each has a range of its own, most of them beyond 32 bits.

    A feed that stands in the table beside its list has the list's ids.
    """
    return (crc32(collection.removeprefix("export_").encode()) % 9_000 + 1) * _RANGE


@cache
def has_text_ids(collection: str) -> bool:
    """Tell whether the ids of a stream's records are strings."""
    endpoint = streams().get(collection)
    return endpoint is not None and schemas.load(endpoint)["properties"].get("id", {}).get("type") == "string"


@dataclass(frozen=True)
class Identities:
    """Knows how many records each collection of a tenant has."""

    seed: int
    records: int
    sizes: Mapping[str, int]

    def size(self, collection: str) -> int:
        """How many records a collection starts with.

        Those that are told, else one of what a tenant has one of, a share for each parent of what is nested, no more
        than there are words for ids that are words, and the common number of anything else.
        """
        endpoint = streams().get(collection)
        if isinstance(endpoint, Nested):
            return self.share(endpoint).total
        usual = min(self.records, len(SLUGS[collection])) if collection in SLUGS else self.records
        return self.sizes.get(collection, 1 if isinstance(endpoint, Singleton) else usual)

    def share(self, endpoint: Nested) -> Share:
        """How a nested collection is spread; a size that is told is that of each parent's share."""
        one = one_each(endpoint)
        each = 1 if one else self.sizes.get(endpoint.name)
        return Share(endpoint.name, self.size(endpoint.parent), each, one)

    def guid(self, collection: str, index: int) -> str:
        """Give the id of a record where ids are strings."""
        if index < len(slugs := SLUGS.get(collection, ())):
            return slugs[index]
        digest = blake2b(f"{self.seed}:{collection}:{index}".encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def choose(self, collection: str, rng: Random) -> int:
        """Pick the index of an existing record; of small collections such as business units, one of the first few."""
        size = self.size(collection)
        if collection in LOOKUPS:
            size = min(size, len(LOOKUPS[collection]))
        return int(rng.random() * size)

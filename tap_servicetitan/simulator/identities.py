"""Ids of made-up records, computable without making the records, so that references always lead somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zlib import crc32

from tap_servicetitan.simulator.words import ALIASES, LOOKUPS

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


def collection(reference: str) -> str:
    """Name the collection that a field such as ``jobTypeId``, ``tagTypeIds`` or ``createdById`` points to."""
    parts = [word for word in words(reference) if word not in {"id", "ids"}]
    noun = "_".join(parts)
    return ALIASES.get(noun) or ALIASES.get(noun.removesuffix("s")) or (noun if noun in LOOKUPS else plural(noun))


@cache
def first_number(collection: str) -> int:
    """Where a collection's ids begin: each has a range of its own, most of them beyond 32 bits."""
    return (crc32(collection.encode()) % 9_000 + 1) * _RANGE


@dataclass(frozen=True)
class Identities:
    """Knows how many records each collection of a tenant has."""

    seed: int
    records: int
    sizes: Mapping[str, int]

    def size(self, collection: str) -> int:
        """How many records a collection starts with."""
        return self.sizes.get(collection, self.records)

    def guid(self, collection: str, index: int) -> str:
        """Give the id of a record where ids are strings."""
        digest = blake2b(f"{self.seed}:{collection}:{index}".encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def choose(self, collection: str, rng: Random) -> int:
        """Pick the index of an existing record; of small collections such as business units, one of the first few."""
        size = self.size(collection)
        if collection in LOOKUPS:
            size = min(size, len(LOOKUPS[collection]))
        return int(rng.random() * size)

"""References between records: which stream a field points to, and where the ids of a stream begin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.simulator.fake.field_names import plural, split_words
from tap_servicetitan.simulator.fake.vocabulary import ALIASES, LOOKUPS

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint

_ID_RANGE: Final = 10_000_000
"""Distance between the first ids of two streams. No stream has more records than this."""


_PARTS: Final[Mapping[str, str]] = {"job_canceled_log": "job_canceled_logs"}
"""Nested streams with the records of a feed, parent by parent."""


ITEMS_OF: Final[Mapping[str, str]] = {"estimate_items": "estimates", "invoice_items": "invoices"}
"""Streams of the items that the records of another stream have in their field ``items``."""


@cache
def streams() -> Mapping[str, Endpoint]:
    """All endpoints of the table, by the name of their stream."""
    return {endpoint.name: endpoint for endpoint in table.TABLE}


@cache
def listed_as(stream: str) -> str:
    """Return the stream that has the records of a stream: the list beside a feed, or the feed that a nested stream splits.

    Others have their own.
    """
    if stream in _PARTS:
        return _PARTS[stream]
    feed = streams().get(stream)
    path = feed.url_path.replace("/export/", "/") if isinstance(feed, Export) else ""
    return next((name for name, one in streams().items() if one.url_path == path), stream)


@cache
def changes_with(stream: str) -> str:
    """Return the stream whose changes are those of a stream: an item changes together with the record that has it."""
    return ITEMS_OF.get(stream, listed_as(stream))


@cache
def target_stream(reference: str) -> str:
    """Return the stream that a field such as ``jobTypeId``, ``tagTypeIds`` or ``createdById`` points to.

    ``primaryVendorId`` points to vendors, because there is no stream of primary vendors. A name of no stream is
    returned where nothing fits.
    """
    words = [word for word in split_words(reference) if word not in {"id", "ids"}]
    names = [_stream_of("_".join(words[start:])) for start in range(max(1, len(words)))]
    return next((name for name in names if name in streams()), names[0])


def _stream_of(noun: str) -> str:
    return ALIASES.get(noun) or ALIASES.get(noun.removesuffix("s")) or (noun if noun in LOOKUPS else plural(noun))


@cache
def first_id(stream: str) -> int:
    """Return the first id of a stream with numeric ids: each stream has its own range, most of them beyond 32 bits.

    A feed that the table has beside its list has the same ids as the list.
    """
    return (crc32(listed_as(stream).encode()) % 9_000 + 1) * _ID_RANGE


@cache
def has_text_ids(stream: str) -> bool:
    """Return whether the ids of a stream's records are strings."""
    endpoint = streams().get(stream)
    return endpoint is not None and schemas.load(endpoint)["properties"].get("id", {}).get("type") == "string"

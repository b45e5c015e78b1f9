"""Every operation of the API that reads: what its URL takes and where its answer holds the records.

``operations.json`` is written by ``python -m tap_servicetitan.schemas`` from ServiceTitan's OpenAPI documents, one
operation a line. It does not follow from the table of streams, so it shows where the table is wrong.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

FILE: Final = Path(__file__).with_name("operations.json")

DEFAULT_MAX_PAGE_SIZE: Final = 5000
"""Records a page, as ServiceTitan's page on timeouts and pagination says; some documents have another maximum."""


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation that reads."""

    kind: str
    """What the answer is.

    ``export`` has `continueFrom`; ``list`` has pages and `hasMore`; ``array`` has records and no `hasMore`. The two
    have ``nested`` before them where the path has another placeholder than the tenant. ``by id`` is one object at such
    a path, ``other`` is anything else.
    """

    method: str = "GET"

    scope: str | None = None
    """The OAuth scope that it needs."""

    records: str = ""
    """Where the answer holds records: ``data[]``, ``[]`` where the answer is the array, else empty."""

    required: frozenset[str] = frozenset()
    """Query parameters without which it answers 400."""

    query: frozenset[str] = frozenset()
    """All query parameters."""

    sort: frozenset[str] = frozenset()
    """The fields that the parameter `sort` takes, in lower case; empty where the documents name none."""

    max_page_size: int = DEFAULT_MAX_PAGE_SIZE
    """Records a page at most."""

    deprecated: bool = False

    known_from: dict[str, str] = {}
    """What was not read in a document of ServiceTitan's own: the source, by field of the record; ``""`` is the operation itself."""

    record: Any = None
    """Names and types of a record's fields, as :mod:`tap_servicetitan.schemas.record_notation` writes them.

    None where a stream reads the operation, whose schema file has them, and where the answer is no JSON.
    """


def shape(path: str) -> str:
    """Return a path below the API root without the tenant and without the names of placeholders."""
    return re.sub(r"{\w+}", "{}", re.sub(r"tenant/{\w+}/", "", path)).lstrip("/")


def decode(text: bytes) -> dict[str, Operation]:
    """Read the text of such a file: operations by path.

    Raises:
        msgspec.ValidationError: The file has other fields.
    """
    return msgspec.json.decode(text, type=dict[str, Operation])


@cache
def operations() -> Mapping[str, Operation]:
    """Return all operations by the :func:`shape` of their path."""
    return {shape(path): operation for path, operation in decode(FILE.read_bytes()).items()}


def find(endpoint: Endpoint) -> Operation | None:
    """Return the operation that reads an entry of the table; None where the documents did not have it."""
    return operations().get(shape(endpoint.url_path))

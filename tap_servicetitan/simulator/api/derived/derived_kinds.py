"""The kinds of operations that no stream reads; the name of each is the stream whose records it shows.

A placeholder of a path has the name of the record's field with the same value, so ``customers/{customerId}/contacts`` has
the records of one customer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tap_servicetitan.endpoints.kinds import Endpoint


@dataclass(frozen=True)
class RecordById(Endpoint):
    """One record of a stream: a list or a feed, whose records have the field ``id``."""


@dataclass(frozen=True)
class Below(Endpoint):
    """The records of a stream below another record."""

    owner: str | None = field(default=None, kw_only=True)
    """The stream of the record above; without such a record the answer is 404. None where no stream has it."""

    owner_fields: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    """The owner's fields by placeholder, where it is not the ``id`` for the first placeholder."""

    owner_only: tuple[str, ...] = field(default=(), kw_only=True)
    """Placeholders that the records have no field for."""

    of: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    """What other fields of the records hold."""

    single: bool = field(default=False, kw_only=True)
    """Whether the answer is the one record, or 404."""

    open_owners_only: bool = field(default=False, kw_only=True)
    """Whether an inactive owner is refused with 409."""

    gathered_in: str | None = field(default=None, kw_only=True)
    """The field of the answer that holds the lists of all records, for rows that are lists."""

    @property
    def placeholders(self) -> list[str]:
        """The placeholders of the path."""
        return re.findall(r"{(\w+)}", self.path)


@dataclass(frozen=True)
class ItemsOf(Endpoint):
    """The items of a list in a record, which the path names by its id."""

    field_name: str = field(kw_only=True)
    """The field with the list."""


@dataclass(frozen=True)
class RelatedContacts(Endpoint):
    """The contacts that have a relationship with the record of the path."""


@dataclass(frozen=True)
class JobReasons(Endpoint):
    """Why jobs, which the request names by their ids, were canceled or are on hold."""


@dataclass(frozen=True)
class BudgetCodeMatches(Endpoint):
    """Which budget codes of the tenant or of a project have the codes that a request names."""


@dataclass(frozen=True)
class TechnicianTracking(Endpoint):
    """Where a customer sees on a map how far the technician of an appointment is."""


@dataclass(frozen=True)
class RouterPerformance(Endpoint):
    """Figures of a router, which has the id of its scheduler here: no operation lists routers."""


@dataclass(frozen=True)
class FleetPositions(Endpoint):
    """Where vehicles were in a window of at most 24 hours, requested by POST."""


@dataclass(frozen=True)
class FileAt(Endpoint):
    """A file that a request names by its path: the answer is a redirect to it."""

    prefix: str = field(default="", kw_only=True)
    """What the path of a file begins with."""


@dataclass(frozen=True)
class FileOf(Endpoint):
    """A file that belongs to a record of a stream."""

    content_type: str = field(default="application/octet-stream", kw_only=True)

    list_field: str | None = field(default=None, kw_only=True)
    """The field of the record with a list of files, each with the id that the path ends with."""

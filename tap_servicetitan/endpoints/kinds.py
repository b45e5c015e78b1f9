"""The kinds of endpoints, and their options.

The defaults are what most endpoints have, so an entry of :mod:`tap_servicetitan.endpoints.table` says only what is unusual.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote


@dataclass(frozen=True)
class Endpoint:
    """A collection of ServiceTitan's API that is read as one stream."""

    name: str
    """Stream name: snake_case, unique over all APIs."""

    path: str
    """Path below ``/<api>/tenant/<tenant>/``."""

    api: str = field(default="", kw_only=True)
    """API and version, e.g. ``crm/v2``; filled in from the table's key."""

    keys: tuple[str, ...] = field(default=("id",), kw_only=True)
    """The fields that identify a record within a tenant; empty where no fields do."""

    replication_key: str | None = field(default="modifiedOn", kw_only=True)
    """The date-time field by which a later run finds what is new; None where the stream is read in full each time."""

    params: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    """Query parameters sent with every request, in addition to those of the kind of endpoint."""

    records_path: str | None = field(default="data", kw_only=True)
    """The field of the response that holds the records; None where the response is the array, or the one record."""

    resource: str | None = field(default=None, kw_only=True)
    """The resource in the OAuth scope, where it is not the first word of the path."""

    oauth_scope: str | None = field(default=None, kw_only=True)
    """The OAuth scope, where it does not follow from API and path."""

    key_path_by: tuple[str, Mapping[Any, str]] | None = field(default=None, kw_only=True, hash=False)
    """A field, and for each of its values the path that comes first for :attr:`derived_keys`: an id that never changes."""

    derived_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, kw_only=True, hash=False)
    """Fields that the tap adds for the key: the value at the first of these paths that is not null, as text, else ``""``.

    Items of a list are joined by commas.
    """

    selected: bool = field(default=True, kw_only=True)
    """Whether the stream is selected by default."""

    @property
    def url_path(self) -> str:
        """Path below the API root, with the placeholder ``{tenant_id}``."""
        return f"/{self.api}/tenant/{{tenant_id}}/{self.path}"

    def url_for(self, tenant_id: str, path_values: Mapping[str, Any]) -> str:
        """Return the path below the API root; a value is quoted, so it cannot change the rest of the path."""
        quoted = {name: quote(str(value), safe="") for name, value in path_values.items()}
        return self.url_path.format(tenant_id=tenant_id, **quoted)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """Key properties of the stream. Ids are unique within a tenant only."""
        return ("tenant_id", *self.keys) if self.keys else ()

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that the tap sets in each record; never null."""
        return ("tenant_id", *self.derived_keys)

    @property
    def sent_fields(self) -> frozenset[str]:
        """Those of :attr:`added_fields` that the API's records have too."""
        return frozenset()

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters that are the same in every request."""
        return self.params


@dataclass(frozen=True)
class Export(Endpoint):
    """A change feed: ``data``, ``hasMore`` and ``continueFrom``, a token from which any later run can continue."""

    explode: str | None = field(default=None, kw_only=True)
    """The field of a row whose items are the records, each with the row's other fields; None where rows are records."""


@dataclass(frozen=True)
class Paged(Endpoint):
    """A collection that is read by page numbers."""

    page_size: int | None = field(default=5000, kw_only=True)
    """Records a page, the API's maximum; None where the response has all records."""

    first_page: int = field(default=1, kw_only=True)
    """Number of the first page."""

    has_more_flag: bool = field(default=True, kw_only=True)
    """Whether the response has `hasMore`; otherwise pages are requested until one is empty."""

    has_total: bool = field(default=True, kw_only=True)
    """Whether the API returns the number of records for ``includeTotal=true``."""

    active_filter: str | None = field(default="Any", kw_only=True)
    """Value of the parameter `active`, without which the API leaves inactive records out; None where it does not exist."""

    sort: str | None = field(default="+Id", kw_only=True)
    """Value of the parameter `sort`; None where the API has none or its documents do not say by which fields."""

    @property
    def has_ids_in_pages(self) -> bool:
        """Whether ids can prove that no row was skipped while rows moved between pages, if rows come in their order."""
        return self.keys == ("id",) and self.page_size is not None and self.has_more_flag

    since_param: str = field(default="modifiedOnOrAfter", kw_only=True)
    """The parameter that takes the bookmark, where there is a replication key."""

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters that are the same in every request."""
        active = {"active": self.active_filter} if self.active_filter else {}
        sort = {"sort": self.sort} if self.sort else {}
        return {**active, **sort, **self.params}


@dataclass(frozen=True)
class Listing(Paged):
    """A collection in numbered pages: incremental where it has a replication key, otherwise read in full."""


def custom_fields(name: str, path: str, *, sort: str | None = None) -> Listing:
    """Return the listing of the custom fields that a tenant has defined; they cannot be inactive."""
    return Listing(name, path, active_filter=None, sort=sort)


@dataclass(frozen=True)
class Unpaged(Endpoint):
    """A collection that comes in one response."""

    replication_key: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Singleton(Endpoint):
    """One object for the whole tenant, so its key is the tenant."""

    keys: tuple[str, ...] = field(default=(), kw_only=True)
    replication_key: str | None = field(default=None, kw_only=True)
    records_path: str | None = field(default=None, kw_only=True)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The tenant alone."""
        return ("tenant_id",)


@dataclass(frozen=True)
class Nested(Paged):
    """A collection below each record of another one, its parent; costs at least a request for each parent."""

    parent: str = field(kw_only=True)
    """The parents: a name in :data:`tap_servicetitan.endpoints.table.PARENTS`, else in the table."""

    parent_fields: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    """The parent's field for a placeholder of the path, where it is not the default of :attr:`path_params`."""

    nested_parents: Literal["all", "changed"] = field(default="all", kw_only=True)
    """Of which parents later runs ask for records, where the setting of this name does not say.

    ``changed`` where a record is part of its parent, so that it does not change without the parent's ``modifiedOn``;
    ``all`` where it may, or where that is not known.
    """

    date_range_params: tuple[str, str] | None = field(default=None, kw_only=True)
    """Parameters for the first and last date of what is summed up: start date and start of the run, also kept in the record."""

    replication_key: str | None = field(default=None, kw_only=True)
    active_filter: str | None = field(default=None, kw_only=True)
    sort: str | None = field(default=None, kw_only=True)
    selected: bool = field(default=False, kw_only=True)

    @property
    def path_params(self) -> Mapping[str, str]:
        """The parent's field for each placeholder: its ``id`` for the last, the field of the same name for others."""
        names = re.findall(r"{(\w+)}", self.path)
        return {**{name: name for name in names[:-1]}, names[-1]: "id", **self.parent_fields}

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """Key properties of the stream: the tenant, the parents, then the record's own keys."""
        return ("tenant_id", *self.path_params, *self.keys) if self.keys else ()

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that the tap sets in each record; never null."""
        return ("tenant_id", *self.path_params, *(self.date_range_params or ()), *self.derived_keys)

    @property
    def sent_fields(self) -> frozenset[str]:
        """The placeholders in camelCase: where a record has a parent's id, its field gives the placeholder its name.

        With ``job_id`` beside ``jobId``, a table of many databases would have one column for both.
        """
        return frozenset(name for name in self.path_params if not name.islower())


@dataclass(frozen=True)
class Window(Paged):
    """What happened between two times, requested window by window."""

    start: str = field(default="fromUtc", kw_only=True)
    """The parameter for a window's start; where it is also the replication key, records have both bounds of their window."""

    end: str = field(default="toUtc", kw_only=True)
    """The parameter for a window's end, which is the next one's start."""

    days: int = field(default=1, kw_only=True)
    """Length of a window."""

    lookback_days: int = field(default=7, kw_only=True)
    """Days before the bookmark that are requested again, because figures of recent days still change."""

    replication_key: str | None = field(default="fromUtc", kw_only=True)
    active_filter: str | None = field(default=None, kw_only=True)
    sort: str | None = field(default=None, kw_only=True)

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that the tap sets in each record; never null."""
        bounds = (self.start, self.end) if self.replication_key == self.start else ()
        return ("tenant_id", *bounds, *self.derived_keys)


@dataclass(frozen=True)
class Capacity(Endpoint):
    """Availability in the days ahead, requested by POST, which needs a scope to write."""

    replication_key: str | None = field(default=None, kw_only=True)
    records_path: str | None = field(default="availabilities", kw_only=True)
    selected: bool = field(default=False, kw_only=True)

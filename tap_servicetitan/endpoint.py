"""The words the table of streams is written in.

Defaults carry the rule, so an entry of :mod:`tap_servicetitan.catalog` says only what is unusual about its stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """The API's own fields that identify a record within a tenant; empty where it gives none."""

    cursor: str | None = field(default="modifiedOn", kw_only=True)
    """The date-time field that tells how new a record is; None where records carry no such date."""

    params: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Query parameters sent with every request."""

    resource: str | None = field(default=None, kw_only=True)
    """Name of the resource in the OAuth scope, where it is not the path's first word."""

    @property
    def url_path(self) -> str:
        """Path below the API root, with ``{tenant_id}`` to be filled in."""
        return f"/{self.api}/tenant/{{tenant_id}}/{self.path}"

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """Key properties of the stream: ids are unique per tenant only."""
        return ("tenant_id", *self.keys) if self.keys else ()


@dataclass(frozen=True)
class Export(Endpoint):
    """A change feed: ``data``, ``hasMore`` and ``continueFrom``, resumable at any page for ever after."""

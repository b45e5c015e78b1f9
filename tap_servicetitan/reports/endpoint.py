"""A custom report as an entry that might stand in the table of streams, if only it were known beforehand."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoints.kinds import Paged
from tap_servicetitan.reports import cells
from tap_servicetitan.reports.config import DATE_RANGE_PARAMS
from tap_servicetitan.reports.description import dedupe_names, number_duplicates

if TYPE_CHECKING:
    from tap_servicetitan.client.rate_limit import RateLimiter
    from tap_servicetitan.reports.config import CustomReport
    from tap_servicetitan.reports.description import Description, Place

ROW = "_row"
"""Number of a row within its date or window: a report's rows have no id of their own."""


@dataclass(frozen=True)
class TenantReport:
    """A report as one tenant has it: each has other ids, and perhaps other columns."""

    report: CustomReport
    description: Description
    budget: RateLimiter
    """So many runs a minute; each page is one."""


@dataclass(frozen=True)
class Report(Paged):
    """A custom report, read full each time or step by step through a date parameter."""

    tenant_reports: Mapping[str, TenantReport] = field(kw_only=True, hash=False)
    """By tenant; the tenants that are not among them do not have it."""

    backfill: str | None = field(kw_only=True)
    """The date parameter that is stepped through."""

    typed: bool = field(kw_only=True)
    """Whether columns are of their declared types; else all are text."""

    api: str = field(default="reporting/v2", kw_only=True)
    page_size: int | None = field(default=25_000, kw_only=True)
    """The maximum: each page is a run of the report, of which few a minute are allowed."""
    resource: str | None = field(default="reports", kw_only=True)
    has_total: bool = field(default=False, kw_only=True)
    active_filter: str | None = field(default=None, kw_only=True)
    sort: str | None = field(default=None, kw_only=True)

    @functools.cached_property
    def dates(self) -> tuple[str, ...]:
        """The parameters that each request gives another date, and the columns that say so: one, or a pair of bounds."""
        if not self.backfill:
            return ()
        descriptions = [edition.description for edition in self.tenant_reports.values()]
        pair = self.backfill in DATE_RANGE_PARAMS and all(
            name in one for one in descriptions for name in DATE_RANGE_PARAMS
        )
        return DATE_RANGE_PARAMS if pair else (self.backfill,)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The date, or the window's first one, and the row within it; nothing where the report is read in full."""
        return ("tenant_id", self.dates[0], ROW) if self.dates else ()

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that the tap adds to the API's own; never null."""
        return ("tenant_id", *self.dates, ROW) if self.dates else ("tenant_id",)

    @functools.cached_property
    def columns(self) -> Mapping[str, Mapping[Place, str]]:
        """By tenant, the names that a report's columns have in records."""
        return {
            tenant_id: dedupe_names((one.name for one in edition.description.fields), self.added_fields)
            for tenant_id, edition in self.tenant_reports.items()
        }

    @functools.cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its records, with the columns of all tenants; text where their types disagree."""
        kinds = {"tenant_id": {"type": "string"}, ROW: {"type": "integer"}}
        added = {name: kinds.get(name, {"type": "string", "format": "date"}) for name in self.added_fields}
        columns: dict[str, Any] = {}
        for tenant_id, edition in self.tenant_reports.items():
            fields = edition.description.fields
            for place, column in zip(number_duplicates(one.name for one in fields), fields, strict=True):
                schema = cells.schema(column.dataType if self.typed else None)
                name = self.columns[tenant_id][place]
                columns[name] = schema if columns.get(name, schema) == schema else cells.schema(None)
        return {"type": "object", "properties": {**added, **columns}, "required": list(self.added_fields)}

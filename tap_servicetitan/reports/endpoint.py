"""A custom report as an endpoint, like the entries of the table of streams."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoints.kinds import Paged
from tap_servicetitan.reports.metadata import dedupe_names, number_duplicates
from tap_servicetitan.reports.rows import column_schema
from tap_servicetitan.schemas.key_lengths import TENANT_ID
from tap_servicetitan.settings.custom_reports import DATE_RANGE_PARAMS, by_tenant

if TYPE_CHECKING:
    from tap_servicetitan.client.rate_limit import RateLimiter
    from tap_servicetitan.reports.metadata import ColumnKey, ReportMetadata
    from tap_servicetitan.reports.query import QuerySupport
    from tap_servicetitan.settings import Settings
    from tap_servicetitan.settings.custom_reports import CustomReport

ROW = "_row"
"""Number of a row within its date or window: a report's rows have no id of their own."""


@dataclass(frozen=True)
class TenantReport:
    """A report of one tenant: ids differ between tenants, and columns may."""

    report: CustomReport
    metadata: ReportMetadata
    budget: RateLimiter
    """Limits runs per minute; each page is a run."""

    support: QuerySupport
    """What is known of the tenant's asynchronous queries."""

    @property
    def has_date_range(self) -> bool:
        """Whether the report has a parameter for each bound."""
        return all(name in self.metadata for name in DATE_RANGE_PARAMS)


@dataclass(frozen=True)
class Report(Paged):
    """A custom report, read in full each time or stepped through a date parameter."""

    tenant_reports: Mapping[str, TenantReport] = field(kw_only=True, hash=False)
    """By tenant id; other tenants do not have the report."""

    dates: tuple[str, ...] = field(kw_only=True)
    """The date parameters that are stepped through, which are columns too: none, one, or a pair of bounds."""

    typed: bool = field(kw_only=True)
    """Whether columns are of their declared types; else all are text."""

    api: str = field(default="reporting/v2", kw_only=True)
    page_size: int | None = field(default=25_000, kw_only=True)
    """The API's maximum, because each page is a run and runs are limited."""
    resource: str | None = field(default="reports", kw_only=True)
    has_total: bool = field(default=False, kw_only=True)
    active_filter: str | None = field(default=None, kw_only=True)
    sort: str | None = field(default=None, kw_only=True)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The date (or first date of the window) and the number of the row; none if the report is read in full."""
        return ("tenant_id", self.dates[0], ROW) if self.dates else ()

    @property
    def added_fields(self) -> tuple[str, ...]:
        """The fields that the tap sets in each record; never null."""
        return ("tenant_id", *self.dates, ROW) if self.dates else ("tenant_id",)

    def stepped(self, tenant_id: str) -> tuple[str, ...]:
        """Return the parameters that a tenant's run sets: both bounds if it has them, else :attr:`dates`."""
        one_bound = len(self.dates) == 1 and self.dates[0] in DATE_RANGE_PARAMS
        return DATE_RANGE_PARAMS if one_bound and self.tenant_reports[tenant_id].has_date_range else self.dates

    @functools.cached_property
    def columns(self) -> Mapping[str, Mapping[ColumnKey, str]]:
        """By tenant, the names of the report's columns in records."""
        return {
            tenant_id: dedupe_names((one.name for one in tenant_report.metadata.fields), self.added_fields)
            for tenant_id, tenant_report in self.tenant_reports.items()
        }

    def declared_types(self, tenant_id: str) -> Mapping[str, str | None]:
        """Return the types that a tenant's metadata declares, by column."""
        fields = self.tenant_reports[tenant_id].metadata.fields
        keys = number_duplicates(one.name for one in fields)
        return {self.columns[tenant_id][key]: one.dataType for key, one in zip(keys, fields, strict=True)}

    def expected_columns(self, tenant_id: str, catalog: AbstractSet[str], settings: Settings) -> set[str]:
        """Return the columns of a tenant's metadata, and those of the catalog if no other tenant has the report."""
        own = set(self.columns[tenant_id].values())
        sharing = [one for one in settings.tenants if self.name in by_tenant(settings.custom_reports, one.tenant_id)]
        return own if len(sharing) > 1 else own | catalog

    @functools.cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its records, with the columns of all tenants; text where their types disagree."""
        types = {"tenant_id": TENANT_ID, ROW: {"type": "integer"}}
        added = {name: types.get(name, {"type": "string", "format": "date"}) for name in self.added_fields}
        columns: dict[str, Any] = {}
        for tenant_id, tenant_report in self.tenant_reports.items():
            fields = tenant_report.metadata.fields
            for key, column in zip(number_duplicates(one.name for one in fields), fields, strict=True):
                schema = column_schema(column.dataType if self.typed else None)
                name = self.columns[tenant_id][key]
                columns[name] = schema if columns.get(name, schema) == schema else column_schema(None)
        return {"type": "object", "properties": {**added, **columns}, "required": list(self.added_fields)}

"""A custom report as an entry that might stand in the table of streams, if only it were known beforehand."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoint import Paged
from tap_servicetitan.reports import cells
from tap_servicetitan.reports.config import PAIR
from tap_servicetitan.reports.description import unique

if TYPE_CHECKING:
    from tap_servicetitan.ratelimit import RateBudget
    from tap_servicetitan.reports.config import CustomReport
    from tap_servicetitan.reports.description import Description

ROW = "_row"
"""Number of a row within its date or window: a report's rows have no id of their own."""


@dataclass(frozen=True)
class Edition:
    """A report as one tenant has it: each has other ids, and perhaps other columns."""

    report: CustomReport
    description: Description
    budget: RateBudget
    """So many runs a minute; each page is one."""


@dataclass(frozen=True)
class Report(Paged):
    """A custom report, read full each time or step by step through a date parameter."""

    editions: Mapping[str, Edition] = field(kw_only=True, hash=False)
    """By tenant; the tenants that are not among them do not have it."""

    backfill: str | None = field(kw_only=True)
    """The date parameter that is stepped through."""

    typed: bool = field(kw_only=True)
    """Whether columns are of their declared types; else all are text."""

    api: str = field(default="reporting/v2", kw_only=True)
    page_size: int | None = field(default=25_000, kw_only=True)
    """The maximum: each page is a run of the report, of which few a minute are allowed."""
    resource: str | None = field(default="reports", kw_only=True)
    total: bool = field(default=False, kw_only=True)
    active: str | None = field(default=None, kw_only=True)
    sort: str | None = field(default=None, kw_only=True)

    @functools.cached_property
    def dates(self) -> tuple[str, ...]:
        """The parameters that each request gives another date, and the columns that say so: one, or a pair of bounds."""
        if not self.backfill:
            return ()
        descriptions = [edition.description for edition in self.editions.values()]
        pair = self.backfill in PAIR and all(name in one for one in descriptions for name in PAIR)
        return PAIR if pair else (self.backfill,)

    @property
    def primary_keys(self) -> tuple[str, ...]:
        """The date, or the window's first one, and the row within it; nothing where the report is read in full."""
        return ("tenant_id", self.dates[0], ROW) if self.dates else ()

    @property
    def added(self) -> tuple[str, ...]:
        """The fields that the tap adds to the API's own; never null."""
        return ("tenant_id", *self.dates, ROW) if self.dates else ("tenant_id",)

    def columns(self, names: Iterable[str]) -> list[str]:
        """Return the names that a report's columns have in records."""
        return list(unique(names, self.added))

    @functools.cached_property
    def types(self) -> Mapping[str, str]:
        """What each column is to be, over all tenants; text where they disagree."""
        types: dict[str, str] = {}
        for edition in self.editions.values():
            fields = edition.description.fields
            for name, column in zip(self.columns(one.name for one in fields), fields, strict=True):
                declared = column.dataType if self.typed else "String"
                types[name] = declared if types.get(name, declared) == declared else "String"
        return types

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its records."""
        kinds = {"tenant_id": {"type": "string"}, ROW: {"type": "integer"}}
        added = {name: kinds.get(name, {"type": "string", "format": "date"}) for name in self.added}
        columns = {name: cells.schema(declared) for name, declared in self.types.items()}
        return {"type": "object", "properties": {**added, **columns}, "required": list(self.added)}

"""The setting ``custom_reports``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from singer_sdk import typing as th

WINDOWS = ("day", "week", "month")

DATE_RANGE_PARAMS = ("From", "To")
"""The parameters for a range of days; both days are included."""

_TEXT_OR_NUMBER = th.CustomType({"type": ["string", "integer"]})

ENTRIES = th.ArrayType(
    th.ObjectType(
        th.Property("report_name", th.StringType(min_length=1), required=True),
        th.Property("report_category", th.StringType(min_length=1), required=True),
        th.Property("report_id", _TEXT_OR_NUMBER, required=True),
        th.Property(
            "parameters",
            th.ArrayType(
                th.ObjectType(
                    th.Property("name", th.StringType(min_length=1), required=True),
                    th.Property("value", th.CustomType({})),
                    additional_properties=False,
                )
            ),
        ),
        th.Property("backfill_date_parameter", th.StringType(min_length=1)),
        th.Property("lookback_window_days", th.IntegerType(minimum=0), default=0),
        th.Property("window", th.CustomType({"type": ["string", "null"], "enum": [*WINDOWS, None]}), default="month"),
        th.Property("typed", th.BooleanType, default=False),
        th.Property("tenant_id", _TEXT_OR_NUMBER),
        additional_properties=False,
    )
)


@dataclass(frozen=True)
class CustomReport:
    """An entry: a report that becomes a stream."""

    name: str
    category: str
    report_id: str
    parameters: Mapping[str, Any]
    """Values by name; relative dates are not resolved yet."""

    backfill: str | None
    """The date parameter that is stepped through; None if the report is read in full each time."""

    lookback_days: int
    window: str
    typed: bool
    tenant_id: str | None
    """The only tenant that has it; None for all tenants without an entry of their own."""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> CustomReport:
        """Make it from an entry that :func:`problems` accepted."""
        tenant_id = entry.get("tenant_id")
        return cls(
            name=entry["report_name"],
            category=entry["report_category"],
            report_id=str(entry["report_id"]).strip(),
            parameters={one["name"]: one.get("value") for one in entry.get("parameters") or ()},
            backfill=entry.get("backfill_date_parameter"),
            lookback_days=entry["lookback_window_days"] or 0,
            window=entry["window"] or "month",
            typed=bool(entry["typed"]),
            tenant_id=None if tenant_id is None else str(tenant_id),
        )

    @property
    def stream(self) -> str:
        """Name of its stream."""
        return f"custom_report_{self.name}"

    def __str__(self) -> str:
        """Return its name for messages."""
        return f"Custom report '{self.name}' (report {self.report_id} of category {self.category})"


def by_tenant(reports: Sequence[CustomReport], tenant_id: str) -> Mapping[str, CustomReport]:
    """Return a tenant's reports by stream: its own entries, and those for all tenants."""
    own = {report.stream: report for report in reports if report.tenant_id == tenant_id}
    return {report.stream: report for report in reports if report.tenant_id is None} | own


_SHARED = ("backfill_date_parameter", "typed", "window")
"""Settings that must be equal in entries with the same name, since they make one stream."""


def problems(entries: Sequence[Mapping[str, Any]], tenant_ids: Sequence[str]) -> Iterator[str]:
    """Yield one line per problem in the setting, which is valid by :data:`ENTRIES`."""
    first: dict[str, tuple[int, Mapping[str, Any]]] = {}
    seen = set()
    for number, entry in enumerate(entries):
        where = f"Setting 'custom_reports.{number}."
        name, tenant_id = entry["report_name"], entry.get("tenant_id")
        if not str(entry["report_id"]).strip().isdecimal():
            yield f"{where}report_id' must be a report's number, such as 123456789: --list-reports shows it."
        if tenant_id is not None and str(tenant_id) not in tenant_ids:
            yield f"{where}tenant_id' is none of the tenants of this config."
        if (name, tenant_id and str(tenant_id)) in seen:
            yield f"{where}report_name' is listed twice."
        seen.add((name, tenant_id and str(tenant_id)))
        names = [one["name"] for one in entry.get("parameters") or ()]
        if twice := {one for one in names if names.count(one) > 1}:
            yield f"{where}parameters' names {', '.join(sorted(twice))} twice."
        other, like = first.setdefault(name, (number, entry))
        for setting in _SHARED:
            if entry.get(setting) != like.get(setting):
                yield f"{where}{setting}' must be that of 'custom_reports.{other}', which has the same report_name."

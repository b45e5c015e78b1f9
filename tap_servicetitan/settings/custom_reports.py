"""The setting ``custom_reports``: reports that users want as streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from singer_sdk import typing as th

from tap_servicetitan.settings import rules
from tap_servicetitan.settings.definition import (
    json_object,
    optional_text,
    rule_problems,
    setting,
    text,
    typed_values,
)

PREFIX = "custom_report_"
"""What the names of their streams begin with."""

WINDOWS = ("day", "week", "month")

DATE_RANGE_PARAMS = ("From", "To")
"""The parameters for a range of days; both days are included."""

MAX_LOOKBACK_DAYS = 3660
"""Ten years."""

_TEXT_OR_NUMBER = th.CustomType({"type": ["string", "integer"]})

_PARAMETERS = th.ArrayType(
    th.ObjectType(
        th.Property("name", th.StringType(min_length=1), required=True),
        th.Property("value", th.CustomType({})),
        additional_properties=False,
    )
)


def _parameters(entries: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    return {entry["name"]: entry.get("value") for entry in entries or ()}


@dataclass(frozen=True)
class CustomReport:
    """An entry: a report that becomes a stream."""

    name: str = setting("report_name", th.StringType(min_length=1), required=True, rule=rules.report_name)
    category: str = setting("report_category", th.StringType(min_length=1), required=True)
    report_id: str = setting("report_id", _TEXT_OR_NUMBER, required=True, parse=text, rule=rules.report_number)
    parameters: Mapping[str, Any] = setting("parameters", _PARAMETERS, parse=_parameters)
    """Values by name; relative dates are not resolved yet."""

    backfill: str | None = setting("backfill_date_parameter", th.StringType(min_length=1))
    """The date parameter that is stepped through; None if the report is read in full each time."""

    lookback_days: int = setting(
        "lookback_window_days", th.IntegerType(minimum=0, maximum=MAX_LOOKBACK_DAYS), default=0
    )
    window: str = setting(
        "window", th.CustomType({"type": ["string", "null"], "enum": [*WINDOWS, None]}), default="month"
    )
    typed: bool = setting("typed", th.BooleanType, default=False)
    tenant_id: str | None = setting("tenant_id", _TEXT_OR_NUMBER, parse=optional_text)
    """The only tenant that has it; None for all tenants without an entry of their own."""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> CustomReport:
        """Read an entry that has the types of :data:`ENTRIES`."""
        return cls(**typed_values(cls, entry))

    @property
    def stream(self) -> str:
        """Name of its stream."""
        return f"{PREFIX}{self.name}"

    def __str__(self) -> str:
        """Return its name for messages."""
        return f"Custom report '{self.name}' (report {self.report_id} of category {self.category})"


ENTRIES = th.ArrayType(json_object(CustomReport))


def parse_reports(entries: Sequence[Mapping[str, Any]] | None) -> tuple[CustomReport, ...]:
    """Read the setting, which has the types of :data:`ENTRIES`."""
    return tuple(map(CustomReport.parse, entries or ()))


def by_tenant(reports: Sequence[CustomReport], tenant_id: str) -> Mapping[str, CustomReport]:
    """Return a tenant's reports by stream: its own entries, and those for all tenants."""
    own = {report.stream: report for report in reports if report.tenant_id == tenant_id}
    return {report.stream: report for report in reports if report.tenant_id is None} | own


_SHARED = {"backfill_date_parameter": "backfill", "typed": "typed", "window": "window"}
"""Settings, and their fields, that must be equal in entries with the same name, since they make one stream."""


def problems(entries: Sequence[Mapping[str, Any]], tenant_ids: Sequence[str]) -> Iterator[str]:
    """Yield one line per problem in the setting, which has the types of :data:`ENTRIES`."""
    first: dict[str, tuple[int, CustomReport]] = {}
    seen = set()
    for number, entry in enumerate(entries):
        path = f"custom_reports.{number}."
        yield from rule_problems(CustomReport, entry, path)
        report = CustomReport.parse(entry)
        if report.tenant_id is not None and report.tenant_id not in tenant_ids:
            yield f"Setting '{path}tenant_id' is none of the tenants of this config."
        if (report.name, report.tenant_id) in seen:
            yield f"Setting '{path}report_name' is listed twice."
        seen.add((report.name, report.tenant_id))
        names = [parameter["name"] for parameter in entry.get("parameters") or ()]
        if twice := {name for name in names if names.count(name) > 1}:
            yield f"Setting '{path}parameters' names {', '.join(sorted(twice))} twice."
        other, like = first.setdefault(report.name, (number, report))
        for name, field in _SHARED.items():
            if getattr(report, field) != getattr(like, field):
                same = f"that of 'custom_reports.{other}', which has the same report_name"
                yield f"Setting '{path}{name}' must be {same}."

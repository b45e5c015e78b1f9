"""``--list-reports --format yaml``: an entry of the setting custom_reports for each report, to paste."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tap_servicetitan.errors import StreamError, one_line
from tap_servicetitan.reports.report_parameters import accepted_values
from tap_servicetitan.settings.custom_reports import DATE_RANGE_PARAMS
from tap_servicetitan.settings.rules import MAX_REPORT_NAME_LENGTH

if TYPE_CHECKING:
    from tap_servicetitan.reports.listing.listed_reports import Category, ListEntry, Reports
    from tap_servicetitan.reports.metadata import Parameter, ReportMetadata

DATES = {DATE_RANGE_PARAMS[0]: "month-start-1", DATE_RANGE_PARAMS[1]: "today"}
"""Values of date parameters by name; of others it is yesterday, the last day that is over."""

MAX_COMMENT_LENGTH = 200


def as_yaml(tenants: Sequence[Reports]) -> Iterator[str]:
    """Yield the lines of the setting; what has no value to suggest is commented out, with what it accepts."""
    yield "custom_reports:"
    taken: set[str] = set()
    for reports in tenants:
        tenant_id = reports.client.tenant.tenant_id
        yield _comment(f"Tenant {tenant_id}")
        if reports.failure:
            yield _comment(f"{reports.failure}")
        for category in reports.categories:
            yield _comment(f"{category.entry.id} ({category.entry.name})")
            if category.failure:
                yield _comment(f"{category.failure}")
            for entry, metadata in category.reports:
                if isinstance(metadata, StreamError):
                    yield _comment(f"{entry.id} {entry.name}: {metadata}")
                else:
                    yield from _entry(category, entry, metadata, _unique_name(entry.name, taken))
                    if len(tenants) > 1:
                        yield f"    tenant_id: {json.dumps(tenant_id)}"


def _entry(category: Category, entry: ListEntry, metadata: ReportMetadata, name: str) -> Iterator[str]:
    yield f"  - report_name: {name}"
    yield f"    report_category: {json.dumps(str(category.entry.id))}"
    yield f"    report_id: {json.dumps(str(entry.id))}"
    if all(parameter in metadata for parameter in DATE_RANGE_PARAMS):
        yield f"    backfill_date_parameter: {DATE_RANGE_PARAMS[0]}"
    if not metadata.parameters:
        return
    required = [one for one in metadata.parameters if one.isRequired]
    yield "    parameters:" if required else "    # parameters:"
    for one in metadata.parameters:
        value = json.dumps(_suggestion(one))
        mark = "" if one.isRequired and value != "null" else "# "
        yield f"      {mark}- {{name: {json.dumps(one.name)}, value: {value}}}{_comment(_accepts(one))}"


def _suggestion(parameter: Parameter) -> Any:
    """Return a value that the parameter accepts; None if nobody but the user knows one."""
    accepted = parameter.acceptValues
    if accepted and accepted.values:
        value: Any = accepted.values[0][0]
    else:
        value = DATES.get(parameter.name, "today-1") if parameter.dataType == "Date" else None
    return [value] if parameter.isArray and value is not None else value


def _accepts(parameter: Parameter) -> str:
    accepted = parameter.acceptValues
    kind = f"list of {parameter.dataType or 'String'}" if parameter.isArray else parameter.dataType or "String"
    words = [kind, "required"] if parameter.isRequired else [kind]
    if accepted and accepted.dynamicSetId:
        words.append(f"values: {accepted.dynamicSetId}")
    elif accepted and accepted.values:
        words.append(accepted_values(accepted.values))
    return ", ".join(words)


def _comment(text: str) -> str:
    """Return a comment, without what would end it."""
    return f"  # {one_line(text, MAX_COMMENT_LENGTH)}"


def _unique_name(name: str, taken: set[str]) -> str:
    """Make a ``report_name`` of a report's name."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "report"
    for number in itertools.count(1):
        suffix = f"_{number}" if number > 1 else ""
        unique = plain[: MAX_REPORT_NAME_LENGTH - len(suffix)] + suffix
        if unique not in taken:
            taken.add(unique)
            return unique
    raise AssertionError

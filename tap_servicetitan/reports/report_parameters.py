"""Validates the parameters of a custom report against the report's metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from tap_servicetitan.errors import ReportError, shown, shown_names
from tap_servicetitan.reports import relative_dates
from tap_servicetitan.reports.date_windows import DateWindow
from tap_servicetitan.reports.metadata import Parameter
from tap_servicetitan.reports.rows import as_text
from tap_servicetitan.settings.custom_reports import DATE_RANGE_PARAMS

if TYPE_CHECKING:
    from tap_servicetitan.reports.metadata import ReportMetadata


LONGEST_CYCLE_DAYS = 366
"""After so many days, every relative date has taken each of its distances from today."""

_NO_DATES = frozenset({"Boolean", "Number"})
"""Declared types that cannot be a date; columns with dates that are declared ``String`` were seen."""


def validate_parameters(
    written: Mapping[str, Any], metadata: ReportMetadata, stepped: tuple[str, ...], today: date
) -> dict[str, Any]:
    """Return the values to send, relative dates resolved.

    Args:
        written: Values by name, from the setting.
        metadata: The report's.
        stepped: Names of the date parameters that the tap steps through; they are dates, whatever they declare.
        today: The day to which relative dates refer.

    Raises:
        ReportError: A name is unknown, a required parameter is missing, or a value is not accepted.
    """
    if no_dates := [one.name for one in metadata.parameters if one.name in stepped and one.dataType in _NO_DATES]:
        msg = f"Parameter {shown(no_dates[0])} is not a date: it cannot be stepped through."
        raise ReportError(msg)
    known = {
        one.name: Parameter(one.name, "Date", isRequired=one.isRequired) if one.name in stepped else one
        for one in metadata.parameters
    }
    if unknown := [name for name in (*written, *stepped) if name not in known]:
        msg = f"It has no parameter {shown_names(unknown)}; it has {_parameter_names(metadata) or 'none'}."
        raise ReportError(msg)
    missing = [one.name for one in known.values() if one.isRequired and written.get(one.name) is None]
    if missing := [name for name in missing if name not in stepped]:
        msg = f"Parameter {shown_names(missing)} is required; the report has {_parameter_names(metadata)}."
        raise ReportError(msg)
    values = {name: _value(known[name], value, today) for name, value in written.items()}
    _check_order(written, today)
    return values


def date_range(written: Mapping[str, Any], today: date) -> DateWindow | None:
    """Return the days between the parameters ``From`` and ``To``; None if they are not both dates."""
    try:
        first, last = (relative_dates.resolve(written[name], today) for name in DATE_RANGE_PARAMS)
    except (KeyError, TypeError, ValueError):
        return None
    return DateWindow(first, last)


def _check_order(written: Mapping[str, Any], today: date) -> None:
    """Refuse a range that contains no day, today and later: ``week-start`` to ``today-1`` is empty on Mondays only."""
    days = date_range(written, today)
    if days is None or days.first <= days.last:
        return
    moving = [relative_dates.relative(written[name], today) is not None for name in DATE_RANGE_PARAMS]
    later = (date_range(written, today + ahead * relative_dates.DAY) for ahead in range(LONGEST_CYCLE_DAYS))
    if not any(moving) or (all(moving) and all(each and each.first > each.last for each in later)):
        msg = f"{DATE_RANGE_PARAMS[0]} is {days.first}, which is after {DATE_RANGE_PARAMS[1]}, {days.last}."
        raise ReportError(msg)


def _parameter_names(metadata: ReportMetadata) -> str:
    return ", ".join(f"{shown(one.name)}{' (required)' * one.isRequired}" for one in metadata.parameters)


def _value(parameter: Parameter, value: Any, today: date) -> Any:
    if value is None:
        return None
    if parameter.isArray:
        values = value if isinstance(value, list) else [value]
        return [_one(parameter, each, today) for each in values]
    return _one(parameter, value, today)


def _one(parameter: Parameter, value: Any, today: date) -> Any:
    accepted = parameter.acceptValues
    if accepted and accepted.values:
        return _accepted_key(parameter, accepted.values, value)
    match parameter.dataType, value:
        case "Date", str():
            return _date(parameter, value, today)
        case "Number", bool() | float() | str() if not _is_number(value):
            raise _refusal(parameter, "a number")
        case "Boolean", int() | float() | str() if str(value).lower() not in {"true", "false"}:
            raise _refusal(parameter, "true or false")
        case "Date", _:
            raise _refusal(parameter, relative_dates.EXPECTED)
        case _, list() | dict():
            raise _refusal(parameter, "one value")
    return value


def _accepted_key(parameter: Parameter, rows: list[list[Any]], value: Any) -> Any:
    """Return the accepted key that equals the value, with the API's type."""
    keys = {_as_written(row[0]): row[0] for row in rows if row}
    if _as_written(value) not in keys:
        raise _refusal(parameter, f"one of {accepted_values(rows)}")
    return keys[_as_written(value)]


def accepted_values(rows: list[list[Any]]) -> str:
    """List the values that a parameter accepts: each key, with its display name in brackets."""
    texts = ([shown(text) for text in dict.fromkeys(map(_as_written, row))] for row in rows)
    return ", ".join(f"{key} ({', '.join(names)})" if names else key for key, *names in texts)


def _as_written(value: Any) -> str:
    """Return a value as users write it in the setting."""
    return as_text(int(value) if isinstance(value, float) and value.is_integer() else value) or "null"


def _date(parameter: Parameter, text: str, today: date) -> str:
    try:
        day = relative_dates.resolve(text, today)
    except ValueError:
        raise _refusal(parameter, relative_dates.EXPECTED) from None
    return text if "T" in text or " " in text else day.isoformat()


def _is_number(value: bool | float | str) -> bool:  # noqa: FBT001 -- JSON's true is not a number
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except ValueError:
        return False


def _refusal(parameter: Parameter, expected: str) -> ReportError:
    return ReportError(f"Parameter {shown(parameter.name)} must be {expected}.")

"""A report's parameters: what a user wrote, checked against what the report takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from tap_servicetitan.errors import ReportError
from tap_servicetitan.reports import dates
from tap_servicetitan.reports.cells import as_text
from tap_servicetitan.reports.config import DATE_RANGE_PARAMS
from tap_servicetitan.reports.description import Parameter

if TYPE_CHECKING:
    from tap_servicetitan.reports.description import Description


_NO_DATES = frozenset({"Boolean", "Number"})
"""Declared types of what cannot be a date; a date that is declared a ``String`` has been seen in other columns."""


def checked(
    written: Mapping[str, Any], description: Description, given: tuple[str, ...], today: date
) -> dict[str, Any]:
    """Return the values to send, relative dates resolved.

    Args:
        written: Values by name, as in the setting.
        description: What the report takes.
        given: Names of the parameters that the tap itself will give; they are dates, whatever they declare.
        today: What relative dates are relative to.

    Raises:
        ReportError: A name is unknown, a required one missing, or a value is none that the parameter takes.
    """
    if odd := [one.name for one in description.parameters if one.name in given and one.dataType in _NO_DATES]:
        msg = f"Parameter {odd[0]} is no date, so that it cannot be stepped through."
        raise ReportError(msg)
    known = {
        one.name: Parameter(one.name, "Date", isRequired=one.isRequired) if one.name in given else one
        for one in description.parameters
    }
    if unknown := [name for name in (*written, *given) if name not in known]:
        msg = f"It has no parameter {', '.join(unknown)}; it has {_named(description) or 'none'}."
        raise ReportError(msg)
    missing = [one.name for one in known.values() if one.isRequired and written.get(one.name) is None]
    if missing := [name for name in missing if name not in given]:
        msg = f"Parameter {', '.join(missing)} is required; the report has {_named(description)}."
        raise ReportError(msg)
    values = {name: _value(known[name], value, today) for name, value in written.items()}
    _check_order(values, today)
    return values


def _check_order(values: Mapping[str, Any], today: date) -> None:
    try:
        first, last = (dates.resolve(values[name], today) for name in DATE_RANGE_PARAMS)
    except (KeyError, TypeError, ValueError):
        return  # not both of them, or no dates
    if first > last:
        msg = f"{DATE_RANGE_PARAMS[0]} is {first}, which comes after {DATE_RANGE_PARAMS[1]}, {last}."
        raise ReportError(msg)


def _named(description: Description) -> str:
    return ", ".join(f"{one.name} (required)" if one.isRequired else one.name for one in description.parameters)


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
        return _among(parameter, accepted.values, value)
    match parameter.dataType, value:
        case "Date", str():
            return _date(parameter, value, today)
        case "Number", bool() | float() | str() if not _is_number(value):
            raise _refusal(parameter, "a number")
        case "Boolean", int() | float() | str() if str(value).lower() not in {"true", "false"}:
            raise _refusal(parameter, "true or false")
        case "Date", _:
            raise _refusal(parameter, dates.EXPECTED)
        case _, list() | dict():
            raise _refusal(parameter, "one value")
    return value


def _among(parameter: Parameter, rows: list[list[Any]], value: Any) -> Any:
    """Return the key that is meant, of the type that the API has it in."""
    keys = {_word(row[0]): row[0] for row in rows if row}
    if _word(value) not in keys:
        raise _refusal(parameter, f"one of {accepted_values(rows)}")
    return keys[_word(value)]


def accepted_values(rows: list[list[Any]]) -> str:
    """Name the values that a parameter takes: each key, with what people know it by in brackets."""
    words = (list(dict.fromkeys(map(_word, row))) for row in rows)
    return ", ".join(f"{key} ({', '.join(names)})" if names else key for key, *names in words)


def _word(value: Any) -> str:
    """Return a value as one writes it in the setting."""
    return as_text(int(value) if isinstance(value, float) and value.is_integer() else value) or "null"


def _date(parameter: Parameter, text: str, today: date) -> str:
    try:
        found = dates.resolve(text, today)
    except ValueError:
        raise _refusal(parameter, dates.EXPECTED) from None
    return text if "T" in text or " " in text else found.isoformat()


def _is_number(value: bool | float | str) -> bool:  # noqa: FBT001 -- JSON's true is no number
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except ValueError:
        return False


def _refusal(parameter: Parameter, expected: str) -> ReportError:
    return ReportError(f"Parameter {parameter.name} must be {expected}.")

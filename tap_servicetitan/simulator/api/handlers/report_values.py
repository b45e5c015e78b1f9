"""The parameters of a report: which values a run accepts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from tap_servicetitan.simulator.data.report_collection import ReportParameter, ReportTemplate


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    parameters: list[_Value]


def read_values(template: ReportTemplate, body: bytes) -> dict[str, Any]:
    """Read the values of the parameters from the body of a request.

    Raises:
        InvalidRequestError: The body has unknown fields, or a parameter is unknown, missing or has an invalid value.
    """
    try:
        sent = {one.name: one.value for one in msgspec.json.decode(body, type=_Body).parameters}
    except msgspec.DecodeError as error:
        raise InvalidRequestError({"request": str(error)}) from error
    known = {one.name: one for one in template.parameters}
    errors = {name: f"The report has no parameter {name}." for name in sent if name not in known}
    for name, parameter in known.items():
        if sent.get(name) is None:
            if parameter.required:
                errors[name] = f"The {name} field is required."
        elif not _accepts(parameter, sent[name]):
            errors[name] = f"The value is not valid for {name}."
    if errors:
        raise InvalidRequestError(errors)
    return {name: value for name, value in sent.items() if value is not None}


def _accepts(parameter: ReportParameter, value: Any) -> bool:
    if parameter.array:
        return isinstance(value, list) and all(_accepts_one(parameter, one) for one in value)
    return _accepts_one(parameter, value)


def _accepts_one(parameter: ReportParameter, value: Any) -> bool:
    if parameter.values:
        return str(value) in {str(key) for key, _ in parameter.values}
    match parameter.data_type:
        case "Date":
            return isinstance(value, str) and timestamps.parse(value) is not None
        case "Number":  # Clients send 1 as well as "1".
            return not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.\d+)?", str(value)) is not None
        case _:
            return isinstance(value, str)

"""The reporting API beside its two streams: descriptions, data and value sets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.endpoints.kinds import Endpoint
from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.answers import Answer, Call, problem
from tap_servicetitan.simulator.listings import DEFAULT_SIZE, cached
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters, RefusalError
from tap_servicetitan.simulator.reports import Form, Parameter, Reports, jobs_of

if TYPE_CHECKING:
    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.service import Service

DATA_SIZE: Final = 1000
"""Rows on a page of a report if `pageSize` does not say otherwise (OpenAPI documents)."""

VALUE_SETS: Final[Mapping[str, str]] = {"business-units": "business_units"}
"""Which collection each dynamic value set lists."""

_LAST: Final = 2**31 - 1


@dataclass(frozen=True)
class ReportOperation(Endpoint):
    """An operation that is no stream of the table."""

    api: str = "reporting/v2"


@dataclass(frozen=True)
class ReportDescription(ReportOperation):
    """What a report takes and shows."""


@dataclass(frozen=True)
class ReportData(ReportOperation):
    """A run of a report."""


@dataclass(frozen=True)
class ValueSet(ReportOperation):
    """The values that a parameter takes."""


_REPORT: Final = "report-category/{report_category}/reports/{id}"

OPERATIONS: Final[tuple[ReportOperation, ...]] = (
    ReportDescription("report_description", _REPORT, resource="reports"),
    ReportData("report_data", f"{_REPORT}/data", resource="reports"),
    ValueSet("dynamic_value_set", "dynamic-value-sets/{dynamic_set_id}"),
)
"""Their names are those by which the simulator is told to misbehave."""


def description(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with what a report takes and shows, or 404."""
    del fault
    reports, index = _find(collection, call)
    described = None if index is None else reports.describe(index)
    if described is None:
        return _not_found()
    return cached(service, collection, call, lambda: msgspec.json.encode(described))


def data(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with a page of a report: 404, 429 if it ran too often, 400 if its parameters make no sense."""
    del fault
    reports, index = _find(collection, call)
    if index is None or not reports.form(index).columns:
        return _not_found()
    if refusal := service.access.check_run(collection.tenant_id, call.path):
        return refusal
    form = reports.form(index)

    def render() -> bytes:
        parameters = Parameters(operation(OPERATIONS[1]), call.query)
        values = _values(form, call.body)
        rows = form.rows(jobs_of(service.world.collection(collection.tenant_id, "jobs").records()), values)
        # Columns come in the order that this very answer names: here another one on every page.
        turn = parameters.number("page", 1, 1, _LAST) % len(form.columns)
        turned = [[*row[turn:], *row[:turn]] for row in rows]
        names = [column.name for column in form.columns]
        return _page(parameters, turned, [*names[turn:], *names[:turn]], DATA_SIZE)

    return cached(service, collection, call, render)


def value_set(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with a page of the values of a dynamic set."""
    del fault
    stream = VALUE_SETS.get(call.places["dynamic_set_id"])
    if stream is None:
        return _not_found()
    records = service.world.collection(collection.tenant_id, stream).records()

    def render() -> bytes:
        parameters = Parameters(operation(OPERATIONS[2]), call.query)
        rows = sorted([record["id"], record["name"]] for record in records)
        return _page(parameters, rows, ["Id", "Name"], DEFAULT_SIZE)

    return cached(service, collection, call, render)


def _find(collection: Collection, call: Call) -> tuple[Reports, int | None]:
    """Return the report that a path names, if there is one in that category."""
    if not isinstance(collection, Reports):
        raise TypeError(collection)
    with collection.history.lock:
        index = collection.find(call.places["id"])
        if index is not None and collection.known(index)["report_category"] != call.places["report_category"]:
            index = None
        return collection, index


def _not_found() -> Answer:
    return problem(404, "The resource was not found.")


def _page(parameters: Parameters, rows: Sequence[Sequence[Any]], names: Sequence[str], size: int) -> bytes:
    number = parameters.number("page", 1, 1, _LAST)
    size = parameters.number("pageSize", size, 1, parameters.operation.max_page_size)
    start = (number - 1) * size
    return msgspec.json.encode(
        {
            "page": number,
            "pageSize": size,
            "totalCount": len(rows) if parameters.flag("includeTotal") else None,
            "hasMore": start + size < len(rows),
            "data": rows[start : start + size],
            "fields": [{"name": name, "label": name} for name in names],
        }
    )


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    parameters: list[_Value]


def _values(form: Form, body: bytes) -> dict[str, Any]:
    """Read what a run asks for.

    Raises:
        RefusalError: The body has unknown fields, a parameter is unknown or missing, or its value none that it takes.
    """
    try:
        sent = {one.name: one.value for one in msgspec.json.decode(body, type=_Body).parameters}
    except msgspec.DecodeError as error:
        raise RefusalError({"request": str(error)}) from error
    known = {one.name: one for one in form.parameters}
    errors = {name: f"The report has no parameter {name}." for name in sent if name not in known}
    for name, parameter in known.items():
        if sent.get(name) is None:
            if parameter.required:
                errors[name] = f"The {name} field is required."
        elif not _fits(parameter, sent[name]):
            errors[name] = f"The value is not valid for {name}."
    if errors:
        raise RefusalError(errors)
    return {name: value for name, value in sent.items() if value is not None}


def _fits(parameter: Parameter, value: Any) -> bool:
    if parameter.array:
        return isinstance(value, list) and all(_fits_one(parameter, one) for one in value)
    return _fits_one(parameter, value)


def _fits_one(parameter: Parameter, value: Any) -> bool:
    if parameter.values:
        return str(value) in {str(key) for key, _ in parameter.values}
    match parameter.data_type:
        case "Date":
            return isinstance(value, str) and instants.parse(value) is not None
        case "Number":  # clients send 1 as well as "1"
            return not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.\d+)?", str(value)) is not None
        case _:
            return isinstance(value, str)

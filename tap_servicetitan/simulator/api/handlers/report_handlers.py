"""The reporting API beside its two streams: descriptions of reports, their data, and value sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.api import report_operations
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.report_values import read_values
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, not_found
from tap_servicetitan.simulator.api.numbered_pages import DEFAULT_SIZE, NumberedPage
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.data.report_collection import ReportCollection, sort_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection

DATA_SIZE: Final = 1000
"""Rows on a page of a report if `pageSize` is absent (OpenAPI documents)."""

VALUE_SETS: Final[Mapping[str, str]] = {"business-units": "business_units"}
"""The stream that each dynamic value set lists."""


def handle_description(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the parameters and the columns of a report, or 404."""
    reports, index = _find(collection, request)
    description = None if index is None else reports.describe(index)
    if description is None:
        return not_found()
    return context.cached(collection, request, lambda: msgspec.json.encode(description))


def handle_data(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return a page of a report: 404 if there is none, 429 if it ran too often, 400 if its parameters are invalid."""
    reports, index = _find(collection, request)
    if index is None or not reports.template(index).columns:
        return not_found()
    if refusal := context.authorizer.check_report_run(collection.tenant_id, request.path):
        return refusal
    template = reports.template(index)

    def render() -> bytes:
        parameters = QueryParameters(operation(report_operations.DATA), request.query)
        values = read_values(template, request.body)
        page = NumberedPage.read(parameters, default_size=DATA_SIZE)
        jobs = sort_jobs(context.world.collection(collection.tenant_id, "jobs").records())
        rows = template.rows(jobs, values)
        # Each page names the order of its own columns. Here it is another order on every page.
        shift = page.number % len(template.columns)
        shifted = [[*row[shift:], *row[:shift]] for row in rows]
        names = [column.name for column in template.columns]
        return _render(page, shifted, [*names[shift:], *names[:shift]])

    return context.cached(collection, request, render)


def handle_value_set(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return a page of the values of a dynamic set."""
    stream = VALUE_SETS.get(request.path_values["dynamic_set_id"])
    if stream is None:
        return not_found()
    records = context.world.collection(collection.tenant_id, stream).records()

    def render() -> bytes:
        parameters = QueryParameters(operation(report_operations.VALUE_SET), request.query)
        rows = sorted([record["id"], record["name"]] for record in records)
        return _render(NumberedPage.read(parameters, default_size=DEFAULT_SIZE), rows, ["Id", "Name"])

    return context.cached(collection, request, render)


def _find(collection: Collection, request: ApiRequest) -> tuple[ReportCollection, int | None]:
    """Return the report that a path names; None if there is no such report in that category."""
    if not isinstance(collection, ReportCollection):
        raise TypeError(collection)
    with collection.history.lock:
        index = collection.find(request.path_values["id"])
        category = request.path_values["report_category"]
        if index is not None and collection.with_path_values(index)["report_category"] != category:
            index = None
        return collection, index


def _render(page: NumberedPage, rows: Sequence[Sequence[Any]], names: Sequence[str]) -> bytes:
    fields = [{"name": name, "label": name} for name in names]
    return msgspec.json.encode({**page.envelope(len(rows)), "data": page.of(rows), "fields": fields})

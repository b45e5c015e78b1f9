"""The reporting API beside its two streams: descriptions of reports, their data, and value sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.api import report_operations
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.report_values import read_values
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, not_found, problem
from tap_servicetitan.simulator.api.numbered_pages import DEFAULT_SIZE, NumberedPage
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, QueryParameters
from tap_servicetitan.simulator.data.report_collection import ReportCollection, sort_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection
    from tap_servicetitan.simulator.data.report_collection import ReportTemplate
    from tap_servicetitan.simulator.data.report_queries import Keys

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
        page = NumberedPage.read(parameters, default_size=DATA_SIZE)
        rows = _rows(context, collection, template, request)
        # Each page names the order of its own columns. Here it is another order on every page.
        shift = page.number % len(template.columns)
        shifted = [[*row[shift:], *row[:shift]] for row in rows]
        names = [column.name for column in template.columns]
        return _render(page, shifted, [*names[shift:], *names[:shift]])

    return context.cached(collection, request, render)


def handle_query(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Run a report: 200 with the result, or 202 and a token if the report takes long; 409 if no slot is free.

    ``page`` and ``pageSize`` have no effect, as live tenants show it: the result is the whole report.
    """
    options = context.queries.options
    reports, index = _find(collection, request)
    if options.keys == "none" or index is None or not reports.template(index).columns:
        return not_found()
    tenant_id = collection.tenant_id
    try:
        parameters = QueryParameters(operation(report_operations.QUERY), request.query)
        page = NumberedPage.read(parameters, default_size=DATA_SIZE)
        rows = _rows(context, collection, reports.template(index), request)
    except InvalidRequestError as error:
        return error.response()
    if not context.queries.has_slot(tenant_id):
        return problem(409, "Another report query of this tenant is in progress.")
    if refusal := context.authorizer.check_report_run(tenant_id, request.path.removesuffix("/query")):
        return refusal
    names = [column.name for column in reports.template(index).columns]
    fields = [{"name": name, "label": name} for name in names]
    has_more = request.fault == "has_more"
    body = {"page": page.number, "pageSize": page.size, "hasMore": has_more, "totalCount": len(rows), "fields": fields}
    result = msgspec.json.encode(_spelt(options.keys, {**body, "data": rows, "timeZone": "America/Phoenix"}))
    if options.seconds <= options.wait:
        return ApiResponse(200, result, wait=options.seconds)
    token = context.queries.start(tenant_id, result)
    return replace(_pending(token), wait=options.wait)


def handle_query_result(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the result of a query, 202 while it runs, or 404 if the token is not known, or not any more."""
    token = request.path_values["query_token"]
    query = context.queries.find(collection.tenant_id, token)
    if query is None:
        return not_found()
    return ApiResponse(200, query.result) if context.queries.is_done(query) else _pending(token)


def handle_query_cancellation(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """End a query, also one that has its result."""
    known = context.queries.cancel(collection.tenant_id, request.path_values["query_token"])
    return ApiResponse(204) if known else not_found()


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


def _rows(
    context: HandlerContext, collection: Collection, template: ReportTemplate, request: ApiRequest
) -> list[list[Any]]:
    """Run a report with the parameters of a request."""
    values = read_values(template, request.body)
    return template.rows(sort_jobs(context.world.collection(collection.tenant_id, "jobs").records()), values)


def _pending(token: str) -> ApiResponse:
    return json_response({"status": "InProgress", "token": token}, 202)


def _spelt(keys: Keys, value: Any) -> Any:
    """Return a result with its keys in PascalCase, as live tenants send them, or in camelCase, as documented."""
    if keys == "camel" or not isinstance(value, dict):
        return value
    spelt = {f"{name[0].upper()}{name[1:]}": each for name, each in value.items()}
    return spelt | {"Fields": [_spelt(keys, each) for each in spelt["Fields"]]} if "Fields" in spelt else spelt


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

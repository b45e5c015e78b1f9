"""Operations that look up something for what a request names: jobs, codes, an appointment, a router, vehicles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.handlers.list_handler import render_page
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response, not_found
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, QueryParameters
from tap_servicetitan.simulator.api.selection import requested_ids, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.collection import Collection


def handle_related_contacts(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the contacts with a relationship to a record; 404 if no contact has one."""
    relationships = context.world.collection(collection.tenant_id, "contact_relationships")
    found = context.index.find(relationships, request.path_values)
    if not found:
        return not_found()
    with relationships.history.lock, collection.history.lock:
        contacts = [collection.find(relationships.with_path_values(one)["contact_id"]) for one in found]

    def render() -> bytes:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
        with collection.history.lock:
            _, log = collection.now()
            indices = select(collection, dict.fromkeys(one for one in contacts if one is not None), parameters, log)
            return render_page(collection, parameters, indices, collection.make)

    return context.cached(collection, request, render)


def handle_job_reasons(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return why the jobs of ``ids`` were canceled, or are on hold; other jobs have no record."""
    canceled = collection.endpoint.name == "job_canceled_logs"
    reasons = context.world.collection(collection.tenant_id, "job_cancel_reasons" if canceled else "job_hold_reasons")

    def rows(jobs: list[str]) -> Iterator[dict[str, Any]]:
        for job in jobs:
            values = {"jobId": job} if canceled else {"id": job, "jobStatus": "Hold"}
            for index in context.index.find(collection, values)[-1:]:
                record = collection.with_path_values(index)
                yield _reason(reasons, record) if canceled else _hold_reason(reasons, record)

    def render() -> bytes:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
        found = list(rows(requested_ids(parameters)))
        return render_page(collection, parameters, found, lambda row: row)

    return context.cached(collection, request, render)


def _reason(reasons: Collection, record: dict[str, Any]) -> dict[str, Any]:
    index = reasons.find(str(record["reasonId"]))
    return {
        "jobId": record["jobId"],
        "reasonId": record["reasonId"],
        "name": None if index is None else reasons.make(index)["name"],
        "text": record["memo"],
    }


def _hold_reason(reasons: Collection, job: dict[str, Any]) -> dict[str, Any]:
    known = reasons.indices()
    if not known:
        return {"jobId": job["id"], "reasonId": None, "name": None, "text": None, "appointmentHoldReasons": []}
    reason = reasons.make(sorted(known)[int(job["id"]) % len(known)])
    fields = {"reasonId": reason["id"], "name": reason["name"], "text": job["summary"]}
    of_appointment = {"appointmentId": job["lastAppointmentId"], **fields}
    return {"jobId": job["id"], **fields, "appointmentHoldReasons": [of_appointment]}


def handle_budget_codes(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return for each code of the request the budget codes that have it; 404 if there is no such project."""
    if request.path_values:
        projects = context.world.collection(collection.tenant_id, "projects")
        with projects.history.lock:
            if projects.find(request.path_values["project_id"]) is None:
                return not_found()

    def render() -> bytes:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
        codes = [code.strip() for code in (parameters.text("codes") or "").split(",")]
        matches = []
        for code in codes:
            indices = context.index.find(collection, {**request.path_values, "code": code})
            found = [_without_path(collection, request, index) for index in indices]
            matches.append({"code": code, "isValid": bool(found), "budgetCodes": found})
        return msgspec.json.encode({"matches": matches})

    return context.cached(collection, request, render)


def _without_path(collection: Collection, request: ApiRequest, index: int) -> dict[str, Any]:
    record = collection.with_path_values(index)
    return {name: value for name, value in record.items() if name not in request.path_values}


def handle_tracking(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return a link for an appointment and its technician; 400 if that technician is not assigned to it."""
    try:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
    except InvalidRequestError as error:
        return error.response()
    values = {name: parameters.text(name) or "" for name in ("appointmentId", "technicianId")}
    assignments = context.world.collection(collection.tenant_id, "appointment_assignments")
    if not context.index.find(assignments, values):
        return InvalidRequestError({"technicianId": "The technician is not assigned to the appointment."}).response()
    url = f"https://tracking.example/{values['appointmentId']}/{values['technicianId']}"
    return json_response({"technicianTrackingUrl": url})


def handle_router_performance(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the figures of a router in a period, counted from its sessions; 404 if there is no such router."""

    def render() -> bytes:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
        bounds = [parameters.timestamp(name) or 0 for name in ("sessionCreatedOnOrAfter", "sessionCreatedBefore")]
        sessions = context.world.collection(collection.tenant_id, "scheduler_sessions")
        router = request.path_values["id"]
        with sessions.history.lock:
            _, log = sessions.now()
            found = context.index.find(sessions, {"schedulerId": router})
            opened = [index for index in found if bounds[0] <= log.created[index] < bounds[1]]
            booked = [index for index in opened if sessions.make(index)["sessionOutcome"] == "Booked"]
        return msgspec.json.encode(
            {
                "id": router,
                "openedCount": len(opened),
                "interactedCount": len(booked),
                "sessionCountBySchedulerId": [{"schedulerId": router, "openedCount": len(opened)}],
            }
        )

    schedulers = context.world.collection(collection.tenant_id, "schedulers")
    with schedulers.history.lock:
        if schedulers.find(request.path_values["id"]) is None:
            return not_found()
    return context.cached(collection, request, render)

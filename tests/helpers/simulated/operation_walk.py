"""A request for each operation of the API that reads, with ids that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import requests

from helpers.api_client import Record, StreamReader
from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.endpoints.operations import Operation, operations, shape
from tap_servicetitan.schemas.record_notation import expand

WINDOW = ("2024-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
VALUES: Mapping[str, str] = {
    "fromUtc": WINDOW[0],
    "toUtc": WINDOW[1],
    "from": WINDOW[0],
    "to": WINDOW[1],
    "sessionCreatedOnOrAfter": WINDOW[0],
    "sessionCreatedBefore": WINDOW[1],
    "performanceSegmentationType": "Campaign",
    "page": "1",
    "pageSize": "20",
    "includeTotal": "true",
    "descending": "false",
    "activeOnly": "false",
}
"""Values of required parameters."""

STREAMS = {shape(one.url_path): one for one in table.TABLE}
"""The stream that reads an operation."""


PATH_IDS: Mapping[str, tuple[str, ...]] = {
    "accounting/v2/credit-memos/{}/items": ("credit_memo_items.creditMemoId",),
    "crm/v2/booking-provider/{}/bookings": ("bookings.bookingProviderId",),
    "crm/v2/booking-provider/{}/bookings/{}": ("bookings.bookingProviderId", "bookings"),
    "crm/v2/booking-provider/{}/bookings/{}/contacts": ("bookings.bookingProviderId", "bookings"),
    "crm/v2/contacts/relationships/{}": ("contact_relationships.relatedEntityId",),
    "crm/v2/contacts/{}/contact-methods": ("contact_methods.contactId",),
    "crm/v2/contacts/{}/contact-methods/{}": ("contact_methods.contactId", "contact_methods"),
    "crm/v2/contacts/{}/contact-methods/{}/preferences/{}": (
        "contact_method_preferences.contact_id",
        "contact_method_preferences.contact_method_id",
        "contact_method_preferences.name",
    ),
    "crm/v2/customers/{}/contacts": ("customer_contacts.customerId",),
    "crm/v2/locations/{}/contacts": ("location_contacts.locationId",),
    "crm/v2/locations/{}/preferredtechnician": ("locations",),
    "findings/v2/location-findings/{}/attachments/{}": (
        "location_finding_attachments.location_finding_id",
        "location_finding_attachments",
    ),
    "forms/v2/jobs/attachment/{}": ("job_attachments",),
    "jpm/v2/jobs/{}/equipment": ("jobs",),
    "jpm/v2/jobs/{}/history": ("job_history.jobId",),
    "jpm/v2/jobs/{}/notes": ("job_notes.jobId",),
    "jpm/v2/projects/{}/notes": ("project_notes.projectId",),
    "jpm/v2/projects/{}/daily-logs/{}/attachments/{}": (
        "project_daily_log_details.projectId",
        "project_daily_log_details",
        "project_daily_log_details.attachments",
    ),
    "jpm/v2/work-breakdown-structure/projects/{}/budget-codes/match": ("wbs_project_budget_codes.project_id",),
    "jpm/v2/work-breakdown-structure/segments/{}/items/{}/children": (
        "wbs_segment_items.segment_id",
        "wbs_segment_items.parentId",
    ),
    "jpm/v2/work-breakdown-structure/projects/{}/segments/{}/items/{}/children": (
        "wbs_project_segment_items.project_id",
        "wbs_project_segment_items.segment_id",
        "wbs_project_segment_items.parentId",
    ),
    "marketing/v2/campaigns/{}/costs": ("costs.campaignId",),
    "memberships/v2/memberships/{}/status-changes": ("membership_status_changes.membershipId",),
    "memberships/v2/membership-types/{}/discounts": ("membership_types",),
    "memberships/v2/membership-types/{}/duration-billing-items": ("membership_types",),
    "memberships/v2/membership-types/{}/recurring-service-items": ("membership_types",),
    "payroll/v2/jobs/{}/splits": ("job_splits.jobId",),
    "payroll/v2/jobs/{}/timesheets": ("job_timesheets.jobId",),
    "reporting/v2/report-category/{}/reports/{}": ("reports.report_category", "reports"),
    "reporting/v2/report-category/{}/reports/{}/data": ("reports.report_category", "reports"),
    "reporting/v2/report-category/{}/reports/{}/data/query": ("reports.report_category", "reports"),
    "schedulingpro/v2/routers/{}/performance": ("schedulers",),
    "schedulingpro/v2/routers/{}/sessions": ("scheduler_sessions.schedulerId",),
    "telecom/v2/calls/{}/recording": ("calls",),
    "telecom/v2/calls/{}/voicemail": ("calls",),
}
"""What stands in the path of an operation: the id of a stream's first record, or another field of it."""

LISTS = {path.replace("/export/", "/"): one for path, one in STREAMS.items() if "/export/" in path} | STREAMS


def path_values(reader: StreamReader, path: str) -> list[Any]:
    """Return the values of the placeholders in the path of an operation, in turn."""
    stream = STREAMS.get(path)
    if isinstance(stream, Nested):
        record = reader.simulator.records(stream.name)[0]
        return [record[name] for name in stream.path_params]
    if path.startswith("payroll/") and re.search("/(employees|technicians)/", path):
        name = "payroll_settings" if path.endswith("settings") else "payrolls"
        kind = "Technician" if "/technicians/" in path else "Employee"
        owners = {record["id"] for record in reader.simulator.records(f"{kind.lower()}s")}
        found = (one for one in reader.simulator.records(name) if one["employeeType"] == kind)
        return [next(one["employeeId"] for one in found if name == "payroll_settings" or one["employeeId"] in owners)]
    sources = PATH_IDS.get(path)
    if sources is None and "{}" in path:
        sources = (LISTS[path.removesuffix("/{}")].name,)
    return [_value(reader, source) for source in sources or ()]


def _value(reader: StreamReader, source: str) -> Any:
    name, _, field = source.partition(".")
    closed = {one["id"] for one in reader.simulator.records("locations") if not one["active"]}
    values = (one[field or "id"] for one in reader.simulator.records(name))
    value = next(one for one in values if one not in (None, []) and (isinstance(one, list) or one not in closed))
    return value[0]["id"] if isinstance(value, list) else value


def query_of(reader: StreamReader, path: str, operation: Operation) -> dict[str, Any]:
    """Return the required parameters of an operation."""
    query = {name: VALUES[name] for name in operation.required if name in VALUES}
    if path == "dispatch/v2/technician-tracking":
        record = reader.simulator.records("appointment_assignments")[0]
        return {name: record[name] for name in ("appointmentId", "technicianId")}
    if "ids" in operation.required:
        stream = {"jobs/cancel-reasons": "job_canceled_logs.jobId", "jobs/hold-reasons": "jobs"}.get(path[7:])
        name, _, field = (stream or LISTS[path].name).partition(".")
        query["ids"] = ",".join(str(one[field or "id"]) for one in reader.simulator.records(name)[:30])
    if "codes" in operation.required:
        query["codes"] = reader.simulator.records("wbs_budget_codes")[0]["code"]
    if path.endswith(("/installed-equipment/attachments", "/assets", "/images")):
        query["path"] = "Images/one.jpg"
    if "performance" in path and path.startswith("marketingads"):
        query["performanceSegmentationType"] = next(
            one.params["performanceSegmentationType"] for one in [STREAMS[path]]
        )
    return query


def body_of(reader: StreamReader, path: str) -> dict[str, Any]:
    """Return the body of an operation that is read by POST."""
    if path == "dispatch/v2/capacity":
        period = {"startsOnOrAfter": "2026-01-01T00:00:00Z", "endsOnOrBefore": "2026-01-03T00:00:00Z"}
        return {**period, "skillBasedAvailability": "false"}
    if path.startswith("fleetpro"):
        vins = [one["vin"] for one in reader.simulator.records("fleet_vehicles")][:50]
        window = {"startTime": "2025-12-01T00:00:00Z", "endTime": "2025-12-02T00:00:00Z"}
        return {**window, "vins": vins, "pagination": {"pageNumber": 1, "pageSize": 100}}
    parameters = {"DateType": 1, "From": "2024-01-01", "To": "2026-12-31"}
    return {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]}


def request(reader: StreamReader, path: str, values: list[Any] | None = None, **query: Any) -> requests.Response:
    """Send the request of an operation; without values those of existing records."""
    operation = operations()[path]
    values = path_values(reader, path) if values is None else values
    filled = path.format(*values)
    if operation.method == "POST":
        return reader.post(filled, body_of(reader, path), **query)
    return reader.get(filled, **{**query_of(reader, path, operation), **query})


def records(path: str, body: Any) -> Iterator[Any]:
    """Yield the records of an operation's answer."""
    stream = STREAMS.get(path)
    at = stream.records_path if stream else "data" if operations()[path].records == "data[]" else None
    shown = body[at] if at else body
    yield from shown if isinstance(shown, list) else [shown]


def record_schema(path: str) -> Record:
    """Return the schema of an operation's records: its own, or that of the stream that reads it."""
    record = operations()[path].record
    if record is not None:
        return expand(record)
    stream = STREAMS[path]
    schema = deepcopy(schemas.load(stream))
    for name in set(stream.added_fields) - stream.sent_fields:
        schema["properties"].pop(name, None)
    schema.pop("required", None)
    return schema

"""Operations whose connection with the records of a stream no rule gives: one line each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tap_servicetitan.endpoints.kinds import Listing, Unpaged
from tap_servicetitan.simulator.api.derived.derived_kinds import (
    Below,
    BudgetCodeMatches,
    FileAt,
    FileOf,
    FleetPositions,
    ItemsOf,
    JobReasons,
    RecordById,
    RelatedContacts,
    RouterPerformance,
    TechnicianTracking,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint

_SEGMENTS: Final = "work-breakdown-structure/segments/{segment_id}/items"
_PROJECT_SEGMENTS: Final = "work-breakdown-structure/projects/{project_id}/segments/{segment_id}/items"
_BOOKING: Final = {"booking_id": "id", "bookingProviderId": "bookingProviderId"}
_TECHNICIANS: Final = {"employeeType": "Technician"}
_EMPLOYEES: Final = {"employeeType": "Employee"}

_APIS: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "accounting/v2": (
        Below("credit_memo_items", "credit-memos/{creditMemoId}/items", owner="credit_memos"),
        Unpaged("inventory_bills", "inventory-bills", records_path=None),
        Listing("inventory_bills", "inventory-bills/paginated"),
    ),
    "crm/v2": (
        Below("bookings", "booking-provider/{bookingProviderId}/bookings"),
        Below("bookings", "booking-provider/{bookingProviderId}/bookings/{id}", single=True),
        Below(
            "booking_contacts",
            "booking-provider/{bookingProviderId}/bookings/{booking_id}/contacts",
            owner="bookings",
            owner_fields=_BOOKING,
            owner_only=("bookingProviderId",),
        ),
        RelatedContacts("contacts", "contacts/relationships/{relatedEntityId}"),
        Below("contact_methods", "contacts/{contactId}/contact-methods", owner="contacts"),
        Below("contact_methods", "contacts/{contactId}/contact-methods/{id}", single=True),
        Below(
            "contact_method_preferences",
            "contacts/{contact_id}/contact-methods/{contact_method_id}/preferences/{name}",
            single=True,
        ),
        # Seen live: `Customer ID = <id> is not active`; the documents declare 409 for locations, too.
        Below("customer_contacts", "customers/{customerId}/contacts", owner="customers", open_owners_only=True),
        Below("location_contacts", "locations/{locationId}/contacts", owner="locations", open_owners_only=True),
        RecordById("locations", "locations/{id}/preferredtechnician"),
    ),
    "dispatch/v2": (TechnicianTracking("appointments", "technician-tracking"),),
    "equipmentsystems/v2": (FileAt("installed_equipment", "installed-equipment/attachments"),),
    "findings/v2": (
        FileAt("location_findings", "assets"),
        Below(
            "location_finding_attachments",
            "location-findings/{location_finding_id}/attachments/{id}",
            single=True,
        ),
    ),
    "fleetpro/v2": (
        FleetPositions("fleet_vehicles", "events"),
        FleetPositions("fleet_vehicles", "gps"),
    ),
    "forms/v2": (FileOf("job_attachments", "jobs/attachment/{id}"),),
    "jpm/v2": (
        JobReasons("job_canceled_logs", "jobs/cancel-reasons"),
        JobReasons("jobs", "jobs/hold-reasons"),
        RecordById("jobs", "jobs/{id}/equipment"),
        Below("job_history", "jobs/{jobId}/history", owner="jobs", gathered_in="history"),
        Below("job_notes", "jobs/{jobId}/notes", owner="jobs"),
        Below("project_notes", "projects/{projectId}/notes", owner="projects"),
        FileOf(
            "project_daily_log_details",
            "projects/{projectId}/daily-logs/{id}/attachments/{attachmentId}",
            list_field="attachments",
        ),
        BudgetCodeMatches("wbs_budget_codes", "work-breakdown-structure/budget-codes/match"),
        BudgetCodeMatches(
            "wbs_project_budget_codes", "work-breakdown-structure/projects/{project_id}/budget-codes/match"
        ),
        Below(
            "wbs_segment_items",
            f"{_SEGMENTS}/{{parentId}}/children",
            owner="wbs_segment_items",
            owner_fields={"parentId": "id", "segment_id": "segment_id"},
        ),
        Below(
            "wbs_project_segment_items",
            f"{_PROJECT_SEGMENTS}/{{parentId}}/children",
            owner="wbs_project_segment_items",
            owner_fields={"parentId": "id", "segment_id": "segment_id", "project_id": "project_id"},
        ),
    ),
    "marketing/v2": (Below("costs", "campaigns/{campaignId}/costs", owner="campaigns"),),
    "memberships/v2": (
        ItemsOf("membership_types", "membership-types/{id}/discounts", field_name="discounts"),
        ItemsOf("membership_types", "membership-types/{id}/duration-billing-items", field_name="durationBilling"),
        ItemsOf("membership_types", "membership-types/{id}/recurring-service-items", field_name="recurringServices"),
        Below("membership_status_changes", "memberships/{membershipId}/status-changes", owner="memberships_export"),
    ),
    "payroll/v2": (
        Below("payroll_settings", "employees/{employeeId}/payroll-settings", of=_EMPLOYEES, single=True),
        Below("payroll_settings", "technicians/{employeeId}/payroll-settings", of=_TECHNICIANS, single=True),
        Below("payrolls", "employees/{employeeId}/payrolls", owner="employees", of=_EMPLOYEES),
        Below("payrolls", "technicians/{employeeId}/payrolls", owner="technicians", of=_TECHNICIANS),
        Below("job_splits", "jobs/{jobId}/splits", owner="jobs"),
        Below("job_timesheets", "jobs/{jobId}/timesheets", owner="jobs"),
    ),
    "pricebook/v2": (FileAt("services", "images", prefix="Images/"),),
    "schedulingpro/v2": (
        RouterPerformance("scheduler_performance", "routers/{id}/performance"),
        Below("scheduler_sessions", "routers/{schedulerId}/sessions", owner="schedulers"),
    ),
    "telecom/v2": (
        FileOf("calls", "calls/{id}/recording", content_type="audio/mpeg"),
        FileOf("calls", "calls/{id}/voicemail", content_type="audio/mpeg"),
    ),
    "telecom/v3": (Listing("calls", "calls"),),
}

ODD_ENDPOINTS: Final = tuple(replace(one, api=api) for api, entries in _APIS.items() for one in entries)
"""Every entry, each with its API."""

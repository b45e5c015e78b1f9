"""THE TABLE: every stream of the tap, by API, one line each.

To add a stream: write its line here, then run ``python -m tap_servicetitan.schemas OPENAPI_DIR`` for its schema file, then
``python scripts/streams.py > STREAMS.md``. What the API also offers is in :mod:`tap_servicetitan.endpoints.excluded`.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_servicetitan.endpoints.kinds import (
    Capacity,
    Endpoint,
    Export,
    Listing,
    Nested,
    Paged,
    Singleton,
    Unpaged,
    Window,
    custom_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CAMPAIGN = ("campaign.externalId", "campaign.id", "campaign.name")
"""What identifies a campaign: its id is null until it is linked to one of ServiceTitan's, so the id is not the first."""

LEAD_PATHS = {
    "Call": "call.id",
    "WebBooking": "booking.id",
    "WebLeadForm": "leadForm.leadNumber",
    "ManualJob": "job.id",
}
"""By type, the id of a lead; a lead that is booked gets a booking or job besides."""

APIS: Mapping[str, tuple[Endpoint, ...]] = {
    "accounting/v2": (
        Listing("ap_bills", "ap-bills", active_filter=None, sort=None),
        custom_fields("ap_bills_custom_fields", "ap-bills/custom-fields"),
        Listing("ap_credits", "ap-credits", active_filter=None, sort=None),
        custom_fields("ap_credits_custom_fields", "ap-credits/custom-fields"),
        Listing("ap_payments", "ap-payments", active_filter=None, sort=None),
        custom_fields("ap_payments_custom_fields", "ap-payments/custom-fields"),
        Listing("bank_deposits", "bank-deposits", active_filter=None, sort=None),
        # What a deposit consists of.
        Nested(
            "bank_deposit_transactions",
            "bank-deposits/{bank_deposit_id}/transactions",
            parent="bank_deposits",
            nested_parents="changed",
        ),
        Listing("credit_memos", "credit-memos", sort=None),
        custom_fields("credit_memos_custom_fields", "credit-memos/custom-fields"),
        Listing("credit_memo_items", "credit-memos/credit-memo-items", replication_key=None, sort=None),
        Listing("expense_transactions", "expense-transactions", active_filter=None, sort=None),
        custom_fields("expense_transactions_custom_fields", "expense-transactions/custom-fields"),
        Listing("gl_accounts", "gl-accounts", sort=None),
        Listing("gl_account_types", "gl-accounts/types", sort=None),
        Singleton("gl_accounts_well_known", "gl-accounts/well-known"),
        Export("inventory_bills", "export/inventory-bills", replication_key="createdOn"),  # modifiedOn may be missing
        custom_fields("inventory_bills_custom_fields", "inventory-bills/custom-fields"),
        Export("invoices", "export/invoices"),
        custom_fields("invoices_custom_fields", "invoices/custom-fields"),
        Export("invoice_items", "export/invoice-items"),
        # What an invoice charges for.
        Nested(
            "invoice_tasks",
            "invoices/{invoice_id}/tasks",
            parent="invoices",
            keys=("taskId",),
            nested_parents="changed",
        ),
        Listing("journal_entries", "journal-entries", page_size=500, active_filter=None),
        # What an entry consists of. Its lines have no id, and two lines may be alike.
        Nested(
            "journal_entry_details",
            "journal-entries/{journal_entry_id}/details",
            parent="journal_entries",
            keys=(),
            page_size=500,
            nested_parents="changed",
        ),
        Nested(
            "journal_entry_summaries",
            "journal-entries/{journal_entry_id}/summary",
            parent="journal_entries",
            keys=(),
            page_size=500,
            nested_parents="changed",
        ),
        Export("payments", "export/payments"),
        custom_fields("payments_custom_fields", "payments/custom-fields"),
        Listing("payment_terms", "payment-terms", active_filter=None),
        Listing("payment_types", "payment-types", replication_key=None, sort=None),
        Listing("remittance_vendors", "remittance-vendors"),
        Listing("tax_zones", "tax-zones"),
    ),
    "crm/v2": (
        Export("bookings", "export/bookings"),
        # Contacts, preferences, relationships, notes and attachments may change without their parent's modifiedOn, as those
        # of customers and locations do (ServiceTitan's FAQ).
        Nested("booking_contacts", "bookings/{booking_id}/contacts", parent="bookings"),
        Listing("booking_provider_tags", "booking-provider-tags", active_filter=None),
        Listing("contacts", "contacts", active_filter=None),
        Listing("contact_methods", "contacts/contact-methods", active_filter=None),
        Nested(
            "contact_method_preferences",
            "contacts/{contact_id}/contact-methods/{contact_method_id}/preferences",
            parent="contact_methods",
            parent_fields={"contact_id": "contactId"},
            keys=("name",),
            records_path=None,
            page_size=None,
        ),
        Unpaged("contact_preferences", "contacts/preferences", records_path=None),
        Nested("contact_relationships", "contacts/{contact_id}/relationships", parent="contacts", sort="+ID"),
        Export("customers", "export/customers"),
        Export("customer_contacts", "export/customers/contacts"),
        custom_fields("customers_custom_fields", "customers/custom-fields"),
        Nested("customer_notes", "customers/{customer_id}/notes", parent="customers", replication_key="modifiedOn"),
        Export("leads", "export/leads"),
        Nested("lead_notes", "leads/{lead_id}/notes", parent="leads", replication_key="modifiedOn"),
        Export("locations", "export/locations"),
        Export("location_contacts", "export/locations/contacts"),
        custom_fields("locations_custom_fields", "locations/custom-fields"),
        Nested("location_notes", "locations/{location_id}/notes", parent="locations", replication_key="modifiedOn"),
    ),
    "customer-interactions/v2": (
        Export(
            "technician_ratings",
            "export/technician-ratings",
            keys=("technicianId", "jobId"),
            resource="technicianrating",
        ),
    ),
    "dispatch/v2": (
        # The one feed but appointments that has `active`, and the only one said to leave inactive rows out.
        Export("appointment_assignments", "export/appointment-assignments", params={"active": "Any"}),
        Listing("arrival_windows", "arrival-windows", replication_key=None, sort=None),
        Singleton("arrival_window_configuration", "arrival-windows/configuration"),
        Singleton("business_hours", "business-hours"),
        # What identifies a time frame: its bounds and its business units.
        Capacity(
            "capacities",
            "capacity",
            keys=("startUtc", "endUtc", "businessUnits"),
            derived_keys={"businessUnits": ("businessUnitIds",)},
        ),
        Listing("non_job_appointments", "non-job-appointments", active_filter=None, params={"activeOnly": "false"}),
        Listing("teams", "teams", active_filter=None, params={"includeInactive": "true"}),
        Listing("technician_shifts", "technician-shifts"),
        Listing("technician_skills", "technician-skills"),
        Listing("zones", "zones"),
    ),
    "equipmentsystems/v2": (
        Export("equipment_systems", "export/equipment-systems"),
        Nested(  # has equipmentIds and directChildEquipmentIds, which the feed lacks
            "equipment_system_details",
            "equipment-systems/{equipment_system_id}",
            parent="equipment_systems",
            records_path=None,
            page_size=None,
        ),
        Listing("equipment_types", "equipment-types", sort="+ID"),
        Export("installed_equipment", "export/installed-equipment"),
        Listing(  # has modifiedOnOrAfter, but the records have no date
            "installed_equipment_custom_fields",
            "installed-equipment/custom-field-types",
            active_filter=None,
            sort=None,
            replication_key=None,
            has_total=False,
            params={"descending": "false"},
        ),
    ),
    "findings/v2": (
        Listing("location_findings", "location-findings", sort="+ID"),
        Nested(
            "location_finding_attachments",
            "location-findings/{location_finding_id}/attachments",
            parent="location_findings",
            sort="+ID",
        ),
    ),
    "fleetpro/v2": (Unpaged("fleet_vehicles", "vehicles", keys=("vin",), records_path=None),),
    "forms/v2": (
        Listing("forms", "forms", sort=None),
        Nested("job_attachments", "jobs/{job_id}/attachments", parent="jobs"),
        # Pages of 5000 were too large to hold in memory (MeltanoLabs/tap-service-titan).
        Listing(
            "submissions", "submissions", replication_key="submittedOn", since_param="submittedOnOrAfter", page_size=500
        ),
    ),
    "inventory/v2": (
        Export("adjustments", "export/adjustments"),
        Listing("inventory_templates", "inventory-templates", sort=None),
        Export("purchase_orders", "export/purchase-orders"),
        Listing("purchase_order_markups", "purchase-order-markups", active_filter=None),
        Listing("purchase_order_requests", "purchase-orders/requests", active_filter=None),
        Listing("purchase_order_types", "purchase-order-types"),
        Listing("receipts", "receipts"),
        Export("returns", "export/returns"),
        Listing("return_types", "return-types", active_filter=None, sort=None, params={"activeOnly": "false"}),
        Export("transfers", "export/transfers"),
        Listing("trucks", "trucks"),
        Listing("vendors", "vendors"),
        custom_fields("vendors_custom_fields", "vendors/custom-fields"),
        Listing("warehouses", "warehouses"),
    ),
    "jbce/v2": (Listing("call_reasons", "call-reasons"),),
    "jpm/v2": (
        Export("appointments", "export/appointments", params={"active": "Any"}),
        Export("jobs", "export/jobs"),
        # Booking and canceling change the job.
        Nested(
            "job_booked_log",
            "jobs/{jobId}/booked-log",
            parent="jobs",
            records_path=None,
            page_size=None,
            nested_parents="changed",
        ),
        Export("job_canceled_logs", "export/job-canceled-logs", replication_key="createdOn"),
        Nested(  # the feed above, job by job
            "job_canceled_log", "jobs/{jobId}/canceled-log", parent="jobs", nested_parents="changed"
        ),
        Listing("job_cancel_reasons", "job-cancel-reasons"),
        custom_fields("job_custom_fields", "jobs/custom-fields", sort="+Id"),
        # A row is a job and a list of events: the event has the id, and whether a row has all events is not known.
        Export("job_history", "export/job-history", explode="history", replication_key="date"),
        Listing("job_hold_reasons", "job-hold-reasons"),
        Export("job_notes", "export/job-notes"),
        Listing("job_types", "job-types", sort=None),
        Export("projects", "export/projects"),
        custom_fields("project_custom_fields", "projects/custom-fields", sort="+Id"),
        Nested("project_daily_logs", "projects/{projectId}/daily-logs", parent="projects"),
        Nested(  # the list has the heads of logs only
            "project_daily_log_details",
            "projects/{projectId}/daily-logs/{daily_log_id}",
            parent="project_daily_logs",
            records_path=None,
            page_size=None,
        ),
        Export("project_notes", "export/project-notes"),
        Listing("project_statuses", "project-statuses", active_filter=None),
        Listing("project_sub_statuses", "project-substatuses"),
        Listing("project_types", "project-types", replication_key=None, active_filter=None, sort=None),
        Listing(
            "wbs_budget_codes",
            "work-breakdown-structure/budget-codes",
            replication_key=None,
            active_filter=None,
            sort=None,
            resource="budgetcodes",
        ),
        Nested(
            "wbs_project_budget_codes",
            "work-breakdown-structure/projects/{project_id}/budget-codes",
            parent="projects",
            resource="budgetcodes",
        ),
        Listing(
            "wbs_segments",
            "work-breakdown-structure/segments",
            replication_key=None,
            has_more_flag=False,
            active_filter=None,
            sort=None,
            resource="segments",
        ),
        Nested(
            "wbs_segment_items",
            "work-breakdown-structure/segments/{segment_id}/items",
            parent="wbs_segments",
            params={"includeChildren": "true"},
            resource="segments",
        ),
        Nested(
            "wbs_project_segments",
            "work-breakdown-structure/projects/{project_id}/segments",
            parent="projects",
            has_more_flag=False,
            resource="segments",
        ),
        Nested(
            "wbs_project_segment_items",
            "work-breakdown-structure/projects/{project_id}/segments/{segment_id}/items",
            parent="wbs_project_segments",
            params={"includeChildren": "true"},
            resource="segments",
        ),
    ),
    "marketing/v2": (
        Listing("campaigns", "campaigns"),
        Window(
            "campaign_cost_summaries",
            "campaign-cost-summary",
            keys=("from", "campaignId"),
            replication_key="from",
            start="from",
            end="to",
            records_path="items",
            page_size=None,
        ),
        Listing("costs", "costs", replication_key=None, active_filter=None),
        Window(
            "email_channel_costs",
            "email-channel-cost",
            keys=("from",),
            replication_key="from",
            start="from",
            end="to",
            records_path=None,
            page_size=None,
        ),
        Listing("marketing_categories", "categories", active_filter=None),
    ),
    "marketingads/v2": (
        # Any id of a lead may be null, by the kind of lead; its time alone is not unique.
        Window(
            "attributed_leads",
            "attributed-leads",
            keys=("dateTime", "leadType", "leadId"),
            derived_keys={"leadId": tuple(LEAD_PATHS.values())},
            key_path_by=("leadType", {**LEAD_PATHS, **dict(enumerate(LEAD_PATHS.values(), start=1))}),
            replication_key="dateTime",
            days=28,  # each lead has its own time; the documents name no longest window
        ),
        Window(
            "campaign_performance",
            "performance",
            keys=("fromUtc", "campaignId"),
            derived_keys={"campaignId": CAMPAIGN},
            params={"performanceSegmentationType": "Campaign"},
        ),
        Window(
            "adgroup_performance",
            "performance",
            keys=("fromUtc", "campaignId", "adGroupId"),
            derived_keys={"campaignId": CAMPAIGN, "adGroupId": ("adGroup.id",)},
            params={"performanceSegmentationType": "AdGroup"},
        ),
        # A keyword's id is unique within its ad group only, as in Google Ads.
        Window(
            "keyword_performance",
            "performance",
            keys=("fromUtc", "campaignId", "adGroupId", "keywordId"),
            derived_keys={"campaignId": CAMPAIGN, "adGroupId": ("adGroup.id",), "keywordId": ("keyword.id",)},
            params={"performanceSegmentationType": "Keyword"},
        ),
        Unpaged("capacity_warnings", "capacity-warnings", keys=("campaignName", "warningType")),  # has no id
    ),
    "marketingreputation/v2": (
        # All fields that could identify a review (internalId, externalId, platform, author) may be null.
        Listing("reviews", "reviews", keys=(), active_filter=None, sort=None),
    ),
    "memberships/v2": (
        Export("invoice_templates", "export/invoice-templates"),
        Export("memberships_export", "export/memberships"),
        custom_fields("membership_custom_fields", "memberships/custom-fields"),
        Export(
            "membership_status_changes",
            "export/membership-status-changes",
            replication_key="createdOn",
            resource="memberships",
        ),
        Export("membership_types", "export/membership-types"),
        Export("recurring_services", "export/recurring-services"),
        Export("recurring_service_events", "export/recurring-service-events"),
        Export("recurring_service_types", "export/recurring-service-types"),
    ),
    "payroll/v2": (
        Export("activity_codes", "export/activity-codes"),
        # The id may be null, and one payroll has many items a day, even for one employee.
        Export("gross_pay_items", "export/gross-pay-items", keys=()),
        Export("job_splits", "export/jobs/splits"),
        Export("job_timesheets", "export/jobs/timesheets"),
        Listing(  # rows have no id to sort by
            "location_rates",
            "locations/rates",
            keys=("locationId", "laborTypeCode"),
            replication_key=None,
            sort="+Location",
        ),
        Listing("non_job_timesheets", "non-job-timesheets"),
        Listing("payrolls", "payrolls", sort=None),
        Export("payroll_adjustments", "export/payroll-adjustments"),
        Export("payroll_settings", "export/payroll-settings", keys=("employeeType", "employeeId")),
        Export("timesheet_codes", "export/timesheet-codes"),
    ),
    "pricebook/v2": (
        Export("categories", "export/categories"),
        Listing("client_specific_pricing", "clientspecificpricing", replication_key=None, sort=None, resource="csp"),
        Listing("discounts_and_fees", "discounts-and-fees"),
        # Of these three, feed and listing differ in their fields.
        Listing("equipment", "equipment"),
        Export("export_equipment", "export/equipment"),
        Listing("materials", "materials"),
        Export("export_materials", "export/materials"),
        Listing("services", "services", params={"calculatePrices": "true"}),
        Export("export_services", "export/services"),
        Unpaged("material_cost_types", "materials/costtypes"),
        Listing(
            "materials_markup",
            "materialsmarkup",
            replication_key=None,
            has_total=False,
            active_filter=None,
            sort=None,
            resource="materials",
        ),
    ),
    "reporting/v2": (
        Listing("report_categories", "report-categories", replication_key=None, active_filter=None, sort=None),
        Nested("reports", "report-category/{report_category}/reports", parent="report_categories", resource="reports"),
    ),
    "sales/v2": (
        Export("estimates", "export/estimates"),
        Listing("estimate_items", "estimates/items", sort=None),
        Nested(  # the status is a field of the estimate
            "estimate_status_changes",
            "status/estimates/{estimate_id}/changes",
            parent="estimates",
            records_path=None,
            page_size=None,
            resource="estimates",
            nested_parents="changed",
        ),
        # modifiedOn does not move when a template's items are edited: read in full.
        Listing("estimate_templates", "estimate-templates", replication_key=None, sort=None),
        Listing("proposal_templates", "proposal-templates", replication_key=None, sort=None),
        Unpaged("proposal_types", "proposal-types", params={"active": "Any"}),
    ),
    "schedulingpro/v2": (
        Listing("schedulers", "schedulers", active_filter=None, sort=None),
        Nested(
            "scheduler_performance",
            "schedulers/{scheduler_id}/performance",
            parent="schedulers",
            date_range_params=("sessionCreatedOnOrAfter", "sessionCreatedBefore"),
            records_path=None,
            page_size=None,
        ),
        Nested(
            "scheduler_sessions",
            "schedulers/{schedulerId}/sessions",
            parent="schedulers",
            replication_key="modifiedOn",
        ),
    ),
    "service-agreements/v2": (
        Export("service_agreements", "export/service-agreements"),
        custom_fields("service_agreements_custom_fields", "service-agreements/custom-fields"),
    ),
    "settings/v2": (
        Export("business_units", "export/business-units"),
        Export("employees", "export/employees"),
        Listing(
            "intacct_business_unit_mappings",
            "business-units/intacct",
            replication_key=None,
            page_size=500,
            first_page=0,
            active_filter=None,
            sort=None,
            params={"includeTotal": "true"},  # required here
        ),
        Export("tag_types", "export/tag-types"),
        Export("technicians", "export/technicians"),
        Listing("user_roles", "user-roles", replication_key=None, sort=None),
    ),
    "taskmanagement/v2": (
        Listing("tasks", "tasks", params={"includeSubtasks": "true"}),
        Singleton("task_data", "data"),
    ),
    "telecom/v2": (Export("calls", "export/calls"),),
    "timesheets/v2": (
        Export("activities", "export/activities"),
        Export("activity_categories", "export/activity-categories"),
        Export("activity_types", "export/activity-types"),
    ),
}

PARENTS: Mapping[str, tuple[Listing, ...]] = {
    "accounting/v2": (Listing("invoices", "invoices", active_filter=None, sort=None, params={"activeState": "All"}),),
    "crm/v2": (
        Listing("bookings", "bookings", active_filter=None),
        Listing("customers", "customers"),
        Listing("leads", "leads", active_filter=None),
        Listing("locations", "locations"),
    ),
    "equipmentsystems/v2": (Listing("equipment_systems", "equipment-systems", sort=None),),
    "jpm/v2": (Listing("jobs", "jobs", active_filter=None), Listing("projects", "projects", active_filter=None)),
    "sales/v2": (Listing("estimates", "estimates", sort=None),),
}
"""The lists that nested streams page over where the stream itself is a feed."""

SCOPE_PREFIXES: Mapping[str, str] = {
    "accounting/v2": "tn.acc",
    "crm/v2": "tn.crm",
    "customer-interactions/v2": "tn.csi",
    "dispatch/v2": "tn.dis",
    "equipmentsystems/v2": "tn.eqs",
    "findings/v2": "tn.fdgs",
    "fleetpro/v2": "tn.flt",
    "forms/v2": "tn.frm",
    "inventory/v2": "tn.inv",
    "jbce/v2": "tn.jbce",
    "jpm/v2": "tn.jpm",
    "marketing/v2": "tn.mrk",
    "marketingads/v2": "tn.mads",
    "marketingreputation/v2": "tn.mrep",
    "memberships/v2": "tn.mem",
    "payroll/v2": "tn.prl",
    "pricebook/v2": "tn.pb",
    "reporting/v2": "tn.rpr",
    "sales/v2": "tn.sal",
    "schedulingpro/v2": "tn.sp",
    "service-agreements/v2": "tn.sa",
    "settings/v2": "tn.stt",
    "taskmanagement/v2": "tn.tsm",
    "telecom/v2": "tn.tlc",
    "timesheets/v2": "tn.tms",
}
"""How OAuth scopes abbreviate each API."""


TABLE: tuple[Endpoint, ...] = tuple(replace(entry, api=api) for api, entries in APIS.items() for entry in entries)
"""Every entry, each with its API."""


@functools.cache
def parent(endpoint: Nested) -> Paged:
    """Return the collection of a nested entry's parents, which may itself be nested."""
    lists = (replace(each, api=api) for api, entries in PARENTS.items() for each in entries)
    found = {each.name: each for each in (*TABLE, *lists)}[endpoint.parent]
    if not isinstance(found, Paged):
        msg = f"{endpoint.name} is read for each of {endpoint.parent}, which has no pages; write its list into PARENTS."
        raise TypeError(msg)
    return found


def lists_changed_parents(endpoint: Nested) -> bool:
    """Return whether the API can list just the parents that changed since a date."""
    found = parent(endpoint)
    return not isinstance(found, Nested) and found.replication_key is not None


def scope(endpoint: Endpoint) -> str:
    """Return the OAuth scope that reading needs: ``tn.<api>.<first word of the path>:r`` unless the entry names another resource."""
    if endpoint.oauth_scope or endpoint.api not in SCOPE_PREFIXES:
        return endpoint.oauth_scope or f"of {endpoint.api}/{endpoint.path}"
    resource = endpoint.resource or endpoint.path.removeprefix("export/").split("/")[0].replace("-", "")
    access = "w" if isinstance(endpoint, Capacity) else "r"
    return f"{SCOPE_PREFIXES[endpoint.api]}.{resource}:{access}"

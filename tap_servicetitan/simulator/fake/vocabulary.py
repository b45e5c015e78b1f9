"""The vocabulary of an invented trades business; phone numbers and mail domains are those reserved for fiction."""

from __future__ import annotations

from typing import Final

FIRST_NAMES: Final = (
    "Maria", "James", "Linda", "Robert", "Aisha", "Michael", "Elena", "David", "Susan", "Carlos", "Karen", "Ahmed",
    "Nancy", "Daniel", "Mei", "Kevin", "Priya", "Brian", "Rosa", "Thomas", "Joyce", "Luis", "Hannah", "Omar",
    "Grace", "Peter", "Yuki", "Samuel", "Olivia", "Victor", "Denise", "Marcus", "Zoë", "José", "Łukasz", "秀英",
)  # fmt: skip
LAST_NAMES: Final = (
    "Lopez", "Smith", "Nguyen", "Johnson", "Patel", "Garcia", "Miller", "Kim", "Davis", "Okafor", "Wilson", "Martinez",
    "Anderson", "Haddad", "Taylor", "Hernandez", "Moore", "Chen", "Jackson", "Rossi", "Thompson", "White", "Rivera",
    "Clark", "Lewis", "Robinson", "Walker", "Young", "Kowalski", "Wright", "Torres", "Hill", "Núñez", "Müller", "D'Angelo",
    "王",
)  # fmt: skip
STREETS: Final = (
    "Maple Ave", "Oak St", "Cedar Ln", "Elm St", "Washington Blvd", "Lakeview Dr", "Sunset Blvd", "Park Ave",
    "Mission Rd", "Highland Ave", "Glenoaks Blvd", "2nd St", "Hillcrest Dr", "River Rd", "Church St", "Prairie Ct",
)  # fmt: skip
PLACES: Final = (
    ("Glendale", "CA", "91203", 34.1425, -118.2551), ("Pasadena", "CA", "91101", 34.1478, -118.1445),
    ("Burbank", "CA", "91502", 34.1808, -118.309), ("Phoenix", "AZ", "85004", 33.4484, -112.074),
    ("Mesa", "AZ", "85201", 33.4152, -111.8315), ("Austin", "TX", "78701", 30.2672, -97.7431),
    ("Dallas", "TX", "75201", 32.7767, -96.797), ("Denver", "CO", "80202", 39.7392, -104.9903),
    ("Tampa", "FL", "33602", 27.9506, -82.4572), ("Orlando", "FL", "32801", 28.5383, -81.3792),
    ("Atlanta", "GA", "30303", 33.749, -84.388), ("Columbus", "OH", "43215", 39.9612, -82.9988),
    ("Nashville", "TN", "37203", 36.1627, -86.7816), ("Boise", "ID", "83702", 43.615, -116.2023),
)  # fmt: skip
COMPANIES: Final = (
    "Lakeview Dental Group", "Sunrise Bakery", "Harbor Property Management", "Oak Street Church", "Pioneer Brewing",
    "Highland Middle School", "Cedar Creek Apartments", "Bluebird Cafe", "Northside Auto Body", "Mesa Self Storage",
    "Café Olé ☕", "寿司さくら",
)  # fmt: skip
VENDORS: Final = (
    "Ferro Supply", "Western HVAC Distributors", "Keystone Plumbing Supply", "Allied Electric Wholesale",
    "Summit Water Heaters", "Copperline Parts", "Great Basin Tools", "Coastal Sheet Metal",
)  # fmt: skip
SUMMARIES: Final = (
    "AC not cooling", "No heat in upstairs bedrooms", "Water heater leaking", "Kitchen drain clogged",
    "Annual furnace tune-up", "Breaker trips when dryer runs", "Toilet running constantly", "Thermostat is blank",
    "Replace garbage disposal", "Estimate for a new heat pump", "Outdoor unit makes a grinding noise",
    "Low water pressure in the shower", "Install an EV charger in the garage", "Gas smell near the furnace",
    "Customer asked for a second opinion", "Sewer line camera inspection", "Duct cleaning, two systems",
    "Sump pump failed; basement is wet", "Panel upgrade to 200 A", "Ceiling fan wobbles",
    "Fuga de agua en el baño 💧", "空调不制冷",
)  # fmt: skip
NOTES: Final = (
    "Call before arrival", "Gate code 4471", "Dog in the yard", "Prefers mornings", "Left voicemail",
    "Park on the street", "Warranty part ordered", "Replaced capacitor, tested OK", "Spoke with the tenant",
    "Follow up next week", "Customer approved over the phone", "Filter size 16x25x1",
    "Gracias 👍🏽, très gentille",
)  # fmt: skip
SLUGS: Final[dict[str, tuple[str, ...]]] = {
    "report_categories": ("accounting", "business-unit-dashboard", "operations", "marketing", "technician", "sold-by"),
}
"""Ids that are words; a tenant starts with no more records of such a stream."""

LOOKUPS: Final[dict[str, tuple[str, ...]]] = {
    "activity_codes": ("Regular Time", "Overtime", "Training", "Drive Time", "Shop Time"),
    "booking_provider_tags": ("Website", "Google Local Services", "Angi", "Answering Service"),
    "bundles": ("HVAC Maintenance", "Whole House Plumbing", "Electrical Safety"),
    "business_units": ("HVAC Service", "HVAC Install", "Plumbing Service", "Drains", "Electrical", "Commercial"),
    "call_reasons": ("New Job", "Reschedule", "Price Question", "Complaint", "Vendor", "Wrong Number"),
    "campaigns": ("Google Ads", "Spring Tune-Up Mailer", "Referral", "Truck Wrap", "Yelp", "Radio", "Repeat Customer"),
    "categories": ("Air Conditioning", "Heating", "Plumbing", "Drains", "Electrical", "Water Quality"),
    "contact_method_preferences": ("Reminders", "Marketing", "Receipts", "Surveys", "DoNotContact"),
    "custom_fields": ("Gate Code", "Preferred Contact Time", "System Age", "Roof Access", "Filter Size"),
    "equipment": ("3 Ton Heat Pump", "Gas Furnace 80k BTU", "50 gal Water Heater", "Tankless Heater", "Mini Split"),
    "equipment_types": ("Heat Pump", "Furnace", "Water Heater", "Air Handler", "Panel"),
    "forms": ("Safety Checklist", "AC Tune-Up Report", "Drain Camera Report", "Installation Sign-Off"),
    "gl_accounts": ("Service Revenue", "Install Revenue", "Cost of Goods Sold", "Payroll", "Sales Tax Payable"),
    "job_types": ("AC Repair", "AC Tune-Up", "Furnace Repair", "Drain Clearing", "Water Heater", "Panel Upgrade"),
    "materials": ("Run Capacitor 45/5", "Copper Pipe 3/4 in", "Wax Ring", "20 A Breaker", "Filter 16x25x1"),
    "membership_types": ("Silver Club", "Gold Club", "Comfort Plan", "Commercial PM"),
    "payment_terms": ("Due on Receipt", "Net 15", "Net 30", "Net 60"),
    "payment_types": ("Cash", "Check", "Credit Card", "Financing", "ACH"),
    "project_statuses": ("Open", "In Progress", "Waiting for Permit", "Completed"),
    "project_types": ("Changeout", "New Construction", "Repipe", "Remodel"),
    "report_categories": ("Accounting", "Business Unit Dashboard", "Operations", "Marketing", "Technician", "Sold By"),
    "recurring_service_types": ("Spring AC Visit", "Fall Heating Visit", "Annual Plumbing Inspection"),
    "services": ("Diagnostic Visit", "AC Tune-Up", "Drain Clearing", "Capacitor Replacement", "Water Heater Flush"),
    "tag_types": ("VIP", "Do Not Upsell", "Warranty", "Financing", "Senior", "New Homeowner"),
    "tax_zones": ("City Sales Tax", "County Sales Tax", "Exempt"),
    "teams": ("North Crew", "South Crew", "Install Crew", "On Call"),
    "technician_skills": ("EPA 608", "Gas Certified", "Backflow", "Journeyman Electrician"),
    "timesheet_codes": ("Meeting", "Meal", "Holiday", "Sick"),
    "trucks": ("Truck 12", "Truck 14", "Truck 21", "Van 3"),
    "warehouses": ("Main Warehouse", "North Yard", "Showroom"),
    "zones": ("North Valley", "South Valley", "Downtown", "East Side", "West Hills"),
}  # fmt: skip
"""Names of the records of small streams; references point to the first ones, as in a real business."""

STAFF: Final = frozenset({"employees", "technicians", "users"})
"""Streams of people who work here. Records of other streams that name one of them do not describe that person."""

PEOPLE: Final = frozenset({"bookings", "contacts", "customers", "leads", "locations"})
"""Streams whose records have the name of a person, sometimes of a company."""

BUSINESSES: Final = frozenset({"vendors", "remittance_vendors", "manufacturers"})
"""Streams whose records have the name of a supplier."""

ALIASES: Final[dict[str, str]] = {
    "assigned_to": "employees", "assigned_by": "employees", "activated_by": "employees", "account_manager": "employees",
    "agent": "employees", "approved_by": "employees", "canceled_by": "employees", "created_by": "employees",
    "manager": "employees", "managed_by": "employees", "modified_by": "employees", "owner": "employees",
    "picked_by": "employees", "project_manager": "employees", "received_by": "employees", "reported_by": "employees",
    "role": "user_roles", "user": "employees", "verified_by_user": "employees",
    "sold_by": "technicians", "preferred_technician": "technicians", "primary_technician": "technicians",
    "bill_to": "customers", "from_location": "warehouses", "to_location": "warehouses",
    "inventory_location": "warehouses", "recurring_location": "locations",
    "general_ledger_account": "gl_accounts", "first_appointment": "appointments", "last_appointment": "appointments",
    "job_appointment": "appointments", "lead_call": "calls", "partner_lead_call": "calls", "manual_call": "calls",
    "recall_for": "jobs", "warranty": "jobs", "default_campaign": "campaigns", "default_tag_type": "tag_types",
    "location_recurring_service": "recurring_services", "created_from_estimate": "estimates",
    "payroll_business_unit": "business_units", "main_zone": "zones", "payment_method": "payment_types",
    "adjustment_to": "invoices", "cancellation_invoice": "invoices", "sub_status": "project_sub_statuses",
    "equipment": "equipment", "installed_equipment": "installed_equipment", "segment_item": "wbs_segment_items",
    "account": "gl_accounts", "appoitment": "appointments", "budget_code": "wbs_budget_codes", "bill": "ap_bills",
    "cost_type": "material_cost_types", "deposit": "bank_deposits", "exported_by": "employees", "inventory_return": "returns",
    "material_sku": "materials", "membership": "memberships_export", "renewed_by": "employees", "segment": "wbs_segments",
    "renewal_agreement": "service_agreements", "session": "scheduler_sessions", "skill": "technician_skills",
    "status": "project_statuses", "tag": "tag_types", "vendor_credit": "ap_credits", "employee_info": "employees",
    "invoice_template_for_following_years": "invoice_templates", "remittance_vendor_info": "remittance_vendors",
}  # fmt: skip
"""The stream that a reference points to, by the words of its name without `Id`, where the name is another one."""

OWN_ALIASES: Final[dict[str, str]] = {
    "activity_types.categoryId": "activity_categories", "campaigns.category": "marketing_categories",
    "job_canceled_log.reasonId": "job_cancel_reasons", "job_canceled_logs.reasonId": "job_cancel_reasons",
    "calls.reason": "call_reasons",
}  # fmt: skip
"""The stream that a field of one stream points to, where a field of the same name points elsewhere in others."""

CUSTOM_FIELDS: Final[dict[str, str]] = {
    "customers": "customers_custom_fields", "installed_equipment": "installed_equipment_custom_fields",
    "jobs": "job_custom_fields", "locations": "locations_custom_fields", "memberships_export": "membership_custom_fields",
    "projects": "project_custom_fields", "vendors": "vendors_custom_fields",
}  # fmt: skip
"""The stream that lists the types of a stream's custom fields."""

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "bookings.source": ("Website", "Google Local Services", "Angi", "Answering Service"),
    "bookings.status": ("New", "Converted", "Dismissed", "Accepted"),
    "leads.status": ("Open", "Dismissed", "Converted"),
    "jobs.jobStatus": ("Scheduled", "InProgress", "Hold", "Completed", "Canceled"),
    "projects.status": ("Open", "In Progress", "Completed"),
    "appointments.status": ("Scheduled", "Dispatched", "Working", "Hold", "Done", "Canceled"),
    "appointment_assignments.status": ("Scheduled", "Dispatched", "Working", "Done"),
    "memberships.status": ("Active", "Suspended", "Expired", "Canceled", "Deleted"),
    "memberships.followUpStatus": ("NotAttempted", "Unreachable", "Contacted", "Won", "Dismissed"),
    "recurring_services.status": ("Active", "Suspended", "Expired", "Canceled", "Deleted"),
    "recurring_service_events.status": ("NotAttempted", "Unreachable", "Contacted", "Won", "Dismissed"),
    "service_agreements.status": ("Draft", "Sent", "Accepted", "Activated", "Expired"),
    "purchase_orders.status": ("Pending", "Sent", "PartiallyReceived", "Received", "Canceled"),
    "returns.status": ("Pending", "Returned", "CreditReceived", "Canceled"),
    "transfers.status": ("Pending", "Picked", "Received", "Canceled"),
    "payrolls.status": ("Pending", "Expired", "Approved", "Paid", "Locked"),
    "calls.callType": ("Abandoned", "Unbooked", "Excused", "Booked", "NotLead"),
    "calls.type": ("Abandoned", "Unbooked", "Excused", "Booked", "NotLead"),
    "status.name": ("Open", "Sold", "Dismissed"),
    "customer_contacts.type": ("MobilePhone", "Phone", "Email", "Fax"),
    "location_contacts.type": ("MobilePhone", "Phone", "Email", "Fax"),
    "customers.type": ("Residential", "Residential", "Residential", "Commercial"),
    "services.type": ("Service",),
    "materials.type": ("Material",),
    "equipment.type": ("Equipment",),
    "budgetCostType": ("Labor", "Material", "Equipment"),
    "billingFrequency": ("OneTime", "Monthly", "Quarterly", "Annual"),
    "renewalBillingFrequency": ("OneTime", "Monthly", "Annual"),
    "billingSchedule": ("Upfront", "Monthly", "Quarterly", "Annual", "TimeOfService"),
    "billingScheduleType": ("Upfront", "Monthly", "Quarterly", "Annual", "TimeOfService"),
    "captureSource": ("Call", "Form", "Chat"),
    "category": ("Heating", "Cooling", "Plumbing", "Electrical"),
    "country": ("USA",),
    "currency": ("USD",),
    "configuration": ("ArrivalWindows", "BusinessHours"),
    "customerType": ("Residential", "Residential", "Residential", "Commercial"),
    "color": ("#2E86AB", "#F18F01", "#3B7A57", "#A23B72"),
    "dataType": ("Text", "Dropdown", "Numeric"),
    "costCategory": ("None", "Material", "Labor", "Equipment", "Subcontract"),
    "direction": ("Inbound", "Outbound"),
    "durationType": ("Continuous", "NumberOfVisits"),
    "earningCategory": ("Timesheet", "Commission", "Reimbursement"),
    "employeeType": ("Technician", "Employee"),
    "frequency": ("Once", "Daily", "Monthly"),
    "grossPayItemType": ("InvoiceRelatedBonus", "TimesheetTime", "CustomBonus", "Salary", "Reimbursement"),
    "hourlyRate": ("EmployeeHourlyRate", "CustomHourlyRate"),
    "importance": ("Medium", "High"),
    "inventoryStatus": ("NotTracked", "Tracked"),
    "invoiceConfiguration": ("JobInvoice", "ProjectInvoice", "MembershipInvoice"),
    "landedCostMethod": ("None", "ByValue"),
    "licenseType": ("NonManagedTech", "ManagedTech", "ManagedInstaller"),
    "locationTarget": ("AllLocations", "SingleLocation"),
    "manufacturer": ("Norwick", "Halden", "Airwell Pro", "Blue River"),
    "newStatus": ("Active", "Suspended", "Expired", "Canceled"),
    "oldStatus": ("Active", "Suspended", "Expired", "Canceled"),
    "origin": ("Initial", "AutoRenew", "ManualRenew"),
    "paidTimeType": ("Regular", "Overtime", "DoubleOvertime", "PaidTimeOff"),
    "paymentStatus": ("Unpaid", "ReadyForApproval", "Paid"),
    "positions": ("Installer", "Service", "Sales", "Maintenance", "Helper"),
    "priority": ("Low", "Normal", "Normal", "High", "Urgent"),
    "recurrenceMonths": ("January", "March", "May", "September", "November"),
    "recurrenceType": ("Weekly", "Monthly", "Seasonal", "Daily", "NthWeekdayOfMonth"),
    "reviewStatus": ("NeedsReview", "OnHold", "Reviewed"),
    "revenueRecognitionMode": ("Immediate", "Deferred"),
    "role": ("Technician", "Dispatch", "Accounting", "FieldManager", "CSR", "Admin", "Owner"),
    "sentStatus": ("NotSent", "Sent", "Opened"),
    "sessionOutcome": ("Booked", "Abandoned", "Blocked"),
    "shiftType": ("Normal", "OnCall", "TimeOff"),
    "skuType": ("Service", "Material", "Equipment"),
    "source": ("ServiceTitan", "PublicApi"),
    "status": ("Active", "Pending", "Completed"),
    "syncStatus": ("Pending", "Posted", "Exported"),
    "eventType": ("JobBooked", "TechnicianAssigned", "JobRescheduled", "JobCompleted"),
    "type": ("Standard", "Custom"),
    "warningType": ("OverCapacity", "UnderCapacity"),
    "unitOfMeasure": ("Each", "Foot", "Hour"),
    "typeSlug": ("owner", "tenant", "property-manager"),
    "urgencyLevel": ("Low", "Medium", "High", "Critical"),
    "structure": ("Flat", "Hierarchy"),
    "utmCampaign": ("spring-tune-up", "heat-pumps", "brand"),
    "utmMedium": ("cpc", "organic", "email"),
    "utmSource": ("google", "bing", "newsletter"),
    "usedSchedulingTool": ("Manual", "SmartSchedule", "SmartDispatch"),
}  # fmt: skip
"""Enumerations by ``stream.field``, ``parent.field`` or field; ServiceTitan's OpenAPI documents list them."""

MONEY: Final = (
    "amount", "total", "cost", "price", "balance", "tax", "subtotal", "bonus", "discount", "revenue", "credit", "debit",
    "fee", "fees", "shipping", "limit", "goal", "surcharge",
)  # fmt: skip
"""A field whose name ends with one of these words is an amount of money."""

OFTEN_NULL: Final = (
    "canceled", "cancellation", "deleted", "dismissing", "merged", "parent", "recall", "refund", "termination", "warranty",
)  # fmt: skip
"""A field whose name begins with one of these words is null in most records."""

NOT_NULL: Final = frozenset({"active", "createdOn", "id", "modifiedOn", "name", "submittedOn"})
"""Fields that are null in no stream but those of :data:`NULL_BY_DOCUMENT`. ServiceTitan keeps this promise for the key
only: other fields that its OpenAPI documents declare as not null were seen null, so they are here, too.
"""

NULL_BY_DOCUMENT: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys((
        "contacts", "customers_custom_fields", "equipment_system_details", "equipment_systems", "estimates", "forms",
        "gl_account_types", "gl_accounts", "intacct_business_unit_mappings", "invoice_tasks", "invoice_templates",
        "journal_entries", "location_findings", "locations_custom_fields", "material_cost_types", "payment_terms",
        "recurring_service_types", "remittance_vendors", "return_types", "tax_zones", "teams", "zones",
    ), ("name",)),
    **dict.fromkeys(("ap_bills", "expense_transactions", "inventory_bills", "payment_types"), ("createdOn", "modifiedOn")),
    **dict.fromkeys(("bank_deposits", "projects", "tasks"), ("modifiedOn", "name")),
    **dict.fromkeys(("invoices", "project_daily_log_details", "project_daily_logs"), ("modifiedOn",)),
    "ap_payments": ("active", "name"),
}  # fmt: skip
"""Those of :data:`NOT_NULL` that the OpenAPI documents declare as nullable, by stream. ``modifiedOn`` is null in some
records that never changed.
"""

SOMETIMES_NUMBERS = {
    # `0` where the documents have `None` and `ByValue`: MeltanoLabs/tap-service-titan issue 358 (2026), seen on these.
    **dict.fromkeys(("inventory_bills", "purchase_order_types", "receipts"), ("landedCostMethod",)),
    # Numbers where the documents have `None`, `Live`, `Stopped`: archdotdev/tap-service-titan issue 163.
    **dict.fromkeys(("campaign_performance", "adgroup_performance", "keyword_performance"), ("status",)),
    "submissions": ("value",),
}
"""Text fields, by stream, that the API sometimes sends as numbers."""

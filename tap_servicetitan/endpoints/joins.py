"""JOINS: which stream each field with an id belongs to, and which fields belong to none.

A join leads to the ``id`` of a stream, of the same ``tenant_id``. Names are as in ServiceTitan's API: a field is written as the
end of its path without the ``[]`` of lists, so ``jobId`` stands for ``jobId`` of a record and of the items in it. The path begins
with the stream, so ``jobs.soldById`` is true of one stream alone; the longest end decides. Every field that ends in ``Id``,
``Ids`` or ``_id``, and every ``id`` inside a record, is in :data:`JOINS` or in :data:`NO_JOIN`; a test holds that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

JOINS: Mapping[str, str] = {
    field: stream
    for stream, fields in {
        "activity_categories": "categoryId",
        "activity_codes": "activityCodeId",
        "activity_types": "activityTypeId",
        "appointments": "appointmentId firstAppointmentId lastAppointmentId jobAppointmentId",
        "bank_deposits": "bank_deposit_id deposit.id",
        "bookings": "bookingId booking_id booking.id",
        "business_units": "businessUnitId businessUnitIds businessUnit.id businessUnitAccessIds",
        "call_reasons": "callReasonId reason.id dismissingReasonId",
        "calls": "callId call.id leadCallId partnerLeadCallId",
        "campaigns": "campaignId campaign.id defaultCampaignId stCampaignId",
        "categories": (
            "categories.id categories.parentId categories.subcategories.id categories.subcategories.parentId"
        ),
        "contact_methods": "contact_method_id",
        "contacts": "contact_id contactId",
        "credit_memos": "creditMemoId",
        "customers": "customerId customer_id customer.id customers.mergedToId",
        "customers_custom_fields": "customers.customFields.typeId",
        "employees": "employees.managerId",
        "equipment": "installed_equipment.equipmentId",
        "equipment_systems": "equipment_system_id systemId",
        "equipment_types": "equipment.typeId export_equipment.typeId installed_equipment.type.id",
        "estimate_items": "estimateItemId",
        "estimate_templates": "estimateTemplateId",
        "estimates": "estimate_id estimateIds createdFromEstimateId",
        "expense_transactions": "reversesExpenseTransactionId",
        "forms": "formId",
        "gl_account_types": "parentTypeId",
        "gl_accounts": (
            "account.id assetAccount.id bankAccount.id costOfSaleAccount.id creditCardAccount.id debitAccount.id"
            " feeAccount.id generalLedgerAccount.id generalLedgerAccountId glAccount.id"
            " revenueGeneralLedgerAccount.id expensesGeneralLedgerAccount.id creditCardPayableAccountId"
            " uncategorizedExpenseAccountId"
        ),
        "installed_equipment": (
            "installedEquipmentId equipmentIds directChildEquipmentIds installed_equipment.parent.id"
        ),
        "installed_equipment_custom_fields": "installed_equipment.customFields.typeId",
        "inventory_bills": "inventoryBillId billId",
        "inventory_templates": "inventoryTemplateId",
        "invoice_items": "invoiceItemId memberships_export.activatedFromId",
        "invoice_templates": "invoiceTemplateId invoiceTemplateForFollowingYearsId",
        "invoices": "invoiceId invoice_id adjustmentToId cancellationInvoiceId cancellationBalanceInvoiceId",
        "job_cancel_reasons": "reasonId",
        "job_custom_fields": "job_types.customFieldTypeIds jobs.customFields.typeId",
        "job_types": "jobTypeId jobTypeIds",
        "jobs": "jobId job_id job.id jobIds recallForId warrantyId sourceJobId overwrittenBookingJobId",
        "journal_entries": "journal_entry_id",
        "leads": "leadId lead_id lead.id",
        "location_findings": "location_finding_id",
        "locations": (
            "locationId location_id location.id customerLocation.id recurringLocationId locations.mergedToId"
            " service_agreements.locationIds"
        ),
        "locations_custom_fields": "locations.customFields.typeId",
        "marketing_categories": "category.id",
        "material_cost_types": "costTypeId",
        "membership_custom_fields": "memberships_export.customFields.typeId",
        "membership_types": "membershipTypeId",
        "memberships_export": "membershipId",
        "payment_terms": "paymentTermId",
        "payment_types": "paymentTypeId paymentType.id payments.typeId",
        "payments": "refundedPaymentId",
        "payrolls": "payrollId",
        "project_custom_fields": "projects.customFields.typeId",
        "project_daily_logs": "daily_log_id",
        "project_statuses": "statusId",
        "project_sub_statuses": "subStatusId",
        "project_types": "projectTypeId",
        "projects": "projectId project_id project.id",
        "proposal_types": "proposalTypeId",
        "purchase_order_types": "purchase_order_requests.typeId purchase_orders.typeId",
        "purchase_orders": "purchaseOrderId",
        "recurring_service_types": "recurringServiceTypeId",
        "recurring_services": "locationRecurringServiceId recurringServiceId",
        "remittance_vendors": "remittanceVendor.id remittanceVendorInfo.id",
        "return_types": "returnTypeId",
        "returns": "inventoryReturnId",
        "scheduler_sessions": "previousSessionId",
        "schedulers": "scheduler_id schedulerId",
        "service_agreements": "serviceAgreement.id renewalAgreementId",
        "service_agreements_custom_fields": "service_agreements.customFields.typeId",
        "tag_types": (
            "tagTypeIds defaultTagTypeIds equipment_systems.tags.typeId equipment_system_details.tags.typeId"
            " installed_equipment.tags.typeId"
        ),
        "tax_zones": "taxZoneId taxZone.id",
        "technicians": "technicianId technicianIds preferredTechnicianIds technicians.id jobs.soldById",
        "timesheet_codes": "timesheetCodeId",
        "user_roles": "roleIds",
        "vendors": "vendorId vendor.id primaryVendor.id otherVendors.id vendors.id procurementVendorId",
        "vendors_custom_fields": "vendors.customFields.typeId",
        "warehouses": "warehouseId",
        "wbs_project_segment_items": "wbs_project_segment_items.parentId",
        "wbs_segment_items": "segmentItemId wbs_segment_items.parentId",
        "wbs_segments": "segmentId segment_id",
        "zones": "zoneId zoneIds mainZoneId",
    }.items()
    for field in fields.split()
}
"""The stream that a field belongs to, wherever the field occurs."""

NO_JOIN: Mapping[str, str] = {
    field: reason
    for reason, fields in {
        "a user of ServiceTitan: the `userId` of an employee or of a technician": (
            "activatedById assignedById assignedTo.id assignedToId assigneeId canceledBy.id canceledById"
            " createdBy.id createdById descriptionModifiedById exportedBy.id modifiedById pickedById"
            " projectManagerIds receivedById renewedById reportedById setByUserId soldById userId"
            " verifiedByUserId"
        ),
        "an employee or a technician": (
            "accountManagerId agent.id agentId employeeId employeeInfo.id employeePayrollId employees.id"
            " managerId owners.id"
        ),
        "a material, a service or equipment of the pricebook": "materialSkuId sku.id skuId",
        "a warehouse or a truck": "fromLocationId inventoryLocation.id inventoryLocationId locationIds toLocationId",
        "a budget code, of the tenant or of a project": "budgetCodeId",
        "a record whose kind another field names": (
            "appliedId appliedTo.id documentId externalObjects.id ownerId relatedEntityId sourceEntityId"
            " targetId transaction.id"
        ),
        "an id in another system": (
            "aadUserId clickId erpFieldId externalId externalPayrollId googleAnalyticsClientId intacctLocationId"
            " internalId referenceId remittance_vendors.customerId sourceTracking.campaignId"
            " technicians.payrollId"
        ),
        "the id of this part of the record": (
            "attachments.id customFields.id division.id expenseItems.id interestSettings.id items.id"
            " lineItems.id options.id otherSubAccounts.id parentItemId paymentTermDiscountModel.id permissions.id"
            " primarySubAccount.id rates.id serialNumbers.id skills.id splits.id subcategories.id"
            " taskResolutions.id taskSources.id taskTypes.id tenant.id trade.id"
            " unitOfMeasure.id units.id"
        ),
        "the id of the record itself": "expense_transactions.expenseTransactionId invoice_tasks.taskId",
        "a part of a record of the same or another stream": (
            "employeeTaskResolutionId employeeTaskSourceId employeeTaskTypeId excludedTaskResolutionIds"
            " excludedTaskTypeIds itemGroupParentId itemGroupRootId parentId proposalTypeOptionId"
            " purchaseOrderItemId receiptItemId relations.taskId rootId unitOfMeasureBaseId vendorCreditId"
        ),
        "a custom field, of whose types the API has no list here": "customFieldTypeIds customFields.typeId",
        "a tag, of which the documents do not say of what kind": "tags.id tags.typeId",
        "the documents do not say of what": (
            "activatedFromId appoitmentId attributionOverwriteId billingTemplateId interestSettings.taskId"
            " job_booked_log.jobAppointmentId parent.id templateId type.id typeId"
        ),
        "the API has no list of them here": (
            "adGroup.id adGroupId barcodeId batch.id batchId billingServiceId bookingProviderId"
            " defaultDocumentTemplateId defaultRateSheetId exportId followUpCustomStatusId franchiseId importId"
            " invoiceType.id keyword.id keywordId laborTypeId lastSyncVersionId manualCallId"
            " negativeLiabilityServiceId newSkuConversionBatchId oldSkuConversionBatchId originalTemplateId"
            " outboundCallerId overtimeProfileId paymentMethodId payrollBusinessUnitId payrollProfileId"
            " positiveIncomeServiceId projectLabelIds rateSheetId renewalMembershipTaskId salesTaxCode.id"
            " versionId workflowActionItemId"
        ),
        "a key that the tap makes of several fields": (
            "adgroup_performance.adGroupId adgroup_performance.campaignId attributed_leads.leadId"
            " campaign_performance.campaignId keyword_performance.adGroupId keyword_performance.campaignId"
            " keyword_performance.keywordId"
        ),
    }.items()
    for field in fields.split()
}
"""Why a field joins to no stream."""


def is_id(path: str) -> bool:
    """Whether the field at a path, like ``items[].jobId``, holds an id of something, by its name."""
    field = _normalize(path)
    return bool(re.search(r"(Ids?|_id|\.id)$", field)) and field != "tenant_id"


def target(stream: str, path: str) -> str | None:
    """Return the stream that a field of a stream joins to."""
    return JOINS.get(_longest_end(stream, path))


def reason(stream: str, path: str) -> str | None:
    """Return why a field of a stream joins to no stream; None where it joins to one, or nothing is known of it."""
    return NO_JOIN.get(_longest_end(stream, path))


def _longest_end(stream: str, path: str) -> str:
    """Return the longest end of the path that begins with the stream of which a fact is known; else ``""``."""
    parts = [stream, *_normalize(path).split(".")]
    ends = (".".join(parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if end in JOINS or end in NO_JOIN), "")


def _normalize(path: str) -> str:
    return path.replace("[]", "")

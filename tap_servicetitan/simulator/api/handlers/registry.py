"""The handler of each kind of endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_servicetitan.endpoints.kinds import Capacity, Export, Listing, Nested, Singleton, Unpaged, Window
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
from tap_servicetitan.simulator.api.handlers import (
    capacity_handler,
    feed_handler,
    list_handler,
    nested_handler,
    report_handlers,
    unpaged_handler,
    window_handler,
)
from tap_servicetitan.simulator.api.handlers.derived import (
    below_handler,
    file_handlers,
    fleet_handler,
    lookup_handlers,
    record_handler,
)
from tap_servicetitan.simulator.api.report_operations import (
    QueryCancellation,
    QueryResult,
    ReportData,
    ReportDescription,
    ReportQuery,
    ValueSet,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.api.handlers.handler_context import Handler

HANDLERS: Final[Mapping[type[Endpoint], Handler]] = {
    Export: feed_handler.handle,
    Listing: list_handler.handle,
    Unpaged: unpaged_handler.handle_array,
    Singleton: unpaged_handler.handle_singleton,
    Nested: nested_handler.handle,
    Window: window_handler.handle,
    Capacity: capacity_handler.handle,
    RecordById: record_handler.handle,
    Below: below_handler.handle,
    ItemsOf: below_handler.handle_items,
    RelatedContacts: lookup_handlers.handle_related_contacts,
    JobReasons: lookup_handlers.handle_job_reasons,
    BudgetCodeMatches: lookup_handlers.handle_budget_codes,
    TechnicianTracking: lookup_handlers.handle_tracking,
    RouterPerformance: lookup_handlers.handle_router_performance,
    FleetPositions: fleet_handler.handle,
    FileAt: file_handlers.handle_path,
    FileOf: file_handlers.handle_record,
    ReportDescription: report_handlers.handle_description,
    ReportData: report_handlers.handle_data,
    ReportQuery: report_handlers.handle_query,
    QueryResult: report_handlers.handle_query_result,
    QueryCancellation: report_handlers.handle_query_cancellation,
    ValueSet: report_handlers.handle_value_set,
}
"""A new kind of endpoint is a function here."""

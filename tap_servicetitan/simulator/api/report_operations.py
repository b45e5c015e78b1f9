"""The operations of the reporting API that are not streams of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tap_servicetitan.endpoints.kinds import Endpoint

_REPORT: Final = "report-category/{report_category}/reports/{id}"


@dataclass(frozen=True)
class ReportOperation(Endpoint):
    """An operation of the reporting API; its name is the ``stream`` of faults that it can have."""

    api: str = "reporting/v2"

    method: str | None = field(default=None, kw_only=True)
    """The HTTP method, where the documents of :mod:`tap_servicetitan.endpoints.operations` do not have it."""


@dataclass(frozen=True)
class ReportDescription(ReportOperation):
    """Describes the parameters and the columns of a report."""


@dataclass(frozen=True)
class ReportData(ReportOperation):
    """Runs a report."""


@dataclass(frozen=True)
class ReportQuery(ReportOperation):
    """Runs a report asynchronously."""


@dataclass(frozen=True)
class QueryResult(ReportOperation):
    """Returns the result of a query, or that it is not there yet."""


@dataclass(frozen=True)
class QueryCancellation(ReportOperation):
    """Ends a query."""


@dataclass(frozen=True)
class ValueSet(ReportOperation):
    """Lists the values that a parameter of reports accepts."""


DESCRIPTION: Final = ReportDescription("report_description", _REPORT, resource="reports")
DATA: Final = ReportData("report_data", f"{_REPORT}/data", resource="reports")
QUERY: Final = ReportQuery("report_query", f"{_REPORT}/data/query", resource="reports")
QUERY_RESULT: Final = QueryResult("report_query_result", "data-queries/{query_token}", resource="reports")
QUERY_CANCELLATION: Final = QueryCancellation(
    "report_query_cancellation", "data-queries/{query_token}", resource="reports", method="DELETE"
)
VALUE_SET: Final = ValueSet("dynamic_value_set", "dynamic-value-sets/{dynamic_set_id}")

REPORT_OPERATIONS: Final[tuple[ReportOperation, ...]] = (
    DESCRIPTION,
    DATA,
    QUERY,
    QUERY_RESULT,
    QUERY_CANCELLATION,
    VALUE_SET,
)

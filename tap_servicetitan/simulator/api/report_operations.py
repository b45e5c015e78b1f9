"""The operations of the reporting API that are no stream of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tap_servicetitan.endpoints.kinds import Endpoint

_REPORT: Final = "report-category/{report_category}/reports/{id}"


@dataclass(frozen=True)
class ReportOperation(Endpoint):
    """An operation of the reporting API; its name is the ``stream`` of faults that it can have."""

    api: str = "reporting/v2"


@dataclass(frozen=True)
class ReportDescription(ReportOperation):
    """Describes the parameters and the columns of a report."""


@dataclass(frozen=True)
class ReportData(ReportOperation):
    """Runs a report."""


@dataclass(frozen=True)
class ValueSet(ReportOperation):
    """Lists the values that a parameter of reports accepts."""


DESCRIPTION: Final = ReportDescription("report_description", _REPORT, resource="reports")
DATA: Final = ReportData("report_data", f"{_REPORT}/data", resource="reports")
VALUE_SET: Final = ValueSet("dynamic_value_set", "dynamic-value-sets/{dynamic_set_id}")

REPORT_OPERATIONS: Final[tuple[ReportOperation, ...]] = (DESCRIPTION, DATA, VALUE_SET)

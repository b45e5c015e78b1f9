"""The custom reports of a tenant: a few templates in turn, all of them about the tenant's jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.data.nested_collection import NestedCollection
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterable

Job = Mapping[str, Any]

_UTC_OFFSET: Final = "-07:00"
"""The tenant's offset from UTC, which dates in reports have."""


@dataclass(frozen=True)
class Column:
    """A column: its name, the type that it declares, and the value for a job."""

    name: str
    data_type: str
    value: Callable[[Job], Any]


@dataclass(frozen=True)
class ReportParameter:
    """A parameter of a report."""

    name: str
    data_type: str
    required: bool = False
    array: bool = False
    values: tuple[tuple[Any, str], ...] | None = None
    dynamic_set: str | None = None

    def describe(self) -> dict[str, Any]:
        """Describe it as the API does."""
        accepted = None
        if self.values or self.dynamic_set:
            fields = [{"name": name, "label": name} for name in ("Key", "Value")]
            accepted = {"fields": fields, "values": self.values, "dynamicSetId": self.dynamic_set}
        return {
            "name": self.name,
            "label": self.name,
            "dataType": self.data_type,
            "isArray": self.array,
            "isRequired": self.required,
            "acceptValues": accepted,
        }


@dataclass(frozen=True)
class ReportTemplate:
    """A report: its parameters, its columns, and which jobs it shows."""

    name: str
    parameters: tuple[ReportParameter, ...] = ()
    columns: tuple[Column, ...] = ()
    """Empty: the API answers with 404, as it does for some reports of the user interface."""

    def describe(self) -> dict[str, Any]:
        """Describe parameters and columns as the API does."""
        fields = [{"name": one.name, "label": one.name, "dataType": one.data_type} for one in self.columns]
        return {"parameters": [one.describe() for one in self.parameters], "fields": fields}

    def rows(self, jobs: Iterable[Job], values: Mapping[str, Any]) -> list[list[Any]]:
        """Make the rows for these values of the parameters; a row has the order of the columns."""
        return [[column.value(job) for column in self.columns] for job in jobs if self._shows(job, values)]

    def _shows(self, job: Job, values: Mapping[str, Any]) -> bool:
        day = (job["completedOn"] if str(values.get("DateType")) == "2" else job["createdOn"]) or ""
        return (
            values.get("From", "") <= day[:10] <= values.get("To", "9")
            and day[:10] <= values.get("AsOfDate", "9")
            and job["businessUnitId"] in (values.get("BusinessUnitIds") or [job["businessUnitId"]])
            and job["jobStatus"] == (values.get("Status") or job["jobStatus"])
        )


def _day(field: str) -> Callable[[Job], str | None]:
    return lambda job: job[field] and f"{job[field][:10]}T00:00:00{_UTC_OFFSET}"


def _field(name: str) -> Callable[[Job], Any]:
    return lambda job: job[name]


def _sometimes_a_number(job: Job) -> int | str | None:
    """Return a number; for every seventh job it is a text with a letter, although the column declares a number."""
    number = job["jobNumber"]
    return f"{number}-R" if number and job["id"] % 7 == 0 else number and int(number)


_NUMBER = Column("JobNumber", "String", _field("jobNumber"))
_CREATED = Column("CreatedDate", "Date", _day("createdOn"))
_STATUS = Column("Status", "String", _field("jobStatus"))
_TOTAL = Column("Total", "Number", _field("total"))
_FROM_TO = (ReportParameter("From", "Date", required=True), ReportParameter("To", "Date", required=True))
_STATUSES = ("Scheduled", "InProgress", "Hold", "Completed", "Canceled")

REPORT_TEMPLATES: Final = (
    ReportTemplate(
        "Jobs",
        (
            ReportParameter("DateType", "Number", required=True, values=((1, "Creation Date"), (2, "Completion Date"))),
            *_FROM_TO,
            ReportParameter("BusinessUnitIds", "Number", array=True, dynamic_set="business-units"),
        ),
        (
            _NUMBER,
            _CREATED,
            Column("CompletedDate", "Date", _day("completedOn")),
            _STATUS,
            Column("NoCharge", "Boolean", _field("noCharge")),
            Column("CustomerPO", "String", _field("customerPo")),
            _TOTAL,
        ),
    ),
    ReportTemplate(
        "Jobs to Date", (ReportParameter("AsOfDate", "Date", required=True),), (_NUMBER, _CREATED, _STATUS, _TOTAL)
    ),
    ReportTemplate("Job Numbers", columns=(Column("Number", "Number", _sometimes_a_number), _CREATED)),
    ReportTemplate(
        "Revenue",
        (*_FROM_TO, ReportParameter("Status", "String", values=tuple((name, name) for name in _STATUSES))),
        (_NUMBER, _CREATED, _TOTAL, Column("Total", "String", lambda job: None if job["noCharge"] else "USD")),
    ),
    ReportTemplate("Dashboard"),
)


class ReportCollection(NestedCollection):
    """The reports of each category. The same id is another report in each tenant."""

    def template(self, index: int) -> ReportTemplate:
        """Return the template of a report."""
        return REPORT_TEMPLATES[(index + self.tenant_id - 1001) % len(REPORT_TEMPLATES)]

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        record = super().make(index)
        repetition = index // len(REPORT_TEMPLATES)
        name = self.template(index).name
        record["name"] = f"{name} {repetition + 1}" if repetition else name
        return record

    def describe(self, index: int) -> dict[str, Any] | None:
        """Describe a report with its parameters and columns; None where the API answers with 404."""
        template = self.template(index)
        _, log = self.now()
        record = self.make(index)
        return (
            {**record, "modifiedOn": timestamps.format_utc(log.modified(index)), **template.describe()}
            if template.columns
            else None
        )


def sort_jobs(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs in the order of reports, that of their ids."""
    return sorted(jobs, key=lambda job: int(job["id"]))

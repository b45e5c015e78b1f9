"""The custom reports that a tenant has: a few forms in turn, all about its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.collection import Children

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Job = Mapping[str, Any]

_ZONE: Final = "-07:00"
"""Dates in reports have the tenant's offset from UTC."""


@dataclass(frozen=True)
class Column:
    """A column: what it declares to be, and what a job's cell holds."""

    name: str
    data_type: str
    cell: Callable[[Job], Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a report."""

    name: str
    data_type: str
    required: bool = False
    array: bool = False
    values: tuple[tuple[Any, str], ...] | None = None
    dynamic_set: str | None = None

    def describe(self) -> dict[str, Any]:
        """Say it as the API does."""
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
class Form:
    """What a report is: its parameters, its columns, and which jobs it shows."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    columns: tuple[Column, ...] = ()
    """None: the API answers 404, as it does for some that the user interface makes."""

    def describe(self) -> dict[str, Any]:
        """Say what it takes and shows, as the API does."""
        fields = [{"name": one.name, "label": one.name, "dataType": one.data_type} for one in self.columns]
        return {"parameters": [one.describe() for one in self.parameters], "fields": fields}

    def rows(self, jobs: Iterable[Job], values: Mapping[str, Any]) -> list[list[Any]]:
        """Make the rows for these values of the parameters, in the order of the columns."""
        return [[column.cell(job) for column in self.columns] for job in jobs if self._shows(job, values)]

    def _shows(self, job: Job, values: Mapping[str, Any]) -> bool:
        day = (job["completedOn"] if str(values.get("DateType")) == "2" else job["createdOn"]) or ""
        return (
            values.get("From", "") <= day[:10] <= values.get("To", "9")
            and day[:10] <= values.get("AsOfDate", "9")
            and job["businessUnitId"] in (values.get("BusinessUnitIds") or [job["businessUnitId"]])
            and job["jobStatus"] == (values.get("Status") or job["jobStatus"])
        )


def _day(field: str) -> Callable[[Job], str | None]:
    return lambda job: job[field] and f"{job[field][:10]}T00:00:00{_ZONE}"


def _field(name: str) -> Callable[[Job], Any]:
    return lambda job: job[name]


def _number_that_lies(job: Job) -> int | str | None:
    """Give a number, but for every seventh job, which has a letter behind it."""
    number = job["jobNumber"]
    return f"{number}-R" if number and job["id"] % 7 == 0 else number and int(number)


_NUMBER = Column("JobNumber", "String", _field("jobNumber"))
_CREATED = Column("CreatedDate", "Date", _day("createdOn"))
_STATUS = Column("Status", "String", _field("jobStatus"))
_TOTAL = Column("Total", "Number", _field("total"))
_FROM_TO = (Parameter("From", "Date", required=True), Parameter("To", "Date", required=True))
_STATUSES = ("Scheduled", "InProgress", "Hold", "Completed", "Canceled")

FORMS: Final = (
    Form(
        "Jobs",
        (
            Parameter("DateType", "Number", required=True, values=((1, "Creation Date"), (2, "Completion Date"))),
            *_FROM_TO,
            Parameter("BusinessUnitIds", "Number", array=True, dynamic_set="business-units"),
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
    Form("Jobs to Date", (Parameter("AsOfDate", "Date", required=True),), (_NUMBER, _CREATED, _STATUS, _TOTAL)),
    Form("Job Numbers", columns=(Column("Number", "Number", _number_that_lies), _CREATED)),
    Form(
        "Revenue",
        (*_FROM_TO, Parameter("Status", "String", values=tuple((name, name) for name in _STATUSES))),
        (_NUMBER, _CREATED, _TOTAL, Column("Total", "String", lambda job: None if job["noCharge"] else "USD")),
    ),
    Form("Dashboard"),
)


class Reports(Children):
    """The reports of each category; what an id stands for is another report in each tenant."""

    def form(self, index: int) -> Form:
        """Return what a report is."""
        return FORMS[(index + self.tenant_id - 1001) % len(FORMS)]

    def make(self, index: int) -> dict[str, Any]:
        """Make a record as the API sends it."""
        record = super().make(index)
        again = index // len(FORMS)
        record["name"] = f"{self.form(index).name} {again + 1}" if again else self.form(index).name
        return record

    def describe(self, index: int) -> dict[str, Any] | None:
        """Say what a report takes and shows; None where the API does not."""
        form = self.form(index)
        _, log = self.now()
        record = self.make(index)
        return (
            {**record, "modifiedOn": instants.render(log.modified(index)), **form.describe()} if form.columns else None
        )


def jobs_of(collection: Iterator[Job]) -> list[Job]:
    """Return jobs in the order of their ids, as reports have them."""
    return sorted(collection, key=lambda job: int(job["id"]))

"""Reports of the simulator: descriptions, runs and value sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from helpers.api_client import ApiClient, assert_problem

from tap_servicetitan.simulator import Simulator

DATES = [{"name": "From", "value": "2024-01-01"}, {"name": "To", "value": "2025-12-31"}]


class ReportReader(ApiClient):
    """A client that runs reports by name."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._reports = {report["name"]: report for report in simulator.records("reports")}

    def path(self, report: str) -> str:
        found = self._reports[report]
        return f"reporting/v2/report-category/{found['report_category']}/reports/{found['id']}"

    def run(self, report: str, body: object, **query: int | str) -> requests.Response:
        return self.post(f"{self.path(report)}/data", body, **query)


@pytest.fixture
def reports(simulate: Callable[..., Simulator]) -> Iterator[Callable[..., ReportReader]]:
    """Start simulators that end with the test, and return a reader of their reports."""
    with ExitStack() as stack:

        def make(**options: Any) -> ReportReader:
            return stack.enter_context(ReportReader(simulate(**options)))

        yield make


def test_report_description_has_parameters_and_columns(reports: Callable[..., ReportReader]) -> None:
    client = reports()
    description = client.get(client.path("Jobs")).json()

    assert [one["name"] for one in description["parameters"]] == ["DateType", "From", "To", "BusinessUnitIds"]
    assert description["parameters"][0]["acceptValues"]["values"] == [[1, "Creation Date"], [2, "Completion Date"]]
    assert description["parameters"][3]["acceptValues"]["dynamicSetId"] == "business-units"
    assert {"name": "Total", "label": "Total", "dataType": "Number"} in description["fields"]
    assert description.keys() == {"id", "name", "description", "modifiedOn", "parameters", "fields"}


def test_report_rows_are_within_the_dates_and_have_the_order_of_the_fields(
    reports: Callable[..., ReportReader],
) -> None:
    client = reports()
    first = client.run("Revenue", {"parameters": DATES}, pageSize=40, includeTotal="true").json()
    second = client.run("Revenue", {"parameters": DATES}, pageSize=40, page=2).json()

    assert (first["totalCount"], first["hasMore"], second["hasMore"], second["totalCount"]) == (60, True, False, None)
    assert [field["name"] for field in first["fields"]] != [field["name"] for field in second["fields"]]
    numbers = [
        row[[field["name"] for field in page["fields"]].index("JobNumber")]
        for page in (first, second)
        for row in page["data"]
    ]
    assert len(numbers) == 60
    none = client.run("Revenue", {"parameters": [DATES[0], {"name": "To", "value": "2023-01-01"}]}).json()
    assert none["data"] == []


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ({}, {}),
        ({"parameters": DATES, "page": 2}, {}),
        ({"parameters": [*DATES, {"name": "Frm", "value": 1}]}, {}),
        ({"parameters": DATES[:1]}, {}),
        ({"parameters": [{"name": "From", "value": "today"}, DATES[1]]}, {}),
        ({"parameters": [*DATES, {"name": "Status", "value": "Sold"}]}, {}),
        ({"parameters": [{"name": "From", "value": "2024-01-01", "unit": "d"}, DATES[1]]}, {}),
        ({"parameters": DATES}, {"pageSize": 25_001}),
    ],
)
def test_report_run_refuses_invalid_parameters(
    reports: Callable[..., ReportReader], body: object, query: dict[str, int]
) -> None:
    response = reports().run("Revenue", body, **query)

    assert response.status_code == 400
    assert response.json()["errors"]


def test_report_of_the_user_interface_is_listed_but_404(reports: Callable[..., ReportReader]) -> None:
    client = reports()

    assert client.get(client.path("Dashboard")).status_code == 404
    assert client.run("Dashboard", {"parameters": []}).status_code == 404
    assert client.get(client.path("Jobs").replace("accounting", "operations")).status_code == 404
    assert client.get("reporting/v2/dynamic-value-sets/nothing").status_code == 404


def test_report_runs_are_limited_and_each_page_counts(reports: Callable[..., ReportReader]) -> None:
    client = reports(reports_per_minute=2)
    runs = [client.run("Revenue", {"parameters": DATES}, pageSize=30, page=page) for page in (1, 2, 1)]

    assert [run.status_code for run in runs] == [200, 200, 429]
    assert runs[2].json()["title"] == "Rate limit is exceeded. Try again in 60 seconds."
    assert client.run("Revenue 2", {"parameters": DATES}).status_code == 200
    assert client.get(client.path("Revenue")).status_code == 200


def test_report_id_is_another_report_in_each_tenant(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2)
    names = [{one["id"]: one["name"] for one in simulator.records("reports", tenant)} for tenant in (1001, 1002)]

    assert names[0].keys() == names[1].keys()
    assert not names[0].items() & names[1].items()


def test_value_set_has_keys_and_names(reports: Callable[..., ReportReader]) -> None:
    response = reports(records=8).get("reporting/v2/dynamic-value-sets/business-units", pageSize=3).json()

    assert [field["name"] for field in response["fields"]] == ["Id", "Name"]
    assert [row[1] for row in response["data"]] == ["HVAC Service", "HVAC Install", "Plumbing Service"]
    assert response["hasMore"]


def test_maintenance_fault_is_a_409(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate()
    client = ReportReader(simulator)
    simulator.misbehave("maintenance", stream="report_data")
    response = client.run("Revenue", {"parameters": DATES})
    client.close()

    assert response.status_code == 409
    assert response.json()["title"] == "The service is suspended for maintenance. Please try again later."


# Asynchronous queries

BODY = {"parameters": DATES}


class QueryClient(ReportReader):
    """A client that queries the report Revenue."""

    def query(self, **query: Any) -> requests.Response:
        return self.post(f"{self.path('Revenue')}/data/query", BODY, **query)

    def result(self, token: str) -> requests.Response:
        return self.get(f"reporting/v2/data-queries/{token}")

    def cancel(self, token: str) -> requests.Response:
        return self.session.delete(self.url(f"reporting/v2/data-queries/{token}"), timeout=10)


@pytest.fixture
def client(simulate: Callable[..., Simulator]) -> Iterator[Callable[..., QueryClient]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(QueryClient(simulate(**options)))


SLOW = {"report_seconds": 1000, "report_wait": 0}


def test_query_of_a_fast_report_answers_with_the_whole_result(client: Callable[..., QueryClient]) -> None:
    answer = client().query(page=2, pageSize=10)

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"Page", "PageSize", "HasMore", "TotalCount", "Fields", "Data", "TimeZone"}
    assert (len(body["Data"]), body["TotalCount"], body["HasMore"]) == (60, 60, False)
    assert body["Fields"][0] == {"Name": "JobNumber", "Label": "JobNumber"}


def test_query_may_have_the_documented_keys(client: Callable[..., QueryClient]) -> None:
    body = client(report_queries="camel").query().json()

    assert body.keys() == {"page", "pageSize", "hasMore", "totalCount", "fields", "data", "timeZone"}
    assert body["fields"][0] == {"name": "JobNumber", "label": "JobNumber"}


def test_query_of_a_slow_report_is_polled(client: Callable[..., QueryClient]) -> None:
    asking = client(report_seconds=0.3, report_wait=0)
    pending = asking.query()
    token = pending.json()["token"]
    polls = [asking.result(token)]
    while polls[-1].status_code == 202:
        polls.append(asking.result(token))

    assert pending.status_code == 202
    assert pending.json() == polls[0].json() == {"status": "InProgress", "token": token}
    assert (polls[-1].status_code, len(polls[-1].json()["Data"])) == (200, 60)


def test_query_takes_a_slot_until_it_is_cancelled(client: Callable[..., QueryClient]) -> None:
    asking = client(**SLOW)
    token = asking.query().json()["token"]

    assert_problem(asking.query(), 409)
    assert asking.cancel(token).status_code == 204
    assert_problem(asking.result(token), 404)
    assert_problem(asking.cancel(token), 404)
    assert asking.query().status_code == 202


def test_query_cannot_be_cancelled_without_the_scope(client: Callable[..., QueryClient]) -> None:
    asking = client(**SLOW, deny_scopes=["tn.rpr.reports:w"])
    token = asking.query().json()["token"]

    assert_problem(asking.cancel(token), 403)
    assert asking.result(token).status_code == 202


def test_query_result_is_known_for_its_lifetime_only(client: Callable[..., QueryClient]) -> None:
    asking = client(**SLOW, report_token_lifetime=0)

    assert_problem(asking.result(asking.query().json()["token"]), 404)


def test_query_counts_as_a_run_of_the_report_and_a_poll_does_not(client: Callable[..., QueryClient]) -> None:
    asking = client(reports_per_minute=2, report_seconds=0.01, report_wait=0, report_slots=9)
    token = asking.query().json()["token"]
    assert asking.post(f"{asking.path('Revenue')}/data", BODY).status_code == 200

    assert_problem(asking.query(), 429)
    assert {asking.result(token).status_code for _ in range(5)} <= {200, 202}


def test_query_is_404_for_a_tenant_without_queries(client: Callable[..., QueryClient]) -> None:
    asking = client(report_queries="none")

    assert_problem(asking.query(), 404)
    assert asking.get(asking.path("Revenue")).status_code == 200
    assert asking.post(f"{asking.path('Revenue')}/data", BODY).status_code == 200


def test_query_refuses_invalid_parameters(client: Callable[..., QueryClient]) -> None:
    asking = client()

    assert_problem(asking.query(pageSize=25_001), 400)
    assert_problem(asking.post(f"{asking.path('Revenue')}/data/query", {"parameters": []}), 400)
    assert_problem(asking.post("reporting/v2/report-category/accounting/reports/1/data/query", BODY), 404)


@pytest.mark.parametrize(("kind", "status"), [("conflict", 409), ("maintenance", 409), ("not_found", 404)])
def test_query_can_fail(client: Callable[..., QueryClient], kind: str, status: int) -> None:
    asking = client()
    asking.simulator.misbehave(kind, stream="report_query")

    assert_problem(asking.query(), status)
    assert asking.query().status_code == 200


def test_query_can_say_that_there_is_more(client: Callable[..., QueryClient]) -> None:
    asking = client()
    asking.simulator.misbehave("has_more", stream="report_query", times=2)

    first, second = asking.query().json(), asking.query(page=2).json()
    assert first["HasMore"]
    assert first["Data"] == second["Data"]


def test_query_options_are_checked() -> None:
    with pytest.raises(ValueError, match="report_queries must be one of pascal, camel, none"):
        Simulator(report_queries="PascalCase")  # type: ignore[arg-type]  # a wrong value is the subject
    with pytest.raises(ValueError, match="No number may be negative"):
        Simulator(report_wait=-1)

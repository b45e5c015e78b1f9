"""Asynchronous queries of reports in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from helpers.api_client import ApiClient, assert_problem

from tap_servicetitan.simulator import Simulator

BODY = {"parameters": [{"name": "From", "value": "2024-01-01"}, {"name": "To", "value": "2025-12-31"}]}


class QueryClient(ApiClient):
    """A client that queries the report Revenue."""

    def path(self, report: str = "Revenue") -> str:
        (found,) = [one for one in self.simulator.records("reports") if one["name"] == report]
        return f"reporting/v2/report-category/{found['report_category']}/reports/{found['id']}"

    def query(self, **query: Any) -> requests.Response:
        return self.post(f"{self.path()}/data/query", BODY, **query)

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
    assert asking.post(f"{asking.path()}/data", BODY).status_code == 200

    assert_problem(asking.query(), 429)
    assert {asking.result(token).status_code for _ in range(5)} <= {200, 202}


def test_query_is_404_for_a_tenant_without_queries(client: Callable[..., QueryClient]) -> None:
    asking = client(report_queries="none")

    assert_problem(asking.query(), 404)
    assert asking.get(asking.path()).status_code == 200
    assert asking.post(f"{asking.path()}/data", BODY).status_code == 200


def test_query_refuses_invalid_parameters(client: Callable[..., QueryClient]) -> None:
    asking = client()

    assert_problem(asking.query(pageSize=25_001), 400)
    assert_problem(asking.post(f"{asking.path()}/data/query", {"parameters": []}), 400)
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
        Simulator(report_queries="PascalCase")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="No number may be negative"):
        Simulator(report_wait=-1)

"""Custom reports by asynchronous queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from helpers.reports.report_server import STREAM, Answer, Call, ReportRuns, ReportServer
from helpers.support import Output

from tap_servicetitan.reports import runner

NOVEMBER: dict[str, Any] = {
    "backfill_date_parameter": "From",
    "parameters": [{"name": "From", "value": "2025-11-01"}, {"name": "To", "value": "2025-12-31"}],
}
MONTHS = [("2025-11-01", "2025-11-30"), ("2025-12-01", "2025-12-31")]


@contextmanager
def listening(server: ReportServer, **settings: Any) -> Iterator[ReportRuns]:
    with server.listening(**settings) as config:
        yield ReportRuns(server, config)


def run_once(server: ReportServer, **settings: Any) -> Output:
    with listening(server, **settings) as runs:
        return runs.run(runs.discover(**NOVEMBER), **NOVEMBER)


def once(kind: str, *answers: Answer) -> Any:
    """Return a script that answers the first requests of a kind so."""
    left = list(answers)
    return lambda call: left.pop(0) if call.kind == kind and left else None


def cells(run: Output) -> list[str]:
    return [record["A"] for record in run.records(STREAM)]


def query_of(runs: ReportRuns) -> Any:
    (partition,) = runs.state["bookmarks"][STREAM]["partitions"]
    return partition.get("query")


def after_token(run: Output, number: int) -> int:
    """Return how many bytes of a run's output end with the STATE that has its n-th query."""
    size = seen = 0
    for line in run.stdout.splitlines(keepends=True):
        size += len(line.encode())
        seen += line.startswith('{"type":"STATE"') and '"query"' in line
        if seen == number:
            return size
    raise AssertionError(run.stdout)


@pytest.mark.parametrize("pascal", [True, False])
@pytest.mark.parametrize("polls", [0, 2])
def test_query_is_polled_and_its_keys_may_be_spelt_either_way(*, pascal: bool, polls: int) -> None:
    server = ReportServer(lambda _, values: [[values["From"]]], pascal=pascal, polls=polls)
    run = run_once(server)

    assert run.code == 0, run.log
    assert cells(run) == ["2025-11-01", "2025-12-01"]
    assert server.kinds() == ["query", *["result"] * (polls + 1 if polls else 0)] * 2
    assert server.asked() == MONTHS
    assert "WARNING" not in run.log


@pytest.mark.parametrize("total", [True, False])
def test_query_that_says_has_more_of_everything_costs_no_other_run(*, total: bool) -> None:
    server = ReportServer(has_more=True, total=total)
    run = run_once(server)

    assert cells(run) == ["x", "x"]
    assert server.asked() == MONTHS


def test_query_with_a_full_page_is_believed_until_a_page_repeats() -> None:
    server = ReportServer(lambda *_: [["x"]] * 25_000, has_more=True, total=False)
    run = run_once(server)

    assert len(cells(run)) == 50_000
    assert server.asked() == [MONTHS[0], *MONTHS]


def test_query_is_replaced_by_the_synchronous_way_for_a_tenant_without_queries() -> None:
    server = ReportServer(asynchronous=False)
    run = run_once(server, reports_per_minute=3)  # what the API did not count does not count here

    assert run.code == 0, run.log
    assert server.kinds() == ["query", "data", "data"]
    assert cells(run) == ["x", "x"]


def test_report_that_does_not_exist_any_more_is_no_tenant_without_queries() -> None:
    server = ReportServer()
    with listening(server) as runs:
        catalog = runs.discover(**NOVEMBER)
        described = iter([None])
        server.script = lambda call: None if call.kind == "description" and next(described, 0) is None else (404, {})
        run = runs.run(catalog, **NOVEMBER)

    assert run.code == 1
    assert server.kinds() == ["query"]
    assert "stream custom_report_r: For 2025-11-01 to 2025-11-30: The API answered 404" in run.log


BUSY = [(409, {"title": "Another query is in progress."}), (429, {}), (503, {}), (0, None)]


@pytest.mark.parametrize("kind", ["query", "result"])
@pytest.mark.parametrize("answer", BUSY, ids=["conflict", "rate limit", "unavailable", "lost"])
def test_query_and_poll_are_tried_again(kind: str, answer: Answer) -> None:
    server = ReportServer(polls=1)
    server.script = once(kind, answer, answer)
    run = run_once(server)

    assert run.code == 0, run.log
    assert cells(run) == ["x", "x"]
    assert server.kinds().count("query") == (4 if kind == "query" else 2)


@pytest.mark.parametrize("answer", [(404, {}), (400, {})])
def test_query_whose_token_is_refused_is_sent_again_once(answer: Answer) -> None:
    server = ReportServer(polls=1)
    server.script = once("result", answer)
    run = run_once(server)
    assert run.code == 0, run.log
    assert server.asked() == [MONTHS[0], *MONTHS]
    assert "query" not in run.bookmark(STREAM)

    server = ReportServer(polls=1, script=lambda call: answer if call.kind == "result" else None)
    run = run_once(server)
    assert run.code == 1
    assert server.asked() == [MONTHS[0]] * 2
    assert "The API knows none of the tokens that it answered the report's queries with." in run.log


@pytest.mark.parametrize("status", [204, 403, 500])
def test_query_that_takes_too_long_is_cancelled(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PATIENCE", 0.0)
    server = ReportServer(polls=10**6, script=lambda call: (status, None) if call.kind == "cancel" else None)
    with listening(server) as runs:
        run = runs.run(runs.discover(**NOVEMBER), **NOVEMBER)
        kept = query_of(runs)

    assert run.code == 1
    assert server.kinds() == ["query", "result", "cancel"]
    assert "For 2025-11-01 to 2025-11-30: The report did not end within" in run.log
    # A query that could not be cancelled goes on; the next run waits for it.
    assert (kept is None) == (status == 204)


def test_query_of_a_run_that_is_killed_while_polling_is_not_sent_again() -> None:
    server = ReportServer(lambda _, values: [[values["From"]]], polls=1)
    with listening(server) as runs:
        catalog = runs.discover(**NOVEMBER)
        whole = runs.run(catalog, **NOVEMBER)
        for number in (1, 2):
            runs.state = {}
            server.calls.clear()
            runs.run(catalog, cut=after_token(whole, number), **NOVEMBER)
            first = server.asked()
            token = query_of(runs)["token"]
            assert query_of(runs)["parameters"] == dict(zip(("From", "To"), MONTHS[number - 1], strict=True))
            last = runs.run(catalog, **NOVEMBER)

            assert first == MONTHS[:number]
            assert server.asked() == MONTHS
            assert last.code == 0, last.log
            assert cells(last)[-1] == "2025-12-01"
            assert query_of(runs) is None
            assert [one.token for one in server.calls if one.kind == "result"].count(token) > 1


def test_query_of_a_report_without_backfill_is_not_sent_again() -> None:
    server = ReportServer(polls=1)
    entry = {"parameters": NOVEMBER["parameters"]}
    with listening(server) as runs:
        catalog = runs.discover(**entry)
        whole = runs.run(catalog, **entry)
        assert query_of(runs) is None
        before = len(server.calls)
        runs.run(catalog, cut=after_token(whole, 1), **entry)
        last = runs.run(catalog, **entry)

    assert cells(last) == ["x"]
    assert len(server.asked(since=before)) == 1
    assert query_of(runs) is None


@pytest.mark.parametrize("change", ["parameters", "age", "expired"])
def test_query_that_is_of_no_use_is_dropped(change: str) -> None:
    server = ReportServer(polls=1)
    with listening(server) as runs:
        entry = NOVEMBER
        catalog = runs.discover(**entry)
        whole = runs.run(catalog, **entry)
        runs.state = {}
        runs.run(catalog, cut=after_token(whole, 1), **entry)
        token = query_of(runs)["token"]
        before = len(server.calls)
        if change == "parameters":
            entry = {**NOVEMBER, "parameters": [{"name": "From", "value": "2025-12-01"}, NOVEMBER["parameters"][1]]}
        elif change == "age":
            server.now += timedelta(hours=7)
        else:
            del server.queries[token]
        last = runs.run(catalog, **entry)

    assert last.code == 0, last.log
    assert server.asked(since=before) == (MONTHS[1:] if change == "parameters" else MONTHS)
    assert ("cancel" in server.kinds()) == (change != "expired")
    assert query_of(runs) is None


def test_query_of_an_unfinished_day_does_not_finish_it_in_a_run_of_the_next_day() -> None:
    server = ReportServer(polls=1)
    entry = {**NOVEMBER, "parameters": [{"name": "From", "value": "2026-03-01"}, {"name": "To", "value": "today"}]}
    entry["window"] = "day"
    server.now = server.now.replace(hour=23, minute=59)
    with listening(server) as runs:
        catalog = runs.discover(**entry)
        whole = runs.run(catalog, **entry)
        runs.state = {}
        runs.run(catalog, cut=after_token(whole, 1), **entry)
        server.now += timedelta(minutes=2)
        last = runs.run(catalog, **entry)

    assert last.code == 0, last.log
    assert "replication_key_value" not in json.dumps(last.state)


def test_query_that_is_polled_holds_up_no_other_report_and_no_worker() -> None:
    done: set[str] = set()

    def script(call: Call) -> Answer | None:
        if call.kind == "query" and call.tenant == "1002":
            done.add("1002")
        waits = call.kind == "result" and call.tenant == "1001" and "1002" not in done
        return (202, {"status": "InProgress"}) if waits else None

    server = ReportServer(polls=1, script=script)
    with server.listening("1001", "1002", concurrency=1) as config:
        runs = ReportRuns(server, config)
        run = runs.run(runs.discover(**NOVEMBER), **NOVEMBER)

    assert run.code == 0, (run.log, [(c.tenant, c.kind) for c in server.calls][:12])
    assert sorted(cells(run)) == ["x"] * 4


def test_query_that_finds_the_slot_taken_is_sent_when_the_other_report_has_ended() -> None:
    in_the_way: set[str] = set()

    def script(call: Call) -> Answer | None:
        tokens = [token for token, (_, polls) in server.queries.items() if polls >= 0]
        if call.kind == "query" and tokens:
            in_the_way.update(tokens)
            return 409, {"title": "Another query of the tenant is under way."}
        all_have_begun = server.kinds().count("query") >= 3
        return None if call.kind != "result" or all_have_begun else (202, {"status": "InProgress"})

    server = ReportServer(lambda _, values: [[values["From"]]], polls=3, script=script)
    entry = {**NOVEMBER, "report_category": "c"}
    reports = [{**entry, "report_name": name, "report_id": str(ord(name))} for name in "rst"]
    with server.listening(concurrency=3) as config:
        runs = ReportRuns(server, {**config, "custom_reports": reports})
        run = runs.run(runs.discover())

    assert run.code == 0, run.log
    for name in "rst":
        assert [one["A"] for one in run.records(f"custom_report_{name}")] == ["2025-11-01", "2025-12-01"]
    # Each other report finds out once, after that no query is refused, and no report goes twice while others wait.
    assert len(in_the_way) == 1
    assert server.asked() == [MONTHS[0]] * (3 + 2) + [MONTHS[1]] * 3

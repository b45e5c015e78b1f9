"""Processes that are ended while a report runs: STATE keeps its query, and the next run waits for the same one."""

from __future__ import annotations

import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers.reports.report_server import STREAM, ReportRuns, ReportServer
from helpers.support import Tap, started_tap, wait_for

from tap_servicetitan.reports import runner

MONTHS = [("2025-10-01", "2025-10-31"), ("2025-11-01", "2025-11-30"), ("2025-12-01", "2025-12-31")]
ENTRY: dict[str, Any] = {
    "backfill_date_parameter": "From",
    "parameters": [{"name": "From", "value": "2025-10-01"}, {"name": "To", "value": "2025-12-31"}],
}


@pytest.mark.parametrize(
    ("ended_by", "batches"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGTERM, True)]
)
def test_query_of_a_process_that_is_ended_while_it_polls_is_not_sent_again(
    tap: Tap, tmp_path: Path, ended_by: signal.Signals, *, batches: bool
) -> None:
    def rows(_: str, values: dict[str, Any]) -> list[list[Any]]:
        server.polls = 1_000_000 if values["From"] == MONTHS[1][0] else 0
        return [[values["From"]]]

    server = ReportServer(rows, now=datetime.now(UTC))
    with server.listening() as config:
        if batches:
            encoding = {"format": "jsonl", "compression": "gzip"}
            config["batch_config"] = {"encoding": encoding, "storage": {"root": f"file://{tmp_path}"}}
        runs = ReportRuns(server, config)
        catalog = runs.discover(**ENTRY)
        process, output_of = started_tap(tap.command(runs.settings(**ENTRY), catalog=catalog), tmp_path)
        try:
            wait_for(lambda: '"query"' in (tmp_path / "stdout").read_text())
        finally:
            process.send_signal(ended_by)
        ended = output_of()
        query = ended.bookmark(STREAM)["query"]
        runs.state = ended.state
        server.queries[query["token"]] = server.queries[query["token"]][0], 0
        last = runs.run(catalog, **ENTRY)

    assert ended.code == (-signal.SIGKILL if ended_by is signal.SIGKILL else 128 + signal.SIGTERM)
    assert last.code == 0, last.log
    # With BATCH the bookmark's own month is read again: its file may have been lost.
    again = MONTHS[:1] if batches else []
    assert server.asked() == [*MONTHS[:2], *again, MONTHS[2]]
    written = [*ended.batched(STREAM), *last.batched(STREAM), *ended.records(STREAM), *last.records(STREAM)]
    assert sorted(record["A"] for record in written) == [month[0] for month in (*again, *MONTHS)]
    assert "query" not in last.bookmark(STREAM)


def test_runs_of_a_report_in_a_year_by_month_with_and_without_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.1)
    months = [date(2025, month, 1).isoformat() for month in range(1, 13)]
    entry = {**ENTRY, "parameters": [{"name": "From", "value": "2025-01-01"}, {"name": "To", "value": "2025-12-31"}]}
    server = ReportServer(lambda _, values: [[values["From"]]], now=datetime(2026, 1, 1, tzinfo=UTC), polls=1)
    with server.listening() as config:

        def asked(runs: ReportRuns, **options: Any) -> list[str]:
            since = len(server.calls)
            written.extend(record["A"] for record in runs.run(catalog, **options, **entry).records(STREAM))
            return [first for first, _ in server.asked(since=since)]

        runs, written = ReportRuns(server, config), list[str]()
        catalog = runs.discover(**entry)
        assert asked(runs) == months
        server.now += timedelta(days=30)
        # Rows may have come on the last day; the run that reads them is not the last one if it is killed.
        assert asked(runs, cut_after='"RECORD"') == months[-1:]
        server.now += timedelta(days=1)  # the query is too old by now
        assert asked(runs) == months[-1:]
        assert asked(runs) == []

        killed, written = ReportRuns(server, config), []
        for month in months[:10]:
            assert asked(killed, cut_after=f'"parameters":{{"From":"{month}"') == [month]
        assert asked(killed) == months[10:]
        assert set(written) == set(months)

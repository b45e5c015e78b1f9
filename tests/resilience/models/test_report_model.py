"""A model of custom reports: after some runs, the target holds what docs/custom-reports.md says, for as many runs of the report.

A seed makes a time zone, an entry of custom_reports, rows that come late, change or vanish, and moments to run at, such as
a minute before and after midnight, on a leap day, at a new year, at a change to daylight-saving time. Some runs end early.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.reports.report_server import STREAM, ReportRuns, ReportServer, Values
from helpers.support import Output

DAY = timedelta(days=1)
SEEDS = (4, 300)
"""How many seeds are tried: usually, and with --long."""

ZONES = ("Pacific/Honolulu", "America/Denver", "UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Brisbane")
BEGINS = (date(2024, 2, 26), date(2025, 12, 28), date(2026, 3, 6), date(2025, 10, 30), date(2026, 6, 12))
Window = tuple[date, date]


@dataclass
class Row:
    """A row of the report, which is there from one moment to another."""

    day: date
    number: int
    since: datetime
    until: datetime


@dataclass
class Model:
    """The report, its entry, the target, and how often each window was asked for."""

    rng: random.Random
    rows: list[Row] = field(default_factory=list)
    answers: list[tuple[datetime, Window, list[dict[str, str]]]] = field(default_factory=list)
    target: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.rng
        self.zone = ZoneInfo(rng.choice(ZONES))
        self.begin = rng.choice(BEGINS)
        self.window = rng.choice(["day", "week", "month"])
        self.lookback = rng.choice([0, 0, 2, 5])
        self.start = self.begin - rng.choice([0, 3, 20]) * DAY
        self.last = rng.choice([None, None, self.begin + 4 * DAY])
        """The fixed end, if there is one."""
        self.server = ReportServer(
            self.answer,
            columns=["day", "number"],
            polls=rng.choice([0, 1, 2]),
            pascal=rng.random() < 0.5,
            asynchronous=rng.random() < 0.8,
            has_more=rng.random() < 0.3,
        )
        self.set_time(self.begin, rng.choice([time(23, 59), time(0, 1), time(12)]))

    @property
    def entry(self) -> dict[str, Any]:
        parameters = [{"name": "From", "value": str(self.start)}, {"name": "To", "value": str(self.last or "today")}]
        return {
            "backfill_date_parameter": "From",
            "parameters": parameters,
            "window": self.window,
            "lookback_window_days": self.lookback,
        }

    @property
    def today(self) -> date:
        return self.server.now.astimezone(self.zone).date()

    def set_time(self, day: date, at: time) -> None:
        """Move the clock to a time of the tenant's, and let rows appear and vanish."""
        self.server.now = datetime.combine(day, at, self.zone).astimezone(UTC)
        for _ in range(self.rng.randint(0, 6)):
            happened = self.today - self.rng.choice([0, 0, 1, self.lookback]) * DAY
            until = self.server.now + self.rng.choice([2, 900]) * DAY
            self.rows.append(Row(happened, len(self.rows), self.server.now, until))

    def pass_time(self) -> None:
        """Go on to another moment: often just before or after midnight, sometimes weeks later."""
        days, at = self.rng.choice([(0, time(23, 59)), (1, time(0, 1)), (1, time(12)), (3, time(0, 1)), (33, time(6))])
        later = datetime.combine(self.today + days * DAY, at, self.zone).astimezone(UTC)
        if later > self.server.now:
            self.set_time(self.today + days * DAY, at)

    def answer(self, _tenant: str, values: Values) -> list[list[Any]]:
        """Run the report: its columns are in another order each time."""
        window = date.fromisoformat(values["From"]), date.fromisoformat(values["To"])
        now = self.server.now
        rows = [
            {"day": str(row.day), "number": str(row.number)}
            for row in self.rows
            if window[0] <= row.day <= window[1] and row.since <= now < row.until
        ]
        self.answers.append((now, window, rows))
        self.rng.shuffle(self.server.columns)
        return [[row[name] for name in self.server.columns] for row in rows]

    def windows(self, state: dict[str, Any]) -> list[Window]:
        """Return what the documents say that a run asks for."""
        end = self.last or self.today
        first, bookmark = self.start, bookmark_of(state)
        if bookmark:
            if self.last and "read_on" in state:
                assert bookmark == self.last
                if self.last + (self.lookback + 1) * DAY < date.fromisoformat(state["read_on"]):
                    return []
            first = max(self.start, bookmark - self.lookback * DAY)
        return list(self.calendar(first, end))

    def calendar(self, first: date, end: date) -> Iterator[Window]:
        while first <= end:
            match self.window:
                case "day":
                    begin = last = first
                case "week":
                    begin = first - first.weekday() * DAY
                    last = begin + 6 * DAY
                case _:
                    begin = first.replace(day=1)
                    last = (begin + 31 * DAY).replace(day=1) - DAY
            yield begin, min(last, end)
            first = last + DAY

    def load(self, run: Output) -> None:
        for record in run.records(STREAM):
            self.target[record["From"], record["_row"]] = record

    def check(self) -> None:
        """Compare the target with the last answer for each window, and see that each day was read after its end."""
        last = {window[0]: rows for _, window, rows in self.answers}
        for first, rows in last.items():
            held = [self.target.get((str(first), number)) for number in range(1, len(rows) + 1)]
            assert [one and {name: one[name] for name in ("day", "number")} for one in held] == rows
        day = self.start
        while day <= min(self.today - DAY, self.last or self.today):
            asked = [when for when, window, _ in self.answers if window[0] <= day <= window[1]]
            assert max(asked).astimezone(self.zone).date() > day, f"{day} was not read after its end"
            day += DAY


def state_of(runs: ReportRuns) -> dict[str, Any]:
    partitions = runs.state.get("bookmarks", {}).get(STREAM, {}).get("partitions", [{}])
    found: dict[str, Any] = partitions[0]
    return found


def bookmark_of(state: dict[str, Any]) -> date | None:
    value = state.get("replication_key_value")
    return date.fromisoformat(value[:10]) if value else None


def cut_of(rng: random.Random, whole: Output) -> int:
    """Return where the output of a run ends: often right behind the STATE with a query."""
    size, ends = 0, []
    for line in whole.stdout.splitlines(keepends=True):
        size += len(line.encode())
        if '"query"' in line:
            ends.append(size)
    return rng.choice(ends) if ends and rng.random() < 0.7 else rng.randint(0, size)


def test_report_target_holds_what_the_documents_promise(report_seed: int) -> None:
    rng = random.Random(report_seed)
    model = Model(rng)
    with model.server.listening(timezone=str(model.zone), requests_per_second=100_000) as config:
        runs = ReportRuns(model.server, config)
        catalog = runs.discover(**model.entry)
        for number in range(rng.randint(3, 6)):
            state, entry = state_of(runs), model.entry
            wanted = model.windows(state_of(runs))
            query = state.get("query")
            if query:
                resumed = tuple(date.fromisoformat(query["parameters"][name]) for name in ("From", "To"))
                is_young = model.server.now - datetime.fromisoformat(query["asked"]) <= timedelta(hours=6)
                if is_young and resumed in wanted:  # goes on where the run before it ended
                    bookmark, first = bookmark_of(state), wanted.index(resumed)
                    wanted = [one for one in wanted[:first] if not bookmark or one[1] > bookmark] + wanted[first + 1 :]
            before, cut = len(model.answers), None
            if number and rng.random() < 0.5:
                kept = json.loads(json.dumps(runs.state))
                answers, queries = list(model.answers), dict(model.server.queries)
                cut = cut_of(rng, runs.run(catalog, **entry))  # a rehearsal
                runs.state, model.answers, model.server.queries = kept, answers, queries
            run = runs.run(catalog, cut=cut, **entry)
            model.load(run)
            asked = [window for _, window, _ in model.answers[before:]]
            if cut is None:
                assert run.code == 0, run.log
                assert asked == wanted
            else:
                assert asked == wanted[: len(asked)]
                if model.server.calls[-1].kind == "result" and asked and asked[-1] != wanted[-1]:
                    assert "query" in state_of(runs), "a run of the report was spent for nothing"
            if cut is None or rng.random() < 0.5:
                model.pass_time()
        for _ in range(2):
            model.pass_time()
            wanted, before = model.windows(state_of(runs)), len(model.answers)
            had_query = "query" in state_of(runs)
            run = runs.run(catalog, **model.entry)
            model.load(run)
            assert run.code == 0, run.log
            asked = [window for _, window, _ in model.answers[before:]]
            assert asked == wanted or (had_query and set(asked) < set(wanted))
    model.check()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "report_seed" in metafunc.fixturenames:
        metafunc.parametrize("report_seed", range(SEEDS[bool(metafunc.config.getoption("--long"))]))

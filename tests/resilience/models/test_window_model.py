"""A model of window streams: after some runs the target holds what the API showed, each window asked as often as promised.

A seed makes a start_date, leads and clicks that are shown late, change or vanish, and moments to run at, such as a minute
before and after midnight in UTC, on a leap day and at a new year. Some runs end early.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers.moments import CutOutput, TapAt
from helpers.moving.world import World
from helpers.support import Output, run_here
from helpers.window_server import PATHS, Event, Record, Window, WindowServer

DAY = timedelta(days=1)
LOOK_BACK = 7 * DAY
LEAD_DAYS, MONTH, YEAR = 28, 31, 366
SEEDS = (12, 300)
"""How many seeds are tried: usually, and with --long."""

QUIET = 0.4
"""How often nothing happens."""

BEGINS = (datetime(2024, 2, 27, tzinfo=UTC), datetime(2025, 12, 29, tzinfo=UTC), datetime(2026, 6, 12, tzinfo=UTC))
ZONES = ("Pacific/Honolulu", "UTC", "Australia/Brisbane")


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class Model:
    """What happens at the API, what the target holds, and which windows a run has to ask for."""

    rng: random.Random
    target: dict[tuple[str, ...], Record] = field(default_factory=dict)
    """Records by the key that SCHEMA announces."""

    shown: dict[datetime, list[Record]] = field(default_factory=dict)
    """By day, the rows of the last answer that was written completely."""

    ever: set[str] = field(default_factory=set)
    """What was shown at any time."""

    written: dict[datetime, datetime] = field(default_factory=dict)
    """By day, when it was last requested and written completely."""

    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.rng
        begin = rng.choice(BEGINS) + rng.choice([1, 720, 1439]) * timedelta(minutes=1)
        self.stream = rng.choice([*PATHS, "campaign_performance"])
        # With a time of day, the first window is the whole day in UTC; a start may be in the future too.
        self.start = (
            midnight(begin)
            + rng.choice([-420, -45, -30, -20, -3, 0, 2]) * DAY
            + rng.choice([0, 5]) * timedelta(hours=1)
        )
        self.server = WindowServer(World(now=begin, max_page_size=rng.choice([2, 5000])))
        self.let_happen()

    @property
    def now(self) -> datetime:
        return self.server.world.now

    def let_happen(self) -> None:
        """Add leads and clicks, some of which the API shows only later."""
        rng = self.rng
        if rng.random() < QUIET:
            return
        for events in (self.server.leads, self.server.clicks):
            for _ in range(rng.randint(1, 9)):
                seconds = rng.randint(0, 86_399) * timedelta(seconds=1)
                happened = midnight(self.now) - rng.choice([0, 0, 1, 6, 7, 12]) * DAY + seconds
                since = max(self.now, happened) + rng.choice([0, 0, 1, 4]) * DAY
                number = len(events) if events is self.server.leads else rng.randint(1, 3)
                until, linked = since + rng.choice([2, 2, 900]) * DAY, since + rng.choice([1, 3, 5]) * DAY
                events.append(Event(number, happened, since, until, linked))

    def pass_time(self) -> None:
        """Go on to another moment: often just before or after midnight, sometimes weeks later."""
        days, minutes = self.rng.choice([(0, 1439), (1, 1), (1, 720), (3, 1), (12, 400)])
        later = midnight(self.now) + days * DAY + timedelta(minutes=minutes)
        if later > self.now:
            self.server.world.now = later
            self.let_happen()

    @property
    def partition(self) -> dict[str, Any]:
        partition: dict[str, Any] = self.state.get("bookmarks", {}).get(self.stream, {}).get("partitions", [{}])[0]
        return partition

    @property
    def bookmark(self) -> datetime | None:
        value = self.partition.get("replication_key_value")
        return datetime.fromisoformat(value) if value else None

    def windows(self) -> Iterator[Window]:
        """Yield the windows that the documents say a run asks for: a question about many, if they may have no rows."""
        days = LEAD_DAYS if self.stream == "attributed_leads" else 1
        start = midnight(max(self.start, self.bookmark - LOOK_BACK) if self.bookmark else self.start)
        end = midnight(self.now) + DAY
        windows = []
        while start < self.now:
            windows.append((start, min(start + days * DAY, end)))
            start += days * DAY
        for part in (windows[first : first + YEAR] for first in range(0, len(windows), YEAR)):
            span = part[0][0], part[-1][1]
            is_new = self.bookmark is None or span[0] >= self.bookmark
            if len(part) > 1 and (self.partition.get("no_rows") or (is_new and len(part) > MONTH)):
                yield span
                if not self.server.rows(self.stream, span):
                    continue
            yield from part

    def run(self, config: dict[str, Any], *, size: int | None = None) -> tuple[Output, list[Window]]:
        """Run the tap, and return its output, of which only so many bytes arrive if a size is given, and its windows."""
        before = len(self.server.asked)
        run = run_here(
            {**config, "start_date": self.start.isoformat()},
            self.stream,
            state=json.loads(json.dumps(self.state)),
            base=type("TapNow", (TapAt,), {"moment": self.now}),
            output=None if size is None else CutOutput(size),
        )
        return run, sorted(window for window, _ in self.server.asked[before:])

    def load(self, run: Output, windows: list[Window]) -> None:
        """Load a run's output into the target."""
        before = self.bookmark
        if run.of_type("STATE"):
            self.state = run.state
        keys = [name for schema in run.of_type("SCHEMA") for name in schema["key_properties"]]
        for record in run.records(self.stream):
            self.target[tuple(str(record[name]) for name in keys)] = record
        for window in windows:
            moved = self.bookmark is not None and self.bookmark != before and window[1] <= self.bookmark
            if run.code == 0 or moved:
                question = window[1] - window[0] > (LEAD_DAYS if self.stream == "attributed_leads" else 1) * DAY
                if question and self.server.rows(self.stream, window):
                    continue  # its days are asked for, too
                day = window[0]
                while day < window[1]:
                    self.shown[day] = rows = self.server.rows(self.stream, (day, day + DAY))
                    self.written[day] = self.now
                    self.ever.update(self.subject(row, day) for row in rows)
                    day += DAY

    def subject(self, row: Record, day: datetime) -> str:
        """Return what a row is about, whatever the tap takes for its key."""
        match self.stream:
            case "attributed_leads":
                return f"lead {row['leadForm']['leadNumber']}"
            case "campaign_performance":
                return f"campaign {row['campaign']['externalId']} on {day:%F}"
            case _:
                return f"campaign {row['campaignId']} on {day:%F}"

    def check(self) -> None:
        """Compare the target with the last answer for each window."""
        held: dict[str, Record] = {}
        for record in self.target.values():
            happened = record.get("fromUtc") or record.get("from") or record["dateTime"]
            subject = self.subject(record, datetime.fromisoformat(happened))
            assert subject not in held, f"{subject} is in the target twice"
            held[subject] = record
        assert held.keys() >= self.ever, "rows that vanished stay"
        for day, rows in self.shown.items():
            for row in rows:
                record = held[self.subject(row, day)]
                assert without_nulls({name: record[name] for name in row}) == without_nulls(row)

    def check_days(self) -> None:
        """See that each day was read after its end, until seven days later."""
        day = midnight(self.start)
        while day + DAY + LOOK_BACK <= self.now:
            assert self.written[day] >= day + DAY + LOOK_BACK, f"{day} was not read until seven days after its end"
            day += DAY


def without_nulls(row: Any) -> Any:
    """Return a row without the fields that are null: the API omits some."""
    if not isinstance(row, dict):
        return row
    return {name: without_nulls(value) for name, value in row.items() if value is not None}


def cut_of(rng: random.Random, whole: Output) -> int:
    """Return where the output of a run ends: often right behind a STATE."""
    lines = whole.stdout.encode().splitlines(keepends=True)
    states = [number for number, line in enumerate(lines[:-1], start=1) if line.startswith(b'{"type":"STATE"')]
    number = rng.choice(states) if states and rng.random() < 0.7 else rng.randint(0, len(lines))
    return len(b"".join(lines[:number])) + rng.choice([0, 5])


def test_window_target_holds_what_the_documents_promise(window_seed: int) -> None:
    rng = random.Random(window_seed)
    model = Model(rng)
    with model.server.listening() as served:
        # Windows are days in UTC, whatever the time zone of the tenant.
        config = {**served, "requests_per_second": 10_000, "timezone": rng.choice(ZONES)}
        for _ in range(rng.randint(4, 7)):
            size = None
            if rng.random() < 0.5:
                asked = list(model.server.asked)
                size = cut_of(rng, model.run(config)[0])  # a rehearsal
                model.server.asked = asked
            wanted = sorted(model.windows())
            run, windows = model.run(config, size=size)
            model.load(run, windows)
            if run.code == 0:
                assert windows == wanted
            else:
                assert size is not None, run.log
                assert len(windows) == len(set(windows))
                assert set(windows) <= set(wanted)
            if run.code == 0 or rng.random() < 0.5:
                model.pass_time()
        for _ in range(2):
            wanted = sorted(model.windows())
            run, windows = model.run(config)
            model.load(run, windows)
            assert run.code == 0, run.log
            assert windows == wanted
            assert not windows or model.now - timedelta(minutes=1) < (model.bookmark or model.now) <= model.now
    model.check()
    model.check_days()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "window_seed" in metafunc.fixturenames:
        metafunc.parametrize("window_seed", range(SEEDS[bool(metafunc.config.getoption("--long"))]))

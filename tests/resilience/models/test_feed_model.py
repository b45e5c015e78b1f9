"""A model of export feeds: the tap writes every record at least once, in order, and no bookmark is ahead of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers.moving.server import MovingServer
from helpers.moving.world import Query, RefusedError, World
from helpers.support import Output, bookmark, run_here
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tap_servicetitan.dates import latest, parse_dates
from tap_servicetitan.streams.state import bookmarks
from tap_servicetitan.streams.state.state_migration import normalize_state

STREAMS = ("bookings", "leads")
TENANTS = ("1001", "1002")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
EVER = BEGIN - timedelta(days=1)
LATE = timedelta(minutes=29)
"""How much a date may be older than those before it: less than the overlap of a restart."""


@dataclass(frozen=True)
class Entry:
    """A change: of which record, and its date."""

    record: int
    date: datetime


@dataclass
class Feed:
    """One feed: all changes in order; only the last change of each record can be read."""

    log: list[Entry] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    epoch: int = 0
    """Tokens of earlier ones are refused."""
    newest: datetime = BEGIN

    def append(self, record: int, minutes: int, late: timedelta) -> None:
        self.newest += timedelta(minutes=minutes)
        self.log.append(Entry(record, self.newest - late))

    def current(self, start: int = 0, since: datetime = EVER) -> list[int]:
        """Positions that can be read."""
        last = {entry.record: position for position, entry in enumerate(self.log)}
        rest = [(position, self.log[position]) for position in range(start, len(self.log))]
        return [
            position
            for position, entry in rest
            if last[entry.record] == position and entry.record not in self.deleted and entry.date >= since
        ]

    def token(self, position: int, hop: int, since: datetime) -> str:
        """Return a token; it contains the date from which the reading began."""
        return f"{self.epoch}|{position}|{hop}|{since.isoformat()}"

    def parse_token(self, sent: str | None) -> tuple[int, int, datetime]:
        """Read a token or date: from which position on, after how many empty pages, from which date on."""
        if not sent or "|" not in sent:
            return 0, 0, datetime.fromisoformat(sent) if sent else EVER
        epoch, position, hop, since = sent.split("|")
        if int(epoch) != self.epoch:
            raise RefusedError(400)
        return int(position), int(hop), datetime.fromisoformat(since)

    def page(self, sent: str | None, size: int, *, empty: bool) -> dict[str, Any]:
        start, hop, since = self.parse_token(sent)
        positions = self.current(start, since)
        if empty:
            return {"data": [], "hasMore": True, "continueFrom": self.token(start, hop + 1, since)}
        more = len(positions) > size
        then = positions[size - 1] + 1 if more else len(self.log)
        data = [
            {"id": self.log[p].record, "modifiedOn": self.log[p].date.isoformat(), "summary": str(p)}
            for p in positions[:size]
        ]
        return {"data": data, "hasMore": more, "continueFrom": self.token(then, 0, since)}


@dataclass
class FeedServer(MovingServer):
    """A server of feeds, whose answers are made anew for each run."""

    page: Callable[[str, str, str | None], dict[str, Any]] = lambda *_: {}
    """Returns the page of a stream and tenant for a token or date."""

    def answer(self, tenant: str, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        try:
            return 200, self.page(path.rsplit("/", 1)[-1], tenant, query.get("from"))
        except RefusedError as error:
            return error.status, {}


class Feeds(RuleBasedStateMachine):
    """Feeds that change, and runs of the tap that end at any point and resume from the last STATE."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds = {(stream, tenant): Feed() for stream in STREAMS for tenant in TENANTS}
        self.written: dict[tuple[str, str], set[int]] = {key: set() for key in self.feeds}
        """Positions of the records that were written."""
        self.state: dict[str, Any] = {}
        self.server = FeedServer(World(), TENANTS)
        self.closing = ExitStack()
        self.config = {**self.closing.enter_context(self.server.listening()), "requests_per_second": 10_000}

    @rule(
        key=st.sampled_from([(stream, tenant) for stream in STREAMS for tenant in TENANTS]),
        records=st.lists(st.integers(0, 25), min_size=1, max_size=12),
        minutes=st.integers(0, 9),
        late=st.sampled_from([timedelta(0), LATE / 2, LATE]),
    )
    def change(self, key: tuple[str, str], records: list[int], minutes: int, late: timedelta) -> None:
        for number, record in enumerate(records):
            self.feeds[key].deleted.discard(record)
            self.feeds[key].append(record, minutes, late if number % 2 else timedelta(0))

    @rule(key=st.sampled_from([(STREAMS[0], TENANTS[0])]), record=st.integers(0, 25))
    def delete(self, key: tuple[str, str], record: int) -> None:
        self.feeds[key].deleted.add(record)

    @rule()
    def refuse_all_tokens(self) -> None:
        for feed in self.feeds.values():
            feed.epoch += 1

    @rule(
        size=st.integers(1, 5),
        concurrency=st.sampled_from([1, 3]),
        empty_every=st.integers(2, 9),
        cut=st.none() | st.floats(0, 1),
        meanwhile=st.none() | st.integers(1, 12),
    )
    def run(self, size: int, concurrency: int, empty_every: int, cut: float | None, meanwhile: int | None) -> None:
        """Run the tap; only a part of its output counts, as if it was killed then."""
        refused: set[tuple[str, str]] = set()
        requests: Counter[tuple[str, str]] = Counter()

        def page(stream: str, tenant: str, since: str | None) -> dict[str, Any]:
            feed = self.feeds[stream, tenant]
            requests[stream, tenant] += 1
            number = requests[stream, tenant]
            if meanwhile is not None and number % meanwhile == 0 and number < 200:
                feed.append(number % 25, 1, timedelta(0))
            try:
                return feed.page(since, size, empty=number % empty_every == 0)
            except RefusedError:
                refused.add((stream, tenant))
                raise

        self.server.page = page
        run = run_here({**self.config, "concurrency": concurrency}, *STREAMS, state=self.state)
        assert run.code == 0, run.log
        self.check(run if cut is None else Output(0, run.stdout[: int(len(run.stdout) * cut)], ""), refused)

    def check(self, run: Output, refused: set[tuple[str, str]]) -> None:
        """Process the messages as a target does."""
        last = dict.fromkeys(self.feeds, -1)
        for message in run.messages:
            if message["type"] == "RECORD":
                record = message["record"]
                key = (message["stream"], record["tenant_id"])
                position = int(record["summary"])
                assert self.feeds[key].log[position].record == record["id"]
                assert position > last[key] or key in refused
                last[key] = position
                self.written[key].add(position)
            if message["type"] == "STATE":
                self.state = message["value"]
                for stream in self.state.get("bookmarks", {}):
                    for partition in self.state["bookmarks"][stream]["partitions"]:
                        self.not_ahead((stream, partition["context"]["tenant_id"]), partition)

    def not_ahead(self, key: tuple[str, str], partition: dict[str, Any]) -> None:
        feed = self.feeds[key]
        position = int(partition.get("continue_from", "0|0").split("|")[1])
        assert {p for p in feed.current() if p < position} <= self.written[key]

    def teardown(self) -> None:
        with self.closing:
            self.settle()

    def settle(self) -> None:
        self.run(size=3, concurrency=3, empty_every=5, cut=None, meanwhile=None)
        for key, feed in self.feeds.items():
            assert set(feed.current()) <= self.written[key], key
            if feed.log:
                assert bookmark(self.state, *key)["continue_from"].startswith(f"{feed.epoch}|{len(feed.log)}|")


def test_late_records_are_read_after_a_restart_by_date() -> None:
    feeds, key = Feeds(), ("bookings", "1001")
    feeds.change(key, [1, 2, 3], 5, timedelta(0))
    feeds.run(size=3, concurrency=1, empty_every=99, cut=None, meanwhile=None)
    feeds.change(key, [4, 5, 6], 0, LATE)
    feeds.refuse_all_tokens()

    feeds.teardown()


TestFeeds = pytest.mark.timeout(900)(Feeds.TestCase)

DATES = st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)


@given(st.lists(DATES | st.none() | st.integers() | st.text(max_size=3), max_size=4))
def test_date_bookmark_is_usable_and_never_ahead_of_what_was_seen_or_of_now(dates: list[Any]) -> None:
    started = datetime.now(UTC)
    bookmark = bookmarks.FeedBookmark.load({}, "modifiedOn")
    for date in dates:
        bookmark = bookmark.advance(None, latest(*parse_dates([date])), datetime.now(UTC), has_more=False)
    mark = bookmark.dump()
    adopted = normalize_state({"bookmarks": {"x": {"partitions": [{"context": {}, **mark}]}}}, ["1"], {"x"})
    (again,) = adopted["bookmarks"]["x"]["partitions"]

    assert again == {"context": {}, **mark}
    seen = latest(*parse_dates(dates))
    start = bookmarks.FeedBookmark.load(again, "modifiedOn").restart(None)
    assert (start is None) == (seen is None)
    if start and seen:
        assert datetime.fromisoformat(start) <= min(seen, datetime.now(UTC)) - bookmarks.OVERLAP
        assert datetime.fromisoformat(start) >= min(seen, started) - bookmarks.OVERLAP - timedelta(seconds=1)

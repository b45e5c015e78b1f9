"""How many requests a stream costs: in the first run, and in a run with nothing new."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Endpoint, Export, Nested, Paged, Window
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.streams.reading.parents import PARENT_PAGE_SIZE

FEED_PAGE_SIZE = 1000
"""Rows that a page of a feed is assumed to have: the API decides, and its documents do not say."""

LOOKAHEAD_DAYS: int = CONFIG_JSONSCHEMA["properties"]["capacities_lookahead_days"]["default"]


@dataclass(frozen=True)
class Cost:
    """What decides how many requests a stream costs."""

    per: Literal["page", "feed page", "parent", "window", "run"]
    """For what a request is sent."""

    requests: int = 1
    """Requests a run, where rows do not decide."""

    page_size: int = 0
    """Rows a page, where requests are sent for pages."""

    full: bool = True
    """Whether each run reads everything, so that a run with nothing new costs as much as the first."""

    parent: Cost | None = None
    """The cost of reading the parents, where a request is sent for each of them."""

    days: int = 0
    """Days of a window."""

    lookback_days: int = 0
    """Days that each run reads again."""

    @property
    def words(self) -> str:
        """The cost in words."""
        if self.per == "run":
            return "one request" if self.requests == 1 else f"{self.requests} requests in each run"
        if self.per == "window":
            return f"a request for each {_days(self.days)}; in each run again for the last {self.lookback_days} days"
        each = {"parent": "parent", "feed page": "page of the feed"}.get(self.per, f"{self.page_size:,} rows")
        later = "for changed ones" if self.per == "parent" else "for what is new"
        return f"a request for each {each}{', in each run' if self.full else f'; later only {later}'}"

    def first_run(self, rows: int, days: int) -> int:
        """Return the requests of a first run.

        Args:
            rows: Rows of each collection, the parents' too.
            days: Days since the start date.
        """
        if self.per == "run":
            return self.requests
        if self.per == "window":
            return ceil(days / self.days) + 1
        if self.parent:
            return self.parent.first_run(rows, days) + rows
        return max(1, ceil(rows / self.page_size))

    def later_run(self, rows: int, days: int) -> int:
        """Return the requests of a run with nothing new."""
        if self.full:
            return self.first_run(rows, days)
        return self.lookback_days // self.days + 1 if self.per == "window" else 1


def cost(endpoint: Endpoint) -> Cost:
    """Return what decides the number of requests of an entry."""
    if isinstance(endpoint, Nested):
        parent = _list_of_parents(table.parent(endpoint))
        return Cost("parent", parent=parent, full=endpoint.nested_parents == "all")
    if isinstance(endpoint, Window):
        return Cost("window", full=False, days=endpoint.days, lookback_days=endpoint.lookback_days)
    if isinstance(endpoint, Export):
        return Cost("feed page", page_size=FEED_PAGE_SIZE, full=False)
    if isinstance(endpoint, Paged) and endpoint.page_size is not None:
        return Cost("page", page_size=endpoint.page_size, full=endpoint.replication_key is None)
    if isinstance(endpoint, Capacity):
        return Cost("run", requests=LOOKAHEAD_DAYS + 1)  # one for the business units
    return Cost("run")


def _list_of_parents(endpoint: Paged) -> Cost:
    if isinstance(endpoint, Nested):
        return Cost("parent", parent=_list_of_parents(table.parent(endpoint)))
    return Cost("page", page_size=PARENT_PAGE_SIZE)


def _days(number: int) -> str:
    return "day" if number == 1 else f"{number} days"

"""The pages of one run of a report, and whether rows moved between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_servicetitan.errors import PaginationError
from tap_servicetitan.reports.metadata import Rows
from tap_servicetitan.streams.reading.pagination import MAX_EMPTY_PAGES

Page = Rows[tuple[Any, ...]]


@dataclass
class ReportRun:
    """All pages of a run; they are held in memory until it is known that they belong together."""

    pages: list[Page] = field(default_factory=list)

    inconsistency: str | None = None
    """Why rows may be missing or doubled: rows were added or removed between two pages."""

    asked: datetime | None = None
    """When an earlier run of the tap asked for the rows; None if this one did."""

    @property
    def row_count(self) -> int:
        """Rows in all pages."""
        return sum(len(page.data) for page in self.pages)

    @property
    def totals(self) -> list[int]:
        """The different totals that pages have."""
        return list(dict.fromkeys(page.totalCount for page in self.pages if isinstance(page.totalCount, int)))

    def has(self, page: Page) -> bool:
        """Return whether it has a page with the same rows."""
        return any(page.data == earlier.data for earlier in self.pages)


def read_pages(request: Callable[[int, ReportRun], Page | None]) -> ReportRun:
    """Read all pages of a run.

    Args:
        request: Returns a page, counted from 0, when the pages before it are given; None if they are all.

    Raises:
        PaginationError: Pages repeat or are empty, and the last one says ``hasMore``.
    """
    run = ReportRun()
    for number in itertools.count():
        page = request(number, run)
        repeats = page is not None and page.hasMore and run.has(page)
        if page is not None:
            run.pages.append(page)
        if page is None or not page.hasMore:
            run.inconsistency = _inconsistency(run)
            return run
        if not any(each.data for each in run.pages[-MAX_EMPTY_PAGES:]) and number + 1 >= MAX_EMPTY_PAGES:
            msg = f"{MAX_EMPTY_PAGES} pages in a row are empty and say hasMore: following them would never end."
            raise PaginationError(msg)
        # Two pages of a report with few columns may be equal, unless all rows have been read.
        if page.data and repeats and run.row_count > max(run.totals, default=0):
            msg = f"Page {number + 1} is the same as an earlier one, and there should be more: it would never end."
            raise PaginationError(msg)
    raise AssertionError


def _inconsistency(run: ReportRun) -> str | None:
    match run.totals:
        case [total] if run.row_count < total or (run.row_count > total and len(run.pages) > 1):
            return f"{run.row_count} rows were read of {total}"
        case [first, *_, last]:
            return f"the number of rows changed from {first} to {last}"
    return None

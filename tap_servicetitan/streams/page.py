"""A page: records, the bookmark behind them, and whether anything is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tap_servicetitan.streams.state.bookmarks import Bookmark


@dataclass(slots=True)
class Page:
    """What is written at once: first the records, then the STATE that covers them."""

    records: list[Any]
    """Structs of the record type, or dicts of records that do not fit it."""

    bookmark: Bookmark | None = None
    """Where a later run goes on if it starts behind this page; None leaves the bookmark where it is."""

    newest: datetime | None = None
    """Newest date among the records, for the log."""

    incomplete: str | None = None
    """Why this page and those before it are not all that there should be, if they are not."""

    received: datetime = field(default_factory=lambda: datetime.now(UTC))

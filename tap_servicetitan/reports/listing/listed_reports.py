"""What ``--list-reports`` has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from tap_servicetitan.client.client import Client
from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import NotFoundError, StreamError
from tap_servicetitan.reports.metadata import ReportMetadata, Rows


class ListEntry(msgspec.Struct):
    """A category or a report, as listed by the API."""

    id: str | int
    name: str = ""


Values = Rows[list[Any]]


@dataclass
class Category:
    """A category and its reports, each with its metadata or the reason why there is none."""

    entry: ListEntry
    reports: list[tuple[ListEntry, ReportMetadata | StreamError]] = field(default_factory=list)
    failure: StreamError | None = None


@dataclass
class Reports:
    """All reports of a tenant."""

    client: Client
    categories: list[Category] = field(default_factory=list)
    values: dict[str, Values | StreamError] = field(default_factory=dict)
    """By dynamic value set that a parameter refers to."""

    failure: StreamError | None = None
    budget: RateLimiter = field(default_factory=RateLimiter)

    @property
    def complete(self) -> bool:
        """Whether all could be listed; a report without metadata is not a failure."""
        all_metadata = (one for category in self.categories for _, one in category.reports)
        failures = [
            self.failure,
            *(category.failure for category in self.categories),
            *self.values.values(),
            *all_metadata,
        ]
        return not any(isinstance(one, StreamError) and not isinstance(one, NotFoundError) for one in failures)

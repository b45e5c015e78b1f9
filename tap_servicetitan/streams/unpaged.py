"""Endpoints that answer with everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from typing_extensions import override

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints.kinds import Capacity
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader


class UnpagedStream(EndpointStream):
    """All records in one answer, or an object that is the only one of its tenant."""

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        yield Page(self.records_of(api.fetch({}, body=self.request_body).data))

    @override
    def probe(self, api: ApiReader) -> None:
        api.fetch({}, body=self.request_body)

    @property
    def request_body(self) -> dict[str, Any] | None:
        """What is sent by POST; None for GET."""
        return None


class CapacityStream(UnpagedStream):
    """Availability in the days ahead."""

    endpoint: ClassVar[Capacity]

    @property
    @override
    def always_partial(self) -> str:
        return "a run reads the days ahead only"

    @property
    @override
    def request_body(self) -> dict[str, Any]:
        start = self.run_context.started
        end = start + timedelta(days=self.endpoint.days)
        return {
            "startsOnOrAfter": format_api_date(start),
            "endsOnOrBefore": format_api_date(end),
            "skillBasedAvailability": False,
        }

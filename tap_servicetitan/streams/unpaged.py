"""Endpoints that answer with everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from typing_extensions import override

from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader


class UnpagedStream(EndpointStream):
    """All records in one answer, or an object that is the only one of its tenant."""

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        yield Page(self.records_of(api.fetch({}).data))

    @override
    def probe(self, api: ApiReader) -> None:
        api.fetch({})

"""Which class reads which kind of endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tap_servicetitan.endpoints.kinds import Capacity, Endpoint, Export, Listing, Nested, Singleton, Unpaged, Window
from tap_servicetitan.reports.endpoint import Report
from tap_servicetitan.reports.stream import ReportStream
from tap_servicetitan.streams.feed import ExportStream
from tap_servicetitan.streams.listing import CapacityStream, ListingStream, WholeStream
from tap_servicetitan.streams.nested import NestedStream
from tap_servicetitan.streams.window import WindowStream

if TYPE_CHECKING:
    from tap_servicetitan.streams.base import EndpointStream

READERS: Mapping[type[Endpoint], type[EndpointStream]] = {
    Unpaged: WholeStream,
    Capacity: CapacityStream,
    Export: ExportStream,
    Listing: ListingStream,
    Nested: NestedStream,
    Report: ReportStream,
    Singleton: WholeStream,
    Window: WindowStream,
}


def stream_class(endpoint: Endpoint) -> type[EndpointStream]:
    """Build the class of an entry; singer-sdk tells streams apart by class."""
    name = "".join(word.capitalize() for word in endpoint.name.split("_"))
    attributes = {
        "__module__": __name__,
        "endpoint": endpoint,
        "name": endpoint.name,
        "primary_keys": endpoint.primary_keys,
        "replication_key": endpoint.replication_key,
        "selected_by_default": endpoint.selected,
    }
    return type(name, (READERS[type(endpoint)],), attributes)

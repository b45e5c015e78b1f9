"""Which class reads which kind of endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_servicetitan.endpoints.kinds import Capacity, Endpoint, Export, Listing, Nested, Singleton, Unpaged, Window
from tap_servicetitan.streams.capacity import CapacityStream
from tap_servicetitan.streams.feed import ExportStream
from tap_servicetitan.streams.listing import ListingStream
from tap_servicetitan.streams.nested import NestedStream
from tap_servicetitan.streams.unpaged import UnpagedStream
from tap_servicetitan.streams.window import WindowStream

if TYPE_CHECKING:
    from tap_servicetitan.streams.base import EndpointStream

Schema = Mapping[str, Any]

READERS: Mapping[type[Endpoint], type[EndpointStream]] = {
    Unpaged: UnpagedStream,
    Capacity: CapacityStream,
    Export: ExportStream,
    Listing: ListingStream,
    Nested: NestedStream,
    Singleton: UnpagedStream,
    Window: WindowStream,
}


def stream_class(
    endpoint: Endpoint, base: type[EndpointStream] | None = None, *, schema: Schema | None = None
) -> type[EndpointStream]:
    """Make the class of an endpoint's stream, since singer-sdk has one class per stream.

    Args:
        endpoint: From the table of streams, or another.
        base: The class that reads it, if its kind is not among :data:`READERS`.
        schema: JSON schema of the records, if the endpoint is not from the table.
    """
    name = "".join(word.capitalize() for word in endpoint.name.split("_"))
    attributes = {
        "__module__": __name__,
        "endpoint": endpoint,
        "given_schema": schema,
        "name": endpoint.name,
        "primary_keys": endpoint.primary_keys,
        "replication_key": endpoint.replication_key,
        "selected_by_default": endpoint.selected,
    }
    return type(name, (base or READERS[type(endpoint)],), attributes)

"""Listings: numbered pages of what a query selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from tap_servicetitan.simulator.answers import Answer, Call
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters, RefusalError
from tap_servicetitan.simulator.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.service import Service

T = TypeVar("T")

DEFAULT_SIZE: Final = 50
"""Records on a page if `pageSize` does not say otherwise (OpenAPI documents)."""

FIRST_PAGES: Final = {"settings/v2/business-units/intacct": 0}
"""Where pages do not start at 1 (OpenAPI documents)."""

_LAST: Final = 2**31 - 1


def answer(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with a page of a listing."""
    del fault  # None of them changes a page of a listing.

    def render() -> bytes:
        parameters = Parameters(operation(collection.endpoint), call.query)
        with collection.history.lock:
            _, log = collection.now()
            indices = select(collection, collection.indices(), parameters, log)
            return page(collection, parameters, indices, collection.make)

    return cached(service, collection, call, render)


def cached(service: Service, collection: Collection, call: Call, render: Callable[[], bytes]) -> Answer:
    """Answer with what was rendered, now or earlier, or with what is wrong with the request."""
    happened = len(service.world.happenings)
    key = (collection.endpoint.name, happened, call.path, call.body, *sorted(call.query.items()))
    try:
        return Answer(200, service.pages.get(key, render))
    except RefusalError as refusal:
        return refusal.answer()


def page(
    collection: Collection, parameters: Parameters, items: Sequence[T], make: Callable[[T], dict[str, Any]]
) -> bytes:
    """Render a page of these; one beyond the last is empty.

    Raises:
        RefusalError: The page's number or size is out of range.
    """
    takes = parameters.operation
    endpoint = collection.endpoint
    first = FIRST_PAGES.get(f"{endpoint.api}/{endpoint.path}", 1)
    number = parameters.number("page", first, first, _LAST)
    size = parameters.number("pageSize", DEFAULT_SIZE, 1, takes.max_page_size)
    start = (number - first) * size
    data = [make(item) for item in items[start : start + size]]
    if takes.kind.endswith("array"):  # segments of work breakdown structures: pages, but not a word of them
        return msgspec.json.encode({"data": data})
    total = len(items) if parameters.flag("includeTotal") else None
    more = start + size < len(items)
    return msgspec.json.encode({"page": number, "pageSize": size, "totalCount": total, "hasMore": more, "data": data})

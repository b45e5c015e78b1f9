"""Lists: numbered pages of the records that the parameters select."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.numbered_pages import NumberedPage
from tap_servicetitan.simulator.api.query_parameters import QueryParameters
from tap_servicetitan.simulator.api.selection import hidden_fields, select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.data.collection import Collection

T = TypeVar("T")

FIRST_PAGES: Final = {"settings/v2/business-units/intacct": 0}
"""Number of the first page, where it is not 1 (OpenAPI documents)."""


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return a page of a list."""

    def render() -> bytes:
        parameters = QueryParameters(operation(collection.endpoint), request.query)
        with collection.history.lock:
            _, log = collection.now()
            indices = context.selections.get(
                (request.path, *sorted(request.query.items() - _of_page(request))),
                lambda: array("q", select(collection, collection.indices(), parameters, log)),
            )
            hidden = hidden_fields(parameters)
            return render_page(collection, parameters, indices, lambda index: {**collection.make(index), **hidden})

    return context.cached(collection, request, render)


def _of_page(request: ApiRequest) -> set[tuple[str, str]]:
    """Return the parameters that choose the page of what is selected."""
    return {(name, value) for name, value in request.query.items() if name in {"page", "pageSize", "includeTotal"}}


def render_page(
    collection: Collection, parameters: QueryParameters, items: Sequence[T], make: Callable[[T], dict[str, Any]]
) -> bytes:
    """Render the requested page of these items; a page after the last one is empty.

    Raises:
        InvalidRequestError: The number or the size of the page is out of range.
    """
    endpoint = collection.endpoint
    page = NumberedPage.read(parameters, first=FIRST_PAGES.get(f"{endpoint.api}/{endpoint.path}", 1))
    data = [make(item) for item in page.of(items)]
    if parameters.operation.kind.endswith("array"):  # Work breakdown structures have pages, but do not number them.
        return msgspec.json.encode({"data": data})
    return msgspec.json.encode({**page.envelope(len(items)), "data": data})

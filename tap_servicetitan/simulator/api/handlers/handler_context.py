"""What a handler needs besides the request and the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError
from tap_servicetitan.simulator.data.collection import Collection

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.authorizer import Authorizer
    from tap_servicetitan.simulator.api.continuation_tokens import ContinuationTokens
    from tap_servicetitan.simulator.api.derived.record_index import RecordIndex
    from tap_servicetitan.simulator.api.handlers.page_cache import PageCache
    from tap_servicetitan.simulator.data.report_queries import ReportQueries
    from tap_servicetitan.simulator.data.world import World


@dataclass(frozen=True)
class HandlerContext:
    """What all handlers share."""

    world: World
    authorizer: Authorizer
    tokens: ContinuationTokens
    pages: PageCache[bytes]
    selections: PageCache[Sequence[int]]
    """The records that the parameters of a list select, without those that choose the page."""

    queries: ReportQueries
    index: RecordIndex
    page_size: int
    """Records on a page of a feed."""

    def cached(self, collection: Collection, request: ApiRequest, render: Callable[[], bytes]) -> ApiResponse:
        """Return a response with the rendered page, or 400 if rendering finds that the request is invalid.

        A page is rendered again only after the clock has moved.
        """
        key = (collection.endpoint.name, request.path, request.body, *sorted(request.query.items()))
        try:
            return ApiResponse(200, self.pages.get(key, render))
        except InvalidRequestError as error:
            return error.response()


Handler = Callable[[HandlerContext, Collection, ApiRequest], ApiResponse]
"""Makes the response to a request that is allowed; the collection holds the records of the endpoint."""

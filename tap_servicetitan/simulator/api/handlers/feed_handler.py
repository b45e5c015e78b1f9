"""Export feeds: ``data``, ``hasMore`` and ``continueFrom``, as developer.servicetitan.io describes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan.simulator.api.continuation_tokens import FeedPosition
from tap_servicetitan.simulator.api.endpoint_operations import operation
from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, problem
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, QueryParameters
from tap_servicetitan.simulator.api.selection import active_filter
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.data.change_log import ChangeLog
    from tap_servicetitan.simulator.data.collection import Collection


def has_token(request: ApiRequest) -> bool:
    """Return whether a request continues from a token, not from the start or a date."""
    return bool(request.query.get("from")) and timestamps.parse(request.query["from"]) is None


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the page that ``from`` names; the faults of feeds change it."""
    try:
        active = active_filter(collection, QueryParameters(operation(collection.endpoint), request.query))
    except InvalidRequestError as error:
        return error.response()
    with collection.history.lock:
        now, log = collection.now()
        position = _start(context, collection, request, log)
        if position is None or (request.fault == "refuse_token" and has_token(request)):
            return problem(400, "The value of the parameter 'from' is neither a date nor a token of this feed.")
        settled = log.settled(now)
        end = len(log) if request.query.get("includeRecentChanges", "").lower() == "true" else settled
        section = _FeedSection(context, collection, position, settled, end, active)
        if request.fault == "empty_page":
            return ApiResponse(200, _page([], more=True, token=context.tokens.write(position.renewed())))
        if request.fault == "repeat_token":
            sent = request.query["from"] if has_token(request) else context.tokens.write(position)
            return ApiResponse(200, section.render(log, repeated_token=sent))
        key = (collection.tenant_id, collection.endpoint.name, position.position, end, active)
        return ApiResponse(200, context.pages.get(key, lambda: section.render(log)))


def _start(context: HandlerContext, collection: Collection, request: ApiRequest, log: ChangeLog) -> FeedPosition | None:
    """Return where the page begins; None if ``from`` is neither a date nor a token of this feed."""
    first = FeedPosition(collection.tenant_id, collection.endpoint.name, 0)
    since = request.query.get("from")
    if not since:
        return first
    time = timestamps.parse(since)
    if time is not None:
        return FeedPosition(first.tenant_id, first.stream, log.since(time))
    position = context.tokens.read(since)
    if position is None or (position.tenant_id, position.stream) != (first.tenant_id, first.stream):
        return None
    return position


@dataclass(frozen=True)
class _FeedSection:
    """The part of a feed that a request can see."""

    context: HandlerContext
    collection: Collection
    start: FeedPosition
    settled: int
    end: int
    active: bool | None
    """Whether only active or only inactive records are selected."""

    def render(self, log: ChangeLog, repeated_token: str | None = None) -> bytes:
        """Render its first page.

        The token of the last page is never behind what is settled, so that recent changes are sent again.
        """
        size = self.context.page_size
        positions = list(islice(self._positions(log), size + 1))
        data = [self.collection.record(position) for position in positions[:size]]
        if repeated_token is not None:
            return _page(data, more=True, token=repeated_token)
        more = len(positions) > size
        following = positions[size - 1] + 1 if more else self.settled
        token = self.context.tokens.write(FeedPosition(self.start.tenant_id, self.start.stream, following))
        return _page(data, more=more, token=token)

    def _positions(self, log: ChangeLog) -> Iterator[int]:
        positions = log.current(self.start.position, self.end)
        if self.active is None:
            return positions
        return (position for position in positions if self.collection.active(log.indices[position]) is self.active)


def _page(data: list[dict[str, object]], *, more: bool, token: str) -> bytes:
    return msgspec.json.encode({"hasMore": more, "continueFrom": token, "data": data})

"""The service: finds what a request is about, checks whether it is allowed, and calls the handler of its endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlencode

from tap_servicetitan.endpoints.kinds import Export
from tap_servicetitan.simulator.api.continuation_tokens import ContinuationTokens
from tap_servicetitan.simulator.api.derived.derived_endpoints import derived_endpoints
from tap_servicetitan.simulator.api.derived.record_index import RecordIndex
from tap_servicetitan.simulator.api.endpoint_operations import operation, record_schema
from tap_servicetitan.simulator.api.faults import Fault, Faults, fault_response
from tap_servicetitan.simulator.api.handlers.derived.file_handlers import FILES_PATH, file
from tap_servicetitan.simulator.api.handlers.feed_handler import has_token
from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
from tap_servicetitan.simulator.api.handlers.page_cache import PAGE_LIMIT, SELECTION_LIMIT, PageCache
from tap_servicetitan.simulator.api.handlers.registry import HANDLERS
from tap_servicetitan.simulator.api.http_types import (
    ApiRequest,
    ApiResponse,
    Breakage,
    Exchange,
    method_not_allowed,
    not_found,
    problem,
    write_refused,
)
from tap_servicetitan.simulator.api.report_operations import REPORT_OPERATIONS, ReportOperation
from tap_servicetitan.simulator.api.routes import Routes
from tap_servicetitan.simulator.data.report_queries import ReportQueries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.api.authorizer import Authorizer
    from tap_servicetitan.simulator.data.collection import Collection
    from tap_servicetitan.simulator.data.report_queries import QueryOptions
    from tap_servicetitan.simulator.data.world import World

TOKEN_PATH: Final = "/connect/token"  # noqa: S105  a path
HANG_SECONDS: Final = 60.0
"""How long the fault ``hang`` delays a response if it has no ``seconds``."""

_BREAKAGES: Final[Mapping[str, Breakage]] = {breakage: breakage for breakage in get_args(Breakage)}


class Service:
    """Answers requests of the API and of its token endpoint."""

    def __init__(  # noqa: PLR0913  what a service consists of
        self,
        world: World,
        authorizer: Authorizer,
        faults: Faults,
        *,
        page_size: int,
        latency: float,
        queries: QueryOptions,
    ) -> None:
        """Serve a world.

        Args:
            world: The records.
            authorizer: Who may read them.
            faults: Which requests fail.
            page_size: Records on a page of a feed.
            latency: Seconds that each response of the API takes.
            queries: How asynchronous queries of reports behave.
        """
        self._world = world
        self._authorizer = authorizer
        self._faults = faults
        self._latency = latency
        tokens = ContinuationTokens(world.identities.seed)
        self._context = HandlerContext(
            world,
            authorizer,
            tokens,
            PageCache(world.clock, PAGE_LIMIT),
            PageCache(world.clock, SELECTION_LIMIT),
            ReportQueries(queries),
            RecordIndex(world.clock),
            page_size,
        )
        self._routes = Routes((*world.endpoints.values(), *REPORT_OPERATIONS, *derived_endpoints()))

    def add_endpoint(self, endpoint: Endpoint) -> None:
        """Serve one more endpoint."""
        self._routes.add(endpoint)

    def handle(self, request: ApiRequest) -> Exchange:
        """Answer a request."""
        if request.path == TOKEN_PATH:
            return self._handle_token_request(request)
        if request.path.startswith(FILES_PATH):
            return Exchange(request, file(request.path))
        endpoint, tenant_id, path_values = self._routes.find(request)
        if endpoint is None or tenant_id is None:
            is_write = tenant_id is not None and request.method not in {"GET", "HEAD"}
            return Exchange(request, write_refused(request.method) if is_write else not_found(), tenant_id)
        response = self._refusal(request, tenant_id, endpoint)
        fault = None if response else self._fault(request, tenant_id, endpoint)
        if response is None:
            fault_kind = fault.kind if fault else None
            handled = replace(request, path_values=path_values, fault=fault_kind)
            response = self._respond(handled, tenant_id, endpoint, fault)
        return Exchange(request, response, tenant_id, endpoint.name, fault.kind if fault else None)

    def _handle_token_request(self, request: ApiRequest) -> Exchange:
        if request.method != "POST":
            return Exchange(request, method_not_allowed("POST"))
        fault = self._faults.of_token_request()
        response = (fault_response(fault) if fault else None) or self._authorizer.grant(request)
        return Exchange(request, response, fault=fault.kind if fault else None)

    def _refusal(self, request: ApiRequest, tenant_id: int, endpoint: Endpoint) -> ApiResponse | None:
        method = operation(endpoint).method
        if request.method != method:
            return write_refused(request.method) if method == "GET" else method_not_allowed(method)
        return self._authorizer.check(request, tenant_id, endpoint)

    def _fault(self, request: ApiRequest, tenant_id: int, endpoint: Endpoint) -> Fault | None:
        target = f"{request.path}?{urlencode(request.query)}"
        feed = isinstance(endpoint, Export)
        return self._faults.of_request(endpoint.name, tenant_id, target, feed=feed, token=feed and has_token(request))

    def _respond(self, request: ApiRequest, tenant_id: int, endpoint: Endpoint, fault: Fault | None) -> ApiResponse:
        if request.fault == "unauthorized":
            self._authorizer.revoke(request)
        response = fault_response(fault) if fault else None
        if response is None:
            handler = HANDLERS.get(type(endpoint))
            if handler is None:
                return problem(
                    501, f"The simulator has no handler for endpoints of the kind {type(endpoint).__name__}."
                )
            response = handler(self._context, self._collection(tenant_id, endpoint), request)
        wait = self._latency + response.wait
        if fault and fault.kind == "hang":
            wait += HANG_SECONDS if fault.seconds is None else fault.seconds
        return replace(response, wait=wait, breakage=_BREAKAGES.get(request.fault or ""))

    def _collection(self, tenant_id: int, endpoint: Endpoint) -> Collection:
        if isinstance(endpoint, ReportOperation):
            return self._world.collection(tenant_id, "reports")
        if self._world.endpoints[endpoint.name] is endpoint:
            return self._world.collection(tenant_id, endpoint.name)
        return self._world.at_endpoint(tenant_id, endpoint, record_schema(endpoint))

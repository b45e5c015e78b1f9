"""The simulated service: finds what a request is about, lets it pass or fail, and has it answered by kind of endpoint."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode

from tap_servicetitan.endpoints.kinds import (
    Capacity,
    Endpoint,
    Export,
    Listing,
    Nested,
    Singleton,
    Unpaged,
    Window,
)
from tap_servicetitan.simulator import capacities, feeds, listings, nested, reporting, unpaged, windows
from tap_servicetitan.simulator.answers import Answer, Breakage, Call, Request, problem
from tap_servicetitan.simulator.cache import PageCache
from tap_servicetitan.simulator.collection import twin
from tap_servicetitan.simulator.faults import Fault, Faults
from tap_servicetitan.simulator.faults import answer as misbehaviour
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.routes import Routes
from tap_servicetitan.simulator.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_servicetitan.simulator.access import Access
    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.world import World

TOKEN_PATH: Final = "/connect/token"  # noqa: S105  a path
REMEMBERED: Final = 100_000
"""Requests kept in the log; counts go on for ever."""

_BREAKAGES: Final[Mapping[str, Breakage]] = {
    "reset": "reset",
    "reset_body": "reset_body",
    "cut": "cut",
    "cut_chunked": "cut_chunked",
}


class Kind(Protocol):
    """Answers requests to one kind of endpoint; ``fault`` is a misbehaviour that it has to act out, if any."""

    def __call__(self, service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
        """Answer a request that may pass."""


KINDS: Final[Mapping[type[Endpoint], Kind]] = {
    Export: feeds.answer,
    Listing: listings.answer,
    Unpaged: unpaged.array,
    Singleton: unpaged.single,
    Nested: nested.answer,
    Window: windows.answer,
    Capacity: capacities.answer,
    reporting.ReportDescription: reporting.description,
    reporting.ReportData: reporting.data,
    reporting.ValueSet: reporting.value_set,
}
"""A new kind of endpoint is a function here."""


@dataclass
class Counts:
    """What the service was asked so far."""

    token_requests: int = 0
    in_flight: int = 0
    max_in_flight: int = 0


class Service:
    """Answers calls of the API and of its token endpoint."""

    def __init__(self, world: World, access: Access, faults: Faults, *, page_size: int, latency: float) -> None:
        self.world = world
        self.access = access
        self.faults = faults
        self.page_size = page_size
        self.latency = latency
        self.tokens = Tokens(world.identities.seed)
        self.pages = PageCache()
        self.counts = Counts()
        self.requests: deque[Request] = deque(maxlen=REMEMBERED)
        self.answered: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()
        self._routes = Routes((*world.endpoints.values(), *reporting.OPERATIONS))

    def answer(self, call: Call) -> Answer:
        """Answer a request."""
        if call.path == TOKEN_PATH:
            return self._token(call)
        endpoint, tenant_id, places = self._routes.find(call)
        call = replace(call, places=places)
        fault: Fault | None = None
        if endpoint is None or tenant_id is None:
            answer = problem(404, "The resource was not found.")
        elif call.method != operation(endpoint).method:
            answer = problem(405, "Method Not Allowed", {"Allow": operation(endpoint).method})
        else:
            refusal = self.access.check(call, tenant_id, endpoint)
            fault = None if refusal else self._fault(call, tenant_id, endpoint)
            answer = refusal or self._act(call, tenant_id, endpoint, fault)
        self._log(call, answer, tenant_id, endpoint, fault.kind if fault else None)
        return answer

    @contextmanager
    def flight(self) -> Iterator[None]:
        """Count a request as in flight."""
        with self._lock:
            self.counts.in_flight += 1
            self.counts.max_in_flight = max(self.counts.max_in_flight, self.counts.in_flight)
        try:
            yield
        finally:
            with self._lock:
                self.counts.in_flight -= 1

    def _token(self, call: Call) -> Answer:
        with self._lock:
            self.counts.token_requests += 1
        if call.method != "POST":
            return problem(405, "Method Not Allowed", {"Allow": "POST"})
        fault = self.faults.of_token_request()
        answer = (misbehaviour(fault) if fault else None) or self.access.grant(call)
        self._log(call, answer, None, None, fault.kind if fault else None)
        return answer

    def _fault(self, call: Call, tenant_id: int, endpoint: Endpoint) -> Fault | None:
        target = f"{call.path}?{urlencode(call.query)}"
        feed = isinstance(endpoint, Export)
        return self.faults.of_call(endpoint.name, tenant_id, target, feed=feed, token=feed and feeds.sends_token(call))

    def _act(self, call: Call, tenant_id: int, endpoint: Endpoint, fault: Fault | None) -> Answer:
        kind = fault.kind if fault else None
        if kind == "unauthorized":
            self.access.revoke(call)
        answer = misbehaviour(fault) if fault else None
        serve = KINDS.get(type(endpoint))
        if serve is None:
            return problem(501, f"The simulator cannot answer for endpoints of the kind {type(endpoint).__name__}.")
        if answer is None:
            answer = serve(self, self._collection(tenant_id, endpoint), call, kind)
        wait = self.latency
        if fault and fault.kind == "hang":
            wait += 60.0 if fault.seconds is None else fault.seconds
        return replace(answer, wait=wait, breakage=_BREAKAGES.get(kind or ""))

    def _collection(self, tenant_id: int, endpoint: Endpoint) -> Collection:
        if isinstance(endpoint, reporting.ReportOperation):
            return self.world.collection(tenant_id, "reports")
        collection = self.world.collection(tenant_id, endpoint.name)
        return collection if collection.endpoint is endpoint else twin(collection, endpoint)

    def _log(
        self, call: Call, answer: Answer, tenant_id: int | None, endpoint: Endpoint | None, fault: str | None
    ) -> None:
        status = 0 if answer.breakage == "reset" else answer.status
        stream = endpoint.name if endpoint else None
        with self._lock:
            self.answered[stream or call.path, status] += 1
            self.requests.append(
                Request(
                    call.method,
                    call.path,
                    call.query,
                    status,
                    tenant_id,
                    stream,
                    fault,
                    headers=call.headers,
                    body=call.body,
                    at=monotonic(),
                )
            )

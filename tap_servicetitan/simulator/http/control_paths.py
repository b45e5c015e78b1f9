"""The paths below ``/simulator/``: with them a test in any language controls the simulator, for example with curl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_servicetitan.simulator.http.overview import Overview
    from tap_servicetitan.simulator.http.request_log import RequestLog

PREFIX: Final = "/simulator/"


class Controls(Protocol):
    """What can be controlled: methods of the simulator."""

    @property
    def config(self) -> dict[str, Any]:
        """The settings that a tap needs."""

    def config_at(self, url: str) -> dict[str, Any]:
        """Return the same settings, with another root of the API."""

    @property
    def now(self) -> str:
        """The time of the simulator's clock."""

    def advance(  # noqa: PLR0913  as in Simulator.advance
        self,
        *,
        minutes: float,
        new: int,
        changed: int,
        recent: int,
        removed: int,
        stream: str | None,
    ) -> None:
        """Move the clock and change records."""

    def add_field(self, stream: str, field: str) -> None:
        """Let records have one more field."""

    def add_collection(self, name: str, *, api: str, path: str, kind: str, like: str) -> None:
        """Serve one more collection."""

    def misbehave(self, kind: str, **options: Any) -> dict[str, Any]:
        """Let requests fail."""

    def behave(self) -> None:
        """End all faults."""

    def records(self, stream: str, tenant_id: int | str | None) -> list[dict[str, Any]]:
        """Return the records of a stream."""


class ControlPaths:
    """Answers requests to the control paths."""

    def __init__(self, controls: Controls, log: RequestLog, overview: Overview) -> None:
        self._controls = controls
        self._log = log
        self._overview = overview
        self._routes: Mapping[str, tuple[str, Callable[[ApiRequest], object]]] = {
            "config": ("GET", self._config),
            "advance": ("POST", self._advance),
            "add-field": ("POST", self._add_field),
            "add-collection": ("POST", self._add_collection),
            "misbehave": ("POST", self._misbehave),
            "behave": ("POST", self._behave),
            "records": ("GET", self._records),
            "requests": ("GET", self._requests),
            "overview": ("GET", self._describe),
        }

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer a request; the JSON of a response with 400, 404 or 405 has an ``error`` that says what is wrong."""
        route = self._routes.get(request.path.removeprefix(PREFIX))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for name, (method, _) in self._routes.items())
            return json_response({"error": f"There is no {request.path}: there are {known}."}, 404)
        method, answer = route
        if request.method != method:
            return json_response({"error": f"{request.path} takes {method} only."}, 405)
        try:
            return json_response(answer(request))
        except (ValueError, msgspec.DecodeError) as error:
            return json_response({"error": str(error)}, 400)

    def _config(self, request: ApiRequest) -> object:
        """Name the address that the client came by: another container knows the simulator by another name."""
        host = request.headers.get("host")
        return self._controls.config_at(f"http://{host}") if host else self._controls.config

    def _describe(self, request: ApiRequest) -> object:
        tenant = request.query.get("tenant")
        return self._overview.describe(int(tenant) if tenant else None)

    def _advance(self, request: ApiRequest) -> object:
        options = msgspec.json.decode(request.body or b"{}", type=_Advance)
        self._controls.advance(**msgspec.structs.asdict(options))
        return {"now": self._controls.now}

    def _add_field(self, request: ApiRequest) -> object:
        self._controls.add_field(**msgspec.structs.asdict(msgspec.json.decode(request.body, type=_Field)))
        return {}

    def _add_collection(self, request: ApiRequest) -> object:
        self._controls.add_collection(**msgspec.structs.asdict(msgspec.json.decode(request.body, type=_Collection)))
        return {}

    def _misbehave(self, request: ApiRequest) -> object:
        options = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
        return self._controls.misbehave(**{"kind": "", **options})

    def _behave(self, _: ApiRequest) -> object:
        self._controls.behave()
        return {}

    def _records(self, request: ApiRequest) -> object:
        return self._controls.records(request.query.get("stream", ""), request.query.get("tenant"))

    def _requests(self, _: ApiRequest) -> object:
        return {
            "requests": self._log.counts(),
            "token_requests": self._log.token_requests,
            "max_in_flight": self._log.max_in_flight,
            "now": self._controls.now,
        }


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to advance."""

    minutes: float = 60.0
    new: int = 20
    changed: int = 10
    recent: int = 0
    removed: int = 0
    stream: str | None = None


class _Field(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request for one more field."""

    stream: str
    field: str


class _Collection(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request for one more collection."""

    name: str
    api: str
    path: str
    kind: str
    like: str

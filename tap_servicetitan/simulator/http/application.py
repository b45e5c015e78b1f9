"""What the server serves: the API, its token endpoint and the control paths, with a log of the requests."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tap_servicetitan.simulator.api.service import TOKEN_PATH
from tap_servicetitan.simulator.http.control_paths import PREFIX, ControlPaths

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.api.service import Service
    from tap_servicetitan.simulator.http.control_paths import Controls
    from tap_servicetitan.simulator.http.request_log import RequestLog


class Application:
    """Answers every request that the server receives."""

    def __init__(self, service: Service, log: RequestLog, controls: Controls) -> None:
        self._service = service
        self._log = log
        self._control_paths = ControlPaths(controls, log)

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer a request; the log has all except those of the control paths."""
        if request.path.startswith(PREFIX):
            return self._control_paths.handle(request)
        exchange = self._service.handle(request)
        self._log.add(exchange)
        return exchange.response

    def track_in_flight(self, request: ApiRequest) -> AbstractContextManager[None]:
        """Count a request of the API as in flight until the end of the ``with`` block."""
        outside = request.path == TOKEN_PATH or request.path.startswith(PREFIX)
        return nullcontext() if outside else self._log.track_in_flight()

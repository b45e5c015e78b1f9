"""What the server serves: the API, its token endpoint and the control paths, with a log of the requests."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import resources
from time import monotonic
from typing import TYPE_CHECKING, Final

from tap_servicetitan.simulator.api.http_types import HTML, ApiResponse, method_not_allowed
from tap_servicetitan.simulator.api.service import TOKEN_PATH
from tap_servicetitan.simulator.http.control_paths import PREFIX, ControlPaths

if TYPE_CHECKING:
    from tap_servicetitan.simulator.api.http_types import ApiRequest
    from tap_servicetitan.simulator.api.service import Service
    from tap_servicetitan.simulator.http.control_paths import Controls
    from tap_servicetitan.simulator.http.overview import Overview
    from tap_servicetitan.simulator.http.request_log import RequestLog


PAGE_PATH: Final = "/"

_PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; frame-ancestors 'none'",
}


def page_response() -> ApiResponse:
    """Return the page for people, a file of the package; it requests nothing but control paths of this server."""
    file = resources.files("tap_servicetitan.simulator.http") / "page.html"
    return ApiResponse(200, file.read_bytes(), HTML, _PAGE_HEADERS)


class Application:
    """Answers every request that the server receives."""

    def __init__(self, service: Service, log: RequestLog, controls: Controls, overview: Overview) -> None:
        self._service = service
        self._log = log
        self._control_paths = ControlPaths(controls, log, overview)
        self._page = page_response()

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer a request; the log has all except those of the control paths and of the page."""
        if request.path.startswith(PREFIX):
            return self._control_paths.handle(request)
        if request.path == PAGE_PATH:
            return self._page if request.method in {"GET", "HEAD"} else method_not_allowed("GET, HEAD")
        start = monotonic()
        exchange = self._service.handle(request)
        self._log.add(exchange, monotonic() - start + exchange.response.wait)
        return exchange.response

    def track_in_flight(self, request: ApiRequest) -> AbstractContextManager[None]:
        """Count a request of the API as in flight until the end of the ``with`` block."""
        outside = request.path in {TOKEN_PATH, PAGE_PATH} or request.path.startswith(PREFIX)
        return nullcontext() if outside else self._log.track_in_flight()

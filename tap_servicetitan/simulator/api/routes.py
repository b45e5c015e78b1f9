"""Routes: which endpoint a path belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tap_servicetitan.simulator.api.endpoint_operations import operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.api.http_types import ApiRequest

_TENANT = re.compile(r"(?<=/tenant/)(\d+)(?=/)")
_PLACEHOLDER = re.compile(r"\\{(\w+)\\}")


class Routes:
    """Finds the endpoint of a request."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._fixed: dict[str, list[Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], Endpoint]] = []
        for endpoint in endpoints:
            self.add(endpoint)

    def add(self, endpoint: Endpoint) -> None:
        """Know one more endpoint."""
        if endpoint.url_path.count("{") == 1:
            self._fixed.setdefault(endpoint.url_path, []).append(endpoint)
        else:
            self._patterns.append((_pattern(endpoint), endpoint))

    def find(self, request: ApiRequest) -> tuple[Endpoint | None, int | None, Mapping[str, str]]:
        """Return the endpoint, the tenant and the values of the placeholders in the path.

        Where several endpoints have the same path, the parameters decide (marketing's performance), or the method
        (queries of reports).
        """
        tenant = _TENANT.search(request.path)
        if tenant is None:
            return None, None, {}
        path = f"{request.path[: tenant.start()]}{{tenant_id}}{request.path[tenant.end() :]}"
        if found := self._fixed.get(path):
            matching = (one for one in found if request.query.items() >= dict(one.params).items())
            return (next(matching, None) if len(found) > 1 else None) or found[0], int(tenant[1]), {}
        matches = [(each, match) for pattern, each in self._patterns if (match := pattern.fullmatch(path))]
        if not matches:
            return None, int(tenant[1]), {}
        by_method = (one for one in matches if operation(one[0]).method == request.method)
        endpoint, match = next(by_method, matches[0])
        return endpoint, int(tenant[1]), match.groupdict()


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    """Compile the path of an endpoint to a pattern; the placeholder of the tenant stays."""
    pattern = _PLACEHOLDER.sub(
        lambda match: match[0] if match[1] == "tenant_id" else f"(?P<{match[1]}>[^/]+)", re.escape(endpoint.url_path)
    )
    return re.compile(pattern)

"""Which entry of the table a path belongs to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_servicetitan.endpoints import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.answers import Call

_TENANT = re.compile(r"(?<=/tenant/)(\d+)(?=/)")
_PARAMETER = re.compile(r"\\{(\w+)\\}")


class Routes:
    """Finds the endpoint of a call: a stream's, or the list beside a feed that nested streams page over."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        twins = [replace(entry, api=api) for api, entries in table.PARENTS.items() for entry in entries]
        self._fixed: dict[str, list[Endpoint]] = {}
        self._open: list[tuple[re.Pattern[str], Endpoint]] = []
        for endpoint in (*endpoints, *twins):
            if endpoint.url_path.count("{") == 1:
                self._fixed.setdefault(endpoint.url_path, []).append(endpoint)
            else:
                self._open.append((_pattern(endpoint), endpoint))

    def find(self, call: Call) -> tuple[Endpoint | None, int | None, Mapping[str, str]]:
        """Return the endpoint, the tenant and what stands for the placeholders of the path.

        Where several entries read the same path, as those of marketing's performance do, their parameters decide.
        """
        tenant = _TENANT.search(call.path)
        if tenant is None:
            return None, None, {}
        path = f"{call.path[: tenant.start()]}{{tenant_id}}{call.path[tenant.end() :]}"
        if found := self._fixed.get(path):
            told = (one for one in found if call.query.items() >= dict(one.params).items())
            return (next(told, None) if len(found) > 1 else None) or found[0], int(tenant[1]), {}
        for pattern, endpoint in self._open:
            if match := pattern.fullmatch(path):
                return endpoint, int(tenant[1]), match.groupdict()
        return None, int(tenant[1]), {}


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    """Match the paths of an endpoint, its tenant still generic."""
    fixed = _PARAMETER.sub(
        lambda match: match[0] if match[1] == "tenant_id" else f"(?P<{match[1]}>[^/]+)", re.escape(endpoint.url_path)
    )
    return re.compile(fixed)

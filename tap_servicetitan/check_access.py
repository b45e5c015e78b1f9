"""What the app may read: a cheap request to each stream of each tenant, and a table of the answers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import msgspec

from tap_servicetitan import text_table
from tap_servicetitan.endpoints import table
from tap_servicetitan.errors import Failure, Verdict, summary
from tap_servicetitan.reports.discovery import SCOPE
from tap_servicetitan.runtime.workers import run as run_jobs

if TYPE_CHECKING:
    from tap_servicetitan.streams.base import EndpointStream
    from tap_servicetitan.tap import TapServiceTitan


class Access(msgspec.Struct, frozen=True):
    """Whether a stream of a tenant can be read, and if not, why and what to do."""

    tenant_id: str
    stream: str
    access: Verdict | Literal["readable"]
    scope: str
    """The OAuth scope that reading needs."""
    cause: str = ""
    remedy: str = ""


def check(tap: TapServiceTitan) -> list[Access]:
    """Try the selected streams of every tenant, several at once, within the rate budget."""
    streams = tap.selected_streams()
    tenant_ids = [tenant.tenant_id for tenant in tap.settings.tenants]
    pairs = [(stream, tenant_id) for tenant_id in tenant_ids for stream in streams if tenant_id in stream.tenant_ids]
    found: dict[tuple[str, str], Access] = {}

    def probe(stream: EndpointStream, tenant_id: str) -> None:
        scope = table.scope(stream.endpoint)
        failure = tap.attempt(stream, tenant_id, functools.partial(stream.probe, tenant_id))
        readable = Access(tenant_id, stream.name, "readable", scope)
        found[tenant_id, stream.name] = _refused(failure, scope) if failure else readable

    jobs = [functools.partial(probe, *pair) for pair in pairs]
    run_jobs(jobs, worker_lock=tap.worker_lock, workers=tap.settings.concurrency, on_abort=lambda: None)
    tried = [found[tenant_id, stream.name] for stream, tenant_id in pairs]
    left_out = [_refused(failure, SCOPE) for failure in tap.left_out]
    return sorted([*tried, *left_out], key=lambda each: tenant_ids.index(each.tenant_id))


def _refused(failure: Failure, scope: str) -> Access:
    return Access(failure.tenant_id, failure.stream, failure.verdict, scope, failure.cause, failure.remedy)


def for_people(found: list[Access]) -> str:
    """Return a table, and below it what to do."""
    rows = [[each.tenant_id, each.stream, each.access, each.scope] for each in found]
    readable = sum(each.access == "readable" for each in found)
    lines = [*text_table.lines(["tenant", "stream", "access", "scope"], rows), ""]
    lines.append(f"{readable} of {len(found)} streams can be read.")
    refused = (
        Failure(each.tenant_id, each.stream, each.cause, each.remedy) for each in found if each.access != "readable"
    )
    return "\n".join([*lines, *(f"  {line}" for line in summary(refused))])


def for_programs(found: list[Access]) -> str:
    """Return a JSON array of objects, one a stream of a tenant."""
    return msgspec.json.format(msgspec.json.encode(found)).decode()

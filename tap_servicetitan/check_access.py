"""``--check-access``: a small request to each selected stream of each tenant, and a table of the results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from tap_servicetitan import text_table
from tap_servicetitan.endpoints import table
from tap_servicetitan.errors import Verdict
from tap_servicetitan.failures import Failure, run_guarded, summary
from tap_servicetitan.reports.discovery import SCOPE
from tap_servicetitan.runtime.progress_bar import progress_bar
from tap_servicetitan.runtime.workers import Job, run_jobs

if TYPE_CHECKING:
    from tap_servicetitan.runtime.context import RunContext
    from tap_servicetitan.streams.base import EndpointStream

T = TypeVar("T")


class StreamAccess(msgspec.Struct, frozen=True):
    """Whether a stream of a tenant can be read, and if not, why and what to do."""

    tenant_id: str
    stream: str
    access: Verdict | Literal["readable"]
    scope: str
    """The OAuth scope that reading needs."""
    cause: str = ""
    remedy: str = ""


def check(
    streams: Sequence[EndpointStream], context: RunContext, undescribed: Sequence[Failure] = ()
) -> list[StreamAccess]:
    """Request a little of each stream from every tenant, several at the same time, within the rate limit.

    Args:
        streams: The selected streams.
        context: What they share.
        undescribed: Custom reports that discovery could not describe.
    """
    scopes = {stream.name: table.scope(stream.endpoint) for stream in streams}

    def refused(failure: Failure) -> StreamAccess:
        scope = scopes.get(failure.stream, SCOPE)
        return StreamAccess(failure.tenant_id, failure.stream, failure.verdict, scope, failure.cause, failure.remedy)

    return for_each_tenant(streams, context, _probe, refused, undescribed)


def for_each_tenant(
    streams: Sequence[EndpointStream],
    context: RunContext,
    action: Callable[[EndpointStream, str], T],
    failed: Callable[[Failure], T],
    undescribed: Sequence[Failure] = (),
) -> list[T]:
    """Do something with each stream of every tenant; return the results by tenant, then by stream.

    Args:
        streams: The selected streams.
        context: What they share.
        action: What to do with a stream and a tenant.
        failed: Makes the result of a failure.
        undescribed: Custom reports that discovery could not describe.
    """
    context.prepare()
    tenant_ids = [tenant.tenant_id for tenant in context.settings.tenants]
    pairs = [(stream, tenant_id) for tenant_id in tenant_ids for stream in streams if tenant_id in stream.tenant_ids]
    found: dict[tuple[str, str], T] = {}

    def act(stream: EndpointStream, tenant_id: str) -> None:
        def note() -> None:
            found[tenant_id, stream.name] = action(stream, tenant_id)

        if failure := run_guarded(note, tenant_id, stream.name, functools.partial(stream.failure, tenant_id)):
            found[tenant_id, stream.name] = failed(failure)
        step()

    jobs = [Job(tenant_id, functools.partial(act, stream, tenant_id)) for stream, tenant_id in pairs]
    with progress_bar(len(jobs), "Streams") as step:
        run_jobs(jobs, worker_lock=context.worker_lock, slots=context.pool.slots, on_abort=lambda: None)
    results = [(tenant_id, found[tenant_id, stream.name]) for stream, tenant_id in pairs]
    results += [(failure.tenant_id, failed(failure)) for failure in undescribed]
    return [result for _, result in sorted(results, key=lambda pair: tenant_ids.index(pair[0]))]


def _probe(stream: EndpointStream, tenant_id: str) -> StreamAccess:
    stream.probe(stream.api(tenant_id))
    return StreamAccess(tenant_id, stream.name, "readable", table.scope(stream.endpoint))


def as_table(found: list[StreamAccess]) -> str:
    """Return a table, and below it what to do."""
    rows = [[access.tenant_id, access.stream, access.access, access.scope] for access in found]
    readable = sum(access.access == "readable" for access in found)
    lines = [*text_table.lines(["tenant", "stream", "access", "scope"], rows), ""]
    lines.append(f"{readable} of {len(found)} streams can be read.")
    refused = (
        Failure(access.tenant_id, access.stream, access.cause, access.remedy)
        for access in found
        if access.access != "readable"
    )
    return "\n".join([*lines, *(f"  {line}" for line in summary(refused))])


def as_json(found: list[StreamAccess]) -> str:
    """Return a JSON array of objects, one for each stream of a tenant."""
    return msgspec.json.format(msgspec.json.encode(found)).decode()

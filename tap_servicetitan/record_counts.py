"""``--count``: how many records the API says there are of each selected stream, to compare with the warehouse."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from tap_servicetitan import text_table
from tap_servicetitan.check_access import for_each_tenant
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Export, Listing, Nested
from tap_servicetitan.endpoints.operations import operations, shape
from tap_servicetitan.failures import Failure, summary
from tap_servicetitan.streams.reading.bodies import ListPage
from tap_servicetitan.streams.reading.parents import estimate

if TYPE_CHECKING:
    from tap_servicetitan.runtime.context import RunContext
    from tap_servicetitan.streams.base import EndpointStream

ALL_STATES = {"active": "Any", "activeState": "All", "includeInactive": "true"}
"""By parameter, the value with which a list has inactive records too."""


class RecordCount(msgspec.Struct, frozen=True):
    """How many records a stream of a tenant has."""

    tenant_id: str
    stream: str
    records: int | None = None
    """None where the API does not count them, or could not be asked."""

    parents: int | None = None
    """How many parents a nested stream has: a first run sends a request for each of them."""

    estimate: str = ""
    """How long these requests take, in words."""

    cause: str = ""
    """Why it could not be asked."""
    remedy: str = ""


def count(
    streams: Sequence[EndpointStream], context: RunContext, undescribed: Sequence[Failure] = ()
) -> list[RecordCount]:
    """Request one record and the total of each stream from every tenant, several at the same time.

    Args:
        streams: The selected streams.
        context: What they share.
        undescribed: Custom reports that discovery could not describe.
    """
    return for_each_tenant(streams, context, _count, _failed, undescribed)


@functools.cache
def counting_endpoint(endpoint: Endpoint) -> Listing | None:
    """Return the list that counts an endpoint's records, which is beside it for a feed; None if there is none."""
    if isinstance(endpoint, Listing):
        return endpoint if endpoint.has_total and endpoint.has_more_flag and endpoint.page_size else None
    if not isinstance(endpoint, Export) or endpoint.explode:
        return None
    path = endpoint.path.removeprefix("export/")
    for twin in table.PARENTS.get(endpoint.api, ()):
        if twin.path == path:
            return replace(twin, api=endpoint.api)
    found = operations().get(shape(replace(endpoint, path=path).url_path))
    if found is None or found.kind != "list" or found.required or "includeTotal" not in found.query:
        return None
    params = {name: value for name, value in ALL_STATES.items() if name in found.query}
    return Listing(endpoint.name, path, api=endpoint.api, active_filter=None, sort=None, params=params)


def as_table(found: list[RecordCount]) -> str:
    """Return a table; below it how long nested streams take, and what to do about streams that could not be counted."""
    rows = [[each.tenant_id, each.stream, "-" if each.records is None else f"{each.records:,}"] for each in found]
    failures = (Failure(each.tenant_id, each.stream, each.cause, each.remedy) for each in found if each.cause)
    return "\n".join(
        [
            *text_table.lines(["tenant", "stream", "records"], rows),
            *(f"  tenant {each.tenant_id}, stream {each.stream}: {each.estimate}" for each in found if each.estimate),
            *(f"  {line}" for line in summary(failures)),
        ]
    )


def as_json(found: list[RecordCount]) -> str:
    """Return a JSON array of objects, one for each stream of a tenant."""
    return msgspec.json.format(msgspec.json.encode(found)).decode()


def _count(stream: EndpointStream, tenant_id: str) -> RecordCount:
    nested = stream.endpoint if isinstance(stream.endpoint, Nested) else None
    endpoint = counting_endpoint(table.parent(nested) if nested else stream.endpoint)
    if endpoint is None:
        return RecordCount(tenant_id, stream.name)
    api = stream.reader_of(endpoint, tenant_id, msgspec.json.Decoder(ListPage[Any]).decode)
    body: ListPage[Any] = api.fetch({**api.page_params(0, size=1), "includeTotal": "true"})
    if not nested or body.total is None:
        return RecordCount(tenant_id, stream.name, body.total)
    time = estimate(body.total, stream.run_context.settings.requests_per_second)
    return RecordCount(tenant_id, stream.name, parents=body.total, estimate=time)


def _failed(failure: Failure) -> RecordCount:
    return RecordCount(failure.tenant_id, failure.stream, cause=failure.cause, remedy=failure.remedy)

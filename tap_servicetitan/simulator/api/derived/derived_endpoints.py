"""Every operation that no stream of the table reads: lists beside feeds, legacy feeds, records by their id, and odd ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export, Listing, Unpaged
from tap_servicetitan.endpoints.operations import find, operations, shape
from tap_servicetitan.simulator.api.derived.derived_kinds import RecordById
from tap_servicetitan.simulator.api.derived.odd_endpoints import ODD_ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.endpoints.operations import Operation

_BY_ID: Final = "/{}"


@cache
def derived_endpoints() -> tuple[Endpoint, ...]:
    """Return the endpoints of the documents that read the records of a stream in another way than the table."""
    feeds = [one for one in table.TABLE if isinstance(one, Export) and one.explode is None]
    lists = {
        path: Listing(feed.name, path.removeprefix(f"{feed.api}/"), api=feed.api, resource=_resource(operation))
        for feed in feeds
        for path in [shape(feed.url_path).replace("/export/", "/")]
        for operation in [operations().get(path)]
        if operation is not None and operation.kind == "list"
    }
    # The table has some lists itself, with their own names.
    own_lists = {shape(one.url_path): one for one in table.TABLE if isinstance(one, Listing | Unpaged)}
    beside_feeds = [one for path, one in lists.items() if path not in own_lists]
    named = {shape(feed.url_path).replace("/export/", "/"): feed for feed in feeds} | own_lists
    return (*beside_feeds, *_legacy_feeds(feeds), *_records_by_id(named), *map(_with_scope, ODD_ENDPOINTS))


def _with_scope(endpoint: Endpoint) -> Endpoint:
    found = find(endpoint)
    return replace(endpoint, oauth_scope=found.scope if found else None)


def _legacy_feeds(feeds: list[Export]) -> list[Export]:
    """Return the feeds that the documents also have under the path of their list: ``estimates/export``."""
    return [
        Export(feed.name, path.removeprefix(f"{feed.api}/"), api=feed.api, resource=_resource(operation))
        for feed in feeds
        for path in [f"{shape(feed.url_path).replace('/export/', '/')}/export"]
        for operation in [operations().get(path)]
        if operation is not None and operation.kind == "export"
    ]


def _records_by_id(collections: Mapping[str, Endpoint]) -> list[RecordById]:
    in_table = {shape(one.url_path) for one in table.TABLE}
    return [
        RecordById(
            of.name,
            f"{path.removesuffix(_BY_ID)}/{{id}}".removeprefix(f"{of.api}/"),
            api=of.api,
            resource=_resource(one),
        )
        for path, one in operations().items()
        if one.kind == "by id" and path.endswith(_BY_ID) and path not in in_table
        for of in [collections.get(path.removesuffix(_BY_ID))]
        if of is not None
    ]


def _resource(operation: Operation) -> str | None:
    """Return the resource of an operation's scope, such as ``bookings`` of ``tn.crm.bookings:r``."""
    return operation.scope.rpartition(":")[0].rpartition(".")[2] if operation.scope else None

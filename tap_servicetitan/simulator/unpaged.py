"""What comes in one answer: arrays, and the one object that a tenant has of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.listings import cached
from tap_servicetitan.simulator.operations import operation
from tap_servicetitan.simulator.parameters import Parameters
from tap_servicetitan.simulator.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_servicetitan.simulator.answers import Answer, Call
    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.service import Service

Records = list[dict[str, Any]]

AROUND: Final[Mapping[str, Callable[[Collection, Records], dict[str, Any]]]] = {
    "marketingads/v2/capacity-warnings": lambda collection, data: {
        "tenantId": collection.tenant_id,
        "tenantName": f"Tenant {collection.tenant_id}",
        "totalCount": len(data),
    },
    "pricebook/v2/materials/costtypes": lambda _, data: {
        "page": 1,
        "pageSize": len(data),
        "totalCount": None,
        "hasMore": False,
    },
}
"""What stands beside the records (OpenAPI documents)."""


def array(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with all records, in an object where the operation has one around them."""
    del fault
    endpoint = collection.endpoint

    def render() -> bytes:
        takes = operation(endpoint)
        parameters = Parameters(takes, call.query)
        with collection.history.lock:
            _, log = collection.now()
            data = [collection.make(index) for index in select(collection, collection.indices(), parameters, log)]
        if takes.records == "[]":
            return msgspec.json.encode(data)
        around = AROUND.get(f"{endpoint.api}/{endpoint.path}")
        return msgspec.json.encode({**(around(collection, data) if around else {}), "data": data})

    return cached(service, collection, call, render)


def single(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with the one object."""
    del fault

    def render() -> bytes:
        with collection.history.lock:
            return msgspec.json.encode(collection.make(0))

    return cached(service, collection, call, render)

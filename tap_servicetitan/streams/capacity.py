"""Availability in the days ahead, of business units, a day a request."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import msgspec
from typing_extensions import override

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Capacity, Listing
from tap_servicetitan.errors import MissingScopeError, PaginationError
from tap_servicetitan.settings import Tenant
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import ListPage
from tap_servicetitan.streams.reading.list_reader import ListReader

BUSINESS_UNITS = Listing("business_units", "business-units", api="settings/v2", active_filter="True", sort=None)
"""The active ones."""


class _BusinessUnit(msgspec.Struct):
    id: int


_decode_units = msgspec.json.Decoder(ListPage[_BusinessUnit]).decode


@dataclass(frozen=True)
class _Requests:
    """What is requested of one tenant."""

    tenant: Tenant
    business_unit_ids: list[int]

    def body(self, day: date) -> dict[str, Any]:
        """Return what is sent for a day of the tenant."""
        return {
            "startsOnOrAfter": format_api_date(self.tenant.start_of(day)),
            "endsOnOrBefore": format_api_date(self.tenant.start_of(day + timedelta(days=1))),
            "businessUnitIds": self.business_unit_ids,
            "skillBasedAvailability": False,
        }


class CapacityStream(EndpointStream):
    """Availability from today on.

    Without ids of business units, an answer may leave out those that are in no capacity group (MeltanoLabs/tap-service-titan).
    """

    endpoint: ClassVar[Capacity]

    @property
    @override
    def always_partial(self) -> str:
        return "a run reads the days ahead only"

    @override
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        requests = self._requests(api)
        if not requests.business_unit_ids:
            text = "Tenant %s, stream %s: no active business unit, so nothing to read."
            self.log(text, api.tenant_id, self.name, level=logging.WARNING)
            return
        today = requests.tenant.day(self.run_context.started)
        days = [today + timedelta(days=n) for n in range(self.run_context.settings.capacities_lookahead_days)]

        def request(day: date) -> Any:
            return api.request({}, body=requests.body(day))

        for answer in self.run_context.prefetcher.map(request, days):
            yield Page(self.records_of(answer.data))

    @override
    def probe(self, api: ApiReader) -> None:
        requests = self._requests(api)
        api.fetch({}, body=requests.body(requests.tenant.day(self.run_context.started)))

    def _requests(self, api: ApiReader) -> _Requests:
        tenants = {tenant.tenant_id: tenant for tenant in self.run_context.settings.tenants}
        tenant = tenants[api.tenant_id]
        return _Requests(
            tenant, list(tenant.capacities_business_unit_ids) or self._active_business_units(api.tenant_id)
        )

    def _active_business_units(self, tenant_id: str) -> list[int]:
        reader = ListReader(self.reader_of(BUSINESS_UNITS, tenant_id, _decode_units), {}, _values)
        found: dict[int, None] = {}
        try:
            for rows in reader.read():
                found.update((unit.id, None) for unit in rows.records)
                if rows.incomplete:
                    msg = f"The business units to ask for are not all known: {rows.incomplete}."
                    raise PaginationError(msg)
        except MissingScopeError as error:
            error.scope = table.scope(BUSINESS_UNITS)
            raise
        return list(found)


def _values(records: Any, name: str) -> Iterator[Any]:
    return (getattr(record, name) for record in records)

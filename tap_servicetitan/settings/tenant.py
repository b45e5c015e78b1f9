"""The settings of one tenant, and where its credentials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from singer_sdk import typing as th

from tap_servicetitan.settings import rules
from tap_servicetitan.settings.definition import setting, text, typed_values

TENANT_ID = th.CustomType({"type": ["string", "integer"]})
NUMBERS = th.ArrayType(TENANT_ID)


def parse_numbers(values: Sequence[str | int] | None) -> tuple[int, ...]:
    """Return ids as integers."""
    return tuple(map(int, values or ()))


@dataclass(frozen=True)
class Tenant:
    """A company in ServiceTitan, with the app's credentials for it."""

    tenant_id: str = setting("tenant_id", TENANT_ID, required=True, parse=text, rule=rules.tenant_number)
    client_id: str = setting("client_id", th.StringType, parse=text)
    client_secret: str = setting("client_secret", th.StringType, secret=True, parse=text)
    timezone: str = setting("timezone", th.StringType, parse=text, rule=rules.time_zone)

    capacities_business_unit_ids: tuple[int, ...] = setting(
        "capacities_business_unit_ids", NUMBERS, parse=parse_numbers, rule=rules.numbers
    )

    def day(self, moment: datetime) -> date:
        """Return the tenant's date at a moment."""
        return moment.astimezone(rules.zone(self.timezone or "UTC")).date()

    def start_of(self, day: date) -> datetime:
        """Return when a day of the tenant begins."""
        return datetime.combine(day, time(), rules.zone(self.timezone or "UTC"))


def parse_tenants(entries: Sequence[Mapping[str, Any]] | None) -> tuple[Tenant, ...]:
    """Return the tenants of complete entries, which :func:`tenant_entries` makes."""
    return tuple(Tenant(**typed_values(Tenant, entry)) for entry in entries or ())


def tenant_entries(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an entry for each tenant, with the credentials of the top level where it has none of its own."""
    above = {
        name: config.get(name)
        for name in ("tenant_id", "client_id", "client_secret", "timezone", "capacities_business_unit_ids")
    }
    return [{**above, **entry} for entry in config.get("tenants") or [{}]]

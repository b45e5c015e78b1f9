"""The settings of a connection: credentials, tenants and hosts."""

from __future__ import annotations

from dataclasses import dataclass

from singer_sdk import typing as th

from tap_servicetitan.settings import rules
from tap_servicetitan.settings.definition import json_object, setting, text
from tap_servicetitan.settings.hosts import HOSTS
from tap_servicetitan.settings.tenant import TENANT_ID, Tenant, parse_tenants


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Who reads what from where."""

    client_id: str = setting(
        "client_id",
        th.StringType,
        title="Client ID",
        description="The app's client id for the tenant.",
        parse=text,
    )
    client_secret: str = setting(
        "client_secret",
        th.StringType,
        secret=True,
        title="Client secret",
        description="The app's client secret for the tenant.",
        parse=text,
    )
    st_app_key: str = setting(
        "st_app_key",
        th.StringType,
        required=True,
        secret=True,
        title="App key",
        description="The app's key (`ak1.…`), the same for all tenants and environments.",
        parse=text,
        rule=rules.header,
    )
    tenant_id: str = setting(
        "tenant_id",
        TENANT_ID,
        title="Tenant ID",
        description="The tenant (company) to read: its number.",
        parse=text,
        rule=rules.tenant_number,
    )
    tenants: tuple[Tenant, ...] = setting(
        "tenants",
        th.ArrayType(json_object(Tenant)),
        title="Tenants",
        description=(
            "Several tenants in one run, instead of `tenant_id`: a list of `tenant_id`, `client_id` and `client_secret`. What "
            "an entry leaves out is taken from above, also `timezone` and `capacities_business_unit_ids`."
        ),
        parse=parse_tenants,
    )
    """Each with its credentials; one where the config has no list."""

    environment: str = setting(
        "environment",
        th.StringType,
        default="production",
        choices=list(HOSTS),
        title="Environment",
        description="Which of ServiceTitan's hosts to read: `production` or `integration`. Each has credentials of its own.",
        parse=text,
    )
    api_url: str = setting(
        "api_url",
        th.StringType,
        title="API URL",
        description="Root of the API, instead of the environment's. Plain http only for this machine.",
        parse=text,
        rule=rules.root_url,
    )
    """Without a slash at its end."""

    auth_url: str = setting(
        "auth_url",
        th.StringType,
        title="Token URL",
        description="The OAuth token URL itself, instead of the environment's. Plain http only for this machine.",
        parse=text,
        rule=rules.url,
    )

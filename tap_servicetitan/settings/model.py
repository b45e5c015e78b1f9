"""The settings of the tap, one definition each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from singer_sdk import typing as th

from tap_servicetitan.dates import parse_date
from tap_servicetitan.settings import rules
from tap_servicetitan.settings.connection import Connection
from tap_servicetitan.settings.custom_reports import ENTRIES, CustomReport, parse_reports
from tap_servicetitan.settings.definition import (
    definitions,
    setting,
    text,
    typed_values,
)
from tap_servicetitan.settings.extra_streams import ENTRIES as EXTRA_STREAMS
from tap_servicetitan.settings.extra_streams import ExtraStream, parse_extra_streams
from tap_servicetitan.settings.hosts import HOSTS
from tap_servicetitan.settings.tenant import NUMBERS, parse_numbers, parse_tenants, tenant_entries


def _date(value: str | None) -> datetime | None:
    return parse_date(value.strip()) if value else None


@dataclass(frozen=True, kw_only=True)
class Settings(Connection):
    """A valid config, in the types that the tap works with."""

    start_date: datetime | None = setting(  # noqa: RUF009 -- makes a field
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Where a first sync starts, by modification date. Without it, everything is read.",
        parse=_date,
        rule=rules.past_date,
    )
    windows_start_date: datetime | None = setting(  # noqa: RUF009 -- makes a field
        "windows_start_date",
        th.DateTimeType,
        title="Start date of windows",
        description=(
            "Where a first sync starts with figures by day, such as `campaign_performance`: a request for each day. Unless "
            "set, at `start_date`, or 365 days ago."
        ),
        parse=_date,
        rule=rules.past_date,
    )
    timezone: str = setting(
        "timezone",
        th.StringType,
        default="UTC",
        title="Time zone",
        description="The tenant's time zone by its IANA name, such as `America/Denver`: when a day of reports begins.",
        parse=text,
        rule=rules.time_zone,
    )
    custom_reports: tuple[CustomReport, ...] = setting(
        "custom_reports",
        ENTRIES,
        title="Custom reports",
        description=(
            "Reports to read as streams: a list of `report_name`, `report_category`, `report_id` and `parameters`. "
            "`--list-reports --format yaml` prints the entries."
        ),
        parse=parse_reports,
    )
    extra_streams: tuple[ExtraStream, ...] = setting(
        "extra_streams",
        EXTRA_STREAMS,
        title="Extra streams",
        description="Collections that the tap does not know yet: a list of `name`, `api`, `path` and `kind`.",
        parse=parse_extra_streams,
    )
    skip_unentitled_streams: bool = setting(
        "skip_unentitled_streams",
        th.BooleanType,
        default=False,
        title="Skip unentitled streams",
        description="`true` skips, with a warning, streams that are not licensed or whose scope the app lacks.",
    )
    capacities_business_unit_ids: tuple[int, ...] = setting(
        "capacities_business_unit_ids",
        NUMBERS,
        title="Business units of capacities",
        description="Ids of the business units that the stream `capacities` reads. Unless set, all active ones.",
        parse=parse_numbers,
        rule=rules.numbers,
    )
    capacities_lookahead_days: int = setting(
        "capacities_lookahead_days",
        th.IntegerType(minimum=1, maximum=366),
        default=14,
        title="Days of capacities",
        description="Days that the stream `capacities` reads, a request each, from today in the tenant's time zone.",
    )
    unknown_fields: str = setting(
        "unknown_fields",
        th.StringType,
        default="warn",
        choices=["warn", "keep"],
        title="Unknown fields",
        description=(
            "Fields that the catalog lacks. `warn`: the tap ignores them and logs their names and what to do. `keep`: "
            "nested ones stay where they are, those at the top of a record go into the column `_unknown`."
        ),
        parse=text,
    )
    include_recent_changes: bool = setting(
        "include_recent_changes",
        th.BooleanType,
        default=False,
        title="Include recent changes",
        description="Feeds show changes 15 minutes late. `true` reads them at once; some records then come twice.",
    )
    request_timeout: float = setting(
        "request_timeout",
        th.NumberType(exclusive_minimum=0),
        default=120,
        title="Request timeout",
        description="Seconds to wait for an answer. The API itself gives up after 100.",
        parse=float,
        rule=rules.finite,
    )
    """Seconds."""

    concurrency: int = setting(
        "concurrency",
        th.IntegerType(minimum=1, maximum=64),
        default=8,
        title="Concurrency",
        description=(
            "The most requests in flight, over all tenants and streams. `1`: one after another. A tenant that gets 429, "
            "errors or no answer has one more beside them."
        ),
    )
    """Requests in flight at most."""

    requests_per_second: float = setting(
        "requests_per_second",
        th.NumberType(exclusive_minimum=0),
        default=40,
        title="Requests per second",
        description="The most requests a second, per tenant. ServiceTitan allows 60 to all users of an app together.",
        parse=float,
        rule=rules.finite,
    )
    """Per tenant."""

    reports_per_minute: float = setting(
        "reports_per_minute",
        th.NumberType(exclusive_minimum=0),
        default=1,
        title="Reports per minute",
        description="The most runs of the same custom report in a minute, per tenant. ServiceTitan allows one.",
        parse=float,
        rule=rules.finite,
    )
    """Per report and tenant."""

    full_reads: Mapping[str, float] = setting(
        "full_reads",
        th.ObjectType(additional_properties=th.NumberType(exclusive_minimum=0)),
        title="Full reads",
        description=(
            "Days after which an incremental stream is read in full, by stream name, so that the target marks the rows "
            'that vanished from ServiceTitan, such as `{"customer_contacts": 7}`.'
        ),
        parse=lambda value: dict(value or {}),
    )
    """Days by stream name."""

    nested_parents: Mapping[str, str] = setting(
        "nested_parents",
        th.CustomType({"type": ["string", "object"], "additionalProperties": {"enum": list(rules.NESTED_PARENTS)}}),
        title="Parents of nested streams",
        description=(
            "Of which parents a nested stream requests records: `all`, or those that `changed` since the last run. One word "
            'for all nested streams, or by stream name, `"*"` for the others: `{"customer_notes": "changed"}`. By default '
            "as in STREAMS.md."
        ),
        parse=lambda value: {"*": value.strip()} if isinstance(value, str) else dict(value or {}),
        rule=rules.nested_parents,
    )
    """``all`` or ``changed`` by stream name; ``*`` for those without a word of their own."""

    log_interval: float = setting(
        "log_interval",
        th.NumberType(minimum=0),
        default=10,
        title="Log interval",
        description="Seconds between the log's lines on the progress of each stream. `0`: none.",
        parse=float,
        rule=rules.finite,
    )
    """Seconds; 0 for none."""

    user_agent: str = setting(
        "user_agent",
        th.StringType,
        title="User agent",
        description="How the tap names itself to the API; its name and version unless set.",
        parse=text,
        rule=rules.header,
    )
    emit_activate_version_messages: bool = setting(
        "emit_activate_version_messages",
        th.BooleanType,
        default=False,
        title="Emit ACTIVATE_VERSION messages",
        description="After a stream was read in full, the target marks the rows that vanished.",
    )

    @classmethod
    def parse(cls, config: Mapping[str, Any], *, user_agent: str) -> Settings:
        """Read a valid config.

        Args:
            config: The tap's config, in which :func:`tap_servicetitan.settings.problems` found none.
            user_agent: What the tap calls itself if the config does not say.
        """
        values = typed_values(cls, config)
        api_url, auth_url = HOSTS[values["environment"]]
        values["api_url"] = (values["api_url"] or api_url).rstrip("/")
        values["auth_url"] = values["auth_url"] or auth_url
        values["user_agent"] = values["user_agent"] or user_agent
        values["tenants"] = parse_tenants(tenant_entries(config))
        return cls(**values)


CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    *(definition.json_property for definition in definitions(Settings).values())
).to_dict()

"""The settings: their JSON schema, what is wrong with a config, and the typed form the tap works with."""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR, extend_validator_with_defaults

from tap_servicetitan import custom_reports
from tap_servicetitan.dates import parse_date

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

HOSTS = {
    "production": ("https://api.servicetitan.io", "https://auth.servicetitan.io/connect/token"),
    "integration": (
        "https://api-integration.servicetitan.io",
        "https://auth-integration.servicetitan.io/connect/token",
    ),
}
"""API root and token URL of each environment, from ServiceTitan's developer portal."""

TENANT_ID = th.CustomType({"type": ["string", "integer"]})

CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property("client_id", th.StringType, title="Client ID", description="The app's client id for the tenant."),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="Client secret",
        description="The app's client secret for the tenant.",
    ),
    th.Property(
        "st_app_key",
        th.StringType,
        required=True,
        secret=True,
        title="App key",
        description="The app's key (`ak1.…`), the same for all tenants and environments.",
    ),
    th.Property(
        "tenant_id",
        TENANT_ID,
        title="Tenant ID",
        description="The tenant (company) to read.",
    ),
    th.Property(
        "tenants",
        th.ArrayType(
            th.ObjectType(
                th.Property("tenant_id", TENANT_ID, required=True),
                th.Property("client_id", th.StringType),
                th.Property("client_secret", th.StringType, secret=True),
                additional_properties=False,
            ),
        ),
        title="Tenants",
        description=(
            "Several tenants in one run, in place of tenant_id: a list of tenant_id, client_id and client_secret. A "
            "credential that an entry leaves out is the one above."
        ),
    ),
    th.Property(
        "environment",
        th.StringType,
        default="production",
        allowed_values=list(HOSTS),
        title="Environment",
        description="Which of ServiceTitan's hosts to talk to.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API URL",
        description="Root of the API, in place of the environment's. Plain http only for this machine.",
    ),
    th.Property(
        "auth_url",
        th.StringType,
        title="Token URL",
        description="The OAuth token URL itself, in place of the environment's. Plain http only for this machine.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Where a first sync starts, by modification date. Without it, everything is read.",
    ),
    th.Property(
        "custom_reports",
        custom_reports.ENTRIES,
        title="Custom reports",
        description=(
            "Reports that are streams too, each named custom_report_<report_name>: a list of report_name, "
            "report_category, report_id and parameters, a list of name and value. --list-reports shows what there is."
        ),
    ),
    th.Property(
        "include_recent_changes",
        th.BooleanType,
        default=False,
        title="Include recent changes",
        description=(
            "Ask export feeds for changes of the last 15 minutes too. They come sooner, and some come again in the "
            "next run."
        ),
    ),
    th.Property(
        "request_timeout",
        th.NumberType(exclusive_minimum=0),
        default=120,
        title="Request timeout",
        description="Seconds to wait for an answer. The API itself gives up after 100.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=64),
        default=8,
        title="Concurrency",
        description="Requests in flight at most, over all tenants and streams. 1: strictly one after another.",
    ),
    th.Property(
        "requests_per_second",
        th.NumberType(exclusive_minimum=0),
        default=40,
        title="Requests per second",
        description="Requests a second at most, per tenant. ServiceTitan allows an app 60, all its users together.",
    ),
    th.Property(
        "reports_per_minute",
        th.NumberType(exclusive_minimum=0),
        default=5,
        title="Reports per minute",
        description="Runs of the same custom report in a minute at most, per tenant. Each page of 25,000 rows is one.",
    ),
    th.Property(
        "log_interval",
        th.NumberType(minimum=0),
        default=10,
        title="Log interval",
        description="Seconds between the log's lines on how far each stream has come. 0: none.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="How the tap names itself to the API: its name and version unless set.",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=False,
        title="Emit ACTIVATE_VERSION messages",
        description="After a stream was read in full, let the target drop what has vanished from it.",
    ),
).to_dict()


_WITH_DEFAULTS = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)


@dataclass(frozen=True)
class Tenant:
    """A company in ServiceTitan, with the app's credentials for it."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """A config that was found valid."""

    tenants: tuple[Tenant, ...]
    st_app_key: str = field(repr=False)
    api_url: str
    auth_url: str
    start_date: datetime | None
    custom_reports: tuple[custom_reports.CustomReport, ...]
    include_recent_changes: bool
    request_timeout: float
    """Seconds."""
    concurrency: int
    """Requests in flight at most."""
    requests_per_second: float
    """Per tenant."""
    reports_per_minute: float
    """Per report and tenant."""
    log_interval: float
    """Seconds; 0 for none."""
    user_agent: str

    @classmethod
    def parse(cls, config: Mapping[str, Any], *, user_agent: str) -> Settings:
        """Read a config in which :func:`problems` found none.

        Args:
            config: The tap's config, defaults filled in.
            user_agent: What the tap calls itself if the config does not say.
        """
        api_url, auth_url = HOSTS[config["environment"]]
        start_date = config.get("start_date")
        return cls(
            tenants=tuple(
                Tenant(_text(entry["tenant_id"]), _text(entry["client_id"]), _text(entry["client_secret"]))
                for entry in _tenants(config)
            ),
            st_app_key=_text(config["st_app_key"]),
            api_url=(config.get("api_url") or api_url).rstrip("/"),
            auth_url=config.get("auth_url") or auth_url,
            start_date=parse_date(start_date) if start_date else None,
            custom_reports=tuple(map(custom_reports.CustomReport.parse, config.get("custom_reports") or ())),
            include_recent_changes=config["include_recent_changes"],
            request_timeout=float(config["request_timeout"]),
            concurrency=config["concurrency"],
            requests_per_second=float(config["requests_per_second"]),
            reports_per_minute=float(config["reports_per_minute"]),
            log_interval=float(config["log_interval"]),
            user_agent=_text(config.get("user_agent")) or user_agent,
        )


def problems(config: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Fill in defaults, then yield one line per problem, naming the setting and never its value.

    Args:
        config: The config as handed in; completed in place.
        schema: :data:`CONFIG_JSONSCHEMA`, with the settings that singer-sdk adds.
    """
    for name, property_schema in schema["properties"].items():
        if config.get(name) is None and "default" in property_schema:
            config[name] = property_schema["default"]
        if isinstance(config.get(name), str) and "number" in property_schema.get("type", ()):
            with suppress(ValueError):  # from the environment, where singer-sdk leaves it text
                config[name] = float(config[name])
    # What is missing at the top is told below; what is missing in an entry is an error for each name.
    errors = [error for error in DEFAULT_JSONSCHEMA_VALIDATOR(schema).iter_errors(config) if error.path]
    if not errors:  # the SDK fills in defaults only where all is of the right shape
        list(_WITH_DEFAULTS(schema).iter_errors(config))
    wrong = {error.path[0] for error in errors}
    yield from dict.fromkeys(f"Setting '{'.'.join(map(str, each.path))}' {_expectation(each)}." for each in errors)
    if "st_app_key" not in wrong and not _text(config.get("st_app_key")):
        yield "Setting 'st_app_key' is missing."
    if not wrong & {"tenants", "tenant_id", "client_id", "client_secret"}:
        yield from _tenant_problems(config)
    for name, problem_of in _PROBLEMS.items():
        if name not in wrong and config.get(name) and (problem := problem_of(config[name])):
            yield f"Setting '{name}' {problem}."
    if not wrong & {"custom_reports", "tenants"}:
        tenant_ids = [_text(tenant["tenant_id"]) for tenant in _tenants(config)]
        yield from custom_reports.problems(config.get("custom_reports") or (), tenant_ids)


def environment_problems(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    """Yield one line per environment variable that singer-sdk could not read; empty ones are removed, as if not set.

    Args:
        schema: That of the settings.
        prefix: What variables begin with, in any case and with ``-`` for ``_``.
    """
    prefix = prefix.upper().replace("-", "_")
    for name, variable in ((name, prefix + name.upper()) for name in schema["properties"]):
        if os.environ.get(variable) == "":
            del os.environ[variable]
        if (text := os.environ.get(variable)) is None:
            continue
        kinds = schema["properties"][name].get("type", ())
        try:
            if "integer" in kinds:
                int(text)
            elif "array" in kinds or "object" in kinds:
                json.loads(text)
        except ValueError:
            yield f"Environment variable {variable} must be {'a whole number' if 'integer' in kinds else 'JSON'}."


def unknown(config: Mapping[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Yield one line per setting that the tap does not know, with the name that was perhaps meant."""
    known = schema["properties"]
    for name in config:
        if name not in known:
            hint = "".join(f" Did you mean '{near}'?" for near in difflib.get_close_matches(name, known, n=1))
            yield f"Setting '{name}' is not known and has no effect.{hint}"


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _tenants(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each tenant's credentials, those of the top level filled in."""
    above = {name: config.get(name) for name in ("tenant_id", "client_id", "client_secret")}
    return [{**above, **entry} for entry in config.get("tenants") or [{}]]


def _tenant_problems(config: Mapping[str, Any]) -> Iterator[str]:
    several = bool(config.get("tenants"))
    if several and _text(config.get("tenant_id")):
        yield "Setting 'tenant_id' must not stand beside 'tenants': make it one of the list."
    seen = set()
    for number, tenant in enumerate(_tenants(config)):
        where = f"tenants.{number}." if several else ""
        for name, value in tenant.items():
            if not _text(value):
                yield f"Setting '{where}{name}' is missing."
        tenant_id = _text(tenant["tenant_id"])
        if tenant_id and not re.fullmatch(r"[\w-]+", tenant_id):
            yield f"Setting '{where}tenant_id' must be a tenant's number, such as 123456789."
        if tenant_id and tenant_id in seen:
            yield f"Setting '{where}tenant_id' stands in the list already."
        seen.add(tenant_id)


def _expectation(error: ValidationError) -> str:
    bound: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "enum":
            words = f"be one of: {', '.join(filter(None, bound))}"
        case "type":
            words = f"be of type {' or '.join(kind for kind in ([bound] if isinstance(bound, str) else bound) if kind != 'null')}"
        case "exclusiveMinimum":
            words = f"be greater than {bound}"
        case "minimum":
            words = f"be at least {bound}"
        case "maximum":
            words = f"be at most {bound}"
        case "required":
            words = f"hold {', '.join(bound)}"
        case "additionalProperties":
            words = f"hold nothing but {', '.join(schema['properties'])}"
        case "minLength":
            words = "not be empty"
        case rule:
            words = f"satisfy its rule '{rule}'"
    return f"must {words}"


def _date_problem(text: str) -> str | None:
    try:
        date = parse_date(text)
    except ValueError:
        return "must be a date or date-time, such as 2026-01-31 or 2026-01-31T00:00:00Z"
    return "lies in the future" if date > datetime.now(UTC) + timedelta(days=1) else None


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "must be a URL that begins with https://"
    if parts.scheme == "http" and not _is_loopback(host):
        return "must begin with https://: plain http would show the credentials to the network"
    if parts.username or parts.password:
        return "must not hold a user name or password"
    return None


def _batch_problem(batch_config: Mapping[str, Any]) -> str | None:
    size = batch_config.get("batch_size")
    return "must have a batch_size of at least 1" if size is not None and size < 1 else None


def _header_problem(text: str) -> str | None:
    sendable = text.strip().isascii() and text.strip().isprintable()
    return None if sendable else "must be of plain ASCII characters: it is sent as a header"


_PROBLEMS: Mapping[str, Callable[[Any], str | None]] = {
    "st_app_key": _header_problem,
    "user_agent": _header_problem,
    "api_url": _url_problem,
    "auth_url": _url_problem,
    "start_date": _date_problem,
    "batch_config": _batch_problem,
}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

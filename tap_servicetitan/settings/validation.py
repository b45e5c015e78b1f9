"""What is wrong with a config, one line per problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.settings import custom_reports, extra_streams, rules
from tap_servicetitan.settings.custom_reports import CustomReport
from tap_servicetitan.settings.definition import definitions, rule_problems, text
from tap_servicetitan.settings.model import Settings
from tap_servicetitan.settings.tenant import Tenant, tenant_entries

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_OURS = {definition.name for definition in definitions(Settings).values()}
_CREDENTIALS = ("tenant_id", "client_id", "client_secret")


def complete(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with its defaults, without white space around texts and without nulls.

    Args:
        config: What the user wrote.
        schema: :data:`CONFIG_JSONSCHEMA`, with the settings that singer-sdk adds.
    """
    completed: dict[str, Any] = {}
    for name, value in config.items():
        if value is not None:
            completed[name] = value.strip() if name in _OURS and isinstance(value, str) else value
    for name, property_schema in schema["properties"].items():
        if "default" in property_schema:
            completed.setdefault(name, property_schema["default"])
        if "number" in property_schema.get("type", ()) and isinstance(completed.get(name), str):
            with suppress(ValueError):  # numbers in quotes have always been accepted
                completed[name] = float(completed[name])
    return completed


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line per problem, naming the setting and never its value.

    Args:
        config: What the user wrote, completed or not.
        schema: :data:`CONFIG_JSONSCHEMA`, with the settings that singer-sdk adds.
    """
    config = complete(config, schema)
    # What is missing at the top is reported below; what is missing in an entry is an error for each name.
    errors = [error for error in DEFAULT_JSONSCHEMA_VALIDATOR(schema).iter_errors(config) if error.path]
    found = [f"Setting '{'.'.join(map(str, error.path))}' {_expectation(error)}." for error in errors]
    wrong = {error.path[0] for error in errors}
    found += _value_problems({name: value for name, value in config.items() if name not in wrong}, wrong)
    yield from dict.fromkeys(found)


def unknown(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line per setting that the tap does not know, with the name that was perhaps meant."""
    known = schema["properties"]
    for name in config:
        if name not in known:
            yield f"Setting '{name}' is not known and has no effect.{_hint(name, known)}"


def _hint(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the name that was perhaps meant."""
    return "".join(f" Did you mean '{near}'?" for near in difflib.get_close_matches(name, list(known), n=1))


def _value_problems(config: Mapping[str, Any], wrong: set[str | int]) -> Iterator[str]:
    """Yield one line per problem of values that have the right types; ``wrong`` are the settings that have not."""
    if "st_app_key" not in wrong and not text(config.get("st_app_key")):
        yield "Setting 'st_app_key' is missing."
    yield from rule_problems(Settings, config)
    if config.get("batch_config") and (problem := rules.batch(config["batch_config"])):
        yield f"Setting 'batch_config' {problem}."
    if not wrong & {"tenants", *_CREDENTIALS}:
        yield from _tenant_problems(config)
    if not wrong & {"custom_reports", "tenants"}:
        tenant_ids = [text(entry["tenant_id"]) for entry in tenant_entries(config)]
        yield from custom_reports.problems(config.get("custom_reports") or (), tenant_ids)
    if "extra_streams" not in wrong:
        yield from extra_streams.problems(config.get("extra_streams") or ())
    if not wrong & {"custom_reports", "extra_streams", "full_reads"}:
        yield from _full_read_problems(config)
    if isinstance(words := config.get("nested_parents"), dict) and "nested_parents" not in wrong:
        yield from _nested_parents_problems(words)


def _full_read_problems(config: Mapping[str, Any]) -> Iterator[str]:
    reports = (CustomReport.parse(entry).stream for entry in config.get("custom_reports") or ())
    extra = (entry["name"] for entry in config.get("extra_streams") or ())
    names = [*(endpoint.name for endpoint in table.TABLE), *reports, *extra]
    for name, days in (config.get("full_reads") or {}).items():
        if name not in names:
            yield f"Setting 'full_reads.{name}' names no stream.{_hint(name, names)}"
        elif problem := rules.finite(days):
            yield f"Setting 'full_reads.{name}' {problem}."


def _nested_parents_problems(words: Mapping[str, str]) -> Iterator[str]:
    nested = {each.name: each for each in table.TABLE if isinstance(each, Nested)}
    for name, word in words.items():
        if name == "*":
            continue
        if name not in nested:
            yield f"Setting 'nested_parents.{name}' names no nested stream.{_hint(name, nested)}"
        elif word == "changed" and not table.lists_changed_parents(nested[name]):
            yield f"Setting 'nested_parents.{name}' must be 'all': the API cannot list the changed {nested[name].parent}."


def _tenant_problems(config: Mapping[str, Any]) -> Iterator[str]:
    several = bool(config.get("tenants"))
    if config.get("tenants") == [] and not text(config.get("tenant_id")):
        yield "Setting 'tenants' is an empty list: give at least one tenant, or set tenant_id."
        return
    if several and text(config.get("tenant_id")):
        yield "Settings 'tenant_id' and 'tenants' are both set: move tenant_id into the list."
    seen: dict[str, int] = {}
    for number, entry in enumerate(tenant_entries(config)):
        path = f"tenants.{number}." if several else ""
        yield from (f"Setting '{path}{name}' is missing." for name in _CREDENTIALS if not text(entry[name]))
        if several:
            yield from rule_problems(Tenant, entry, path)
        tenant_id = text(entry["tenant_id"])
        if tenant_id and tenant_id in seen:
            yield f"Setting '{path}tenant_id' is the same as 'tenants.{seen[tenant_id]}.tenant_id'."
        seen.setdefault(tenant_id, number)


_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
"""The types of JSON in plain words."""


def _expectation(error: ValidationError) -> str:
    bound: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "enum":
            words = f"be one of: {', '.join(filter(None, bound))}"
        case "type":
            kinds = [bound] if isinstance(bound, str) else bound
            words = f"be {' or '.join(_KINDS[kind] for kind in kinds if kind != 'null')}"
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

"""Config: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import copy
import json
import math
import os
from typing import Any

import pytest
from helpers.support import Tap, config_of, run_here, selecting

from tap_servicetitan.errors import ConfigError
from tap_servicetitan.settings import CONFIG_JSONSCHEMA, HOSTS, Settings, complete, problems
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

VALID = {"client_id": "cid.1", "client_secret": "cs2.s3cret", "st_app_key": "ak1.s3cret", "tenant_id": "1001"}
JSONL = {"format": "jsonl"}
FILES = {"root": "file:///batches"}
REPORT = {"report_name": "sales", "report_category": "operations", "report_id": 1}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"client_id": None}, "Setting 'client_id' is missing."),
        ({"client_secret": " "}, "Setting 'client_secret' is missing."),
        ({"st_app_key": ""}, "Setting 'st_app_key' is missing."),
        ({"tenant_id": None}, "Setting 'tenant_id' is missing."),
        ({"tenant_id": "10/01"}, "Setting 'tenant_id' must be a tenant's number, such as 123456789."),
        ({"tenant_id": "acme"}, "Setting 'tenant_id' must be a tenant's number, such as 123456789."),
        ({"tenant_id": "\uff11"}, "Setting 'tenant_id' must be a tenant's number, such as 123456789."),
        (
            {"tenant_id": None, "tenants": [{"tenant_id": "a b"}]},
            "Setting 'tenants.0.tenant_id' must be a tenant's number, such as 123456789.",
        ),
        ({"client_secret": 4711}, "Setting 'client_secret' must be text."),
        ({"environment": "staging"}, "Setting 'environment' must be one of: production, integration."),
        ({"api_url": "ftp://x"}, "Setting 'api_url' must be a URL that begins with https://."),
        ({"api_url": "http://api.servicetitan.io"}, "Setting 'api_url' must begin with https://"),
        ({"auth_url": "https://me:pw@host/token"}, "Setting 'auth_url' must not hold a user name or password."),
        ({"auth_url": "https://@host/token"}, "Setting 'auth_url' must not hold a user name or password."),
        ({"auth_url": "https://host/to ken"}, "Setting 'auth_url' must not hold white space."),
        ({"api_url": "https://host:x"}, "Setting 'api_url' is not a URL."),
        ({"api_url": "https://host/?a=b"}, "Setting 'api_url' must not hold '?' or '#': the tap appends the path"),
        ({"api_url": "https://host/#"}, "Setting 'api_url' must not hold '?' or '#': the tap appends the path"),
        ({"start_date": "last week"}, "Setting 'start_date' must be a date or date-time, such as"),
        ({"start_date": "2999-01-01"}, "Setting 'start_date' lies in the future."),
        ({"include_recent_changes": "maybe"}, "Setting 'include_recent_changes' must be true or false."),
        ({"batch_config": {"batch_size": 0}}, "Setting 'batch_config' must have a batch_size of at least 1."),
        ({"batch_config": {"batch_size": "many"}}, "Setting 'batch_config' must have a batch_size of at least 1."),
        ({"batch_config": {"encoding": JSONL}}, "Setting 'batch_config' must hold storage.root, such as file:///"),
        (
            {"batch_config": {"encoding": JSONL, "storage": {"prefix": "a-"}}},
            "Setting 'batch_config' must hold storage.root, such as file:///",
        ),
        ({"batch_config": {"storage": FILES}}, "Setting 'batch_config' must hold encoding.format, such as jsonl."),
        (
            {"batch_config": {"encoding": {"compression": "gzip"}, "storage": FILES}},
            "Setting 'batch_config' must hold encoding.format, such as jsonl.",
        ),
        (
            {"batch_config": {"encoding": JSONL, "storage": FILES, "size": 5}},
            "Setting 'batch_config' must hold nothing but encoding, storage, batch_size.",
        ),
        (
            {"batch_config": {"encoding": JSONL, "storage": {**FILES, "path": "x"}}},
            "Setting 'batch_config' must hold nothing but root, prefix, params in storage.",
        ),
        (
            {"batch_config": {"encoding": JSONL, "storage": {**FILES, "params": None}}},
            "Setting 'batch_config' must have an object as storage.params.",
        ),
        ({"request_timeout": math.nan}, "Setting 'request_timeout' must be a finite number."),
        ({"requests_per_second": "inf"}, "Setting 'requests_per_second' must be a finite number."),
        ({"request_timeout": 0}, "Setting 'request_timeout' must be greater than 0."),
        ({"st_app_key": "ak1.s3cret\u20ac"}, "Setting 'st_app_key' must be of plain ASCII characters: it is sent as a"),
        (
            {"user_agent": "acme\nelt"},
            "Setting 'user_agent' must be of plain ASCII characters: it is sent as a header.",
        ),
        ({"concurrency": 0}, "Setting 'concurrency' must be at least 1."),
        (
            {"full_reads": {"customer_contcts": 7}},
            "Setting 'full_reads.customer_contcts' names no stream. Did you mean 'customer_contacts'?",
        ),
        (
            {"full_reads": {"custom_report_sale": 7}, "custom_reports": [REPORT]},
            "Setting 'full_reads.custom_report_sale' names no stream. Did you mean 'custom_report_sales'?",
        ),
        ({"full_reads": {"customers": 0}}, "Setting 'full_reads.customers' must be greater than 0."),
        ({"full_reads": {"customers": math.inf}}, "Setting 'full_reads.customers' must be a finite number."),
        ({"full_reads": {"customers": None}}, "Setting 'full_reads.customers' must be a number."),
        ({"full_reads": ["customers"]}, "Setting 'full_reads' must be an object."),
        (
            {"nested_parents": "some"},
            "Setting 'nested_parents' must be one of: all, changed; or an object of them by stream name.",
        ),
        (
            {"nested_parents": {"customer_notes": "some"}},
            "Setting 'nested_parents.customer_notes' must be one of: all, ch",
        ),
        (
            {"nested_parents": {"customer_note": "all"}},
            "Setting 'nested_parents.customer_note' names no nested stream. Did you mean 'customer_notes'?",
        ),
        (
            {"nested_parents": {"wbs_segment_items": "changed"}},
            "Setting 'nested_parents.wbs_segment_items' must be 'all': the API cannot list the changed wbs_segments.",
        ),
        ({"requests_per_second": -1}, "Setting 'requests_per_second' must be greater than 0."),
        (
            {"tenant_id": None, "tenants": [{"tenant_id": 1}, {"tenant_id": "1"}]},
            "Setting 'tenants.1.tenant_id' is the same as 'tenants.0.tenant_id'.",
        ),
        ({"tenant_id": None, "tenants": [{"tenant_id": ""}]}, "Setting 'tenants.0.tenant_id' is missing."),
        (
            {"tenant_id": None, "tenants": []},
            "Setting 'tenants' is an empty list: give at least one tenant, or set tenant_id.",
        ),
        ({"tenant_id": None, "tenants": [{}]}, "Setting 'tenants.0' must hold tenant_id."),
        (
            {"tenants": [{"tenant_id": 2}]},
            "Settings 'tenant_id' and 'tenants' are both set: move tenant_id into the list.",
        ),
        (
            {"tenant_id": None, "client_id": None, "tenants": [{"tenant_id": 2}]},
            "Setting 'tenants.0.client_id' is missing.",
        ),
    ],
)
def test_wrong_setting_is_one_line_that_names_it(change: dict[str, Any], line: str) -> None:
    config = {name: value for name, value in {**VALID, **change}.items() if value is not None}

    with pytest.raises(ConfigError) as caught:
        TapServiceTitan(config=config)

    (found,) = caught.value.errors
    assert found.startswith(line)
    assert "s3cret" not in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("command", [(), ("--test",), ("--discover",), ("--check-access",), ("--list-reports",)])
def test_wrong_config_ends_every_command_with_its_lines_alone(tap: Tap, command: tuple[str, ...]) -> None:
    run = tap({**VALID, "client_secret": 4711, "concurrency": 0}, *command)

    assert run.code == 1
    assert run.stdout == ""
    assert [line.split("| ")[-1].strip() for line in run.log.splitlines()[-2:]] == [
        "Setting 'client_secret' must be text.",
        "Setting 'concurrency' must be at least 1.",
    ]
    assert "Traceback" not in run.log
    assert "4711" not in run.log


def test_every_problem_has_its_line(tap: Tap) -> None:
    run = tap({"environment": "moon", "start_date": "never"})

    for name in ("client_id", "client_secret", "st_app_key", "tenant_id", "environment", "start_date"):
        assert sum(f"Setting '{name}'" in line for line in run.log.splitlines()) == 1


def test_misspelt_setting_is_reported_with_the_name_that_was_meant(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator, start_dat="2025-01-01"))

    assert run.code == 0
    assert "Setting 'start_dat' is not known and has no effect. Did you mean 'start_date'?" in run.log


def test_tenant_may_be_a_number(tap: Tap, simulator: Simulator) -> None:
    run = tap(config_of(simulator, tenant_id=1001))

    assert run.code == 0
    assert {record["tenant_id"] for record in run.records("bookings")} == {"1001"}


def test_numbers_may_have_fractions(tap: Tap, simulator: Simulator) -> None:
    fractions = {"requests_per_second": 99.5, "request_timeout": 20.5, "log_interval": 0.5}

    run = tap({**simulator.config, **fractions}, catalog=selecting("bookings"))

    assert run.code == 0
    assert len(run.records("bookings")) == 60
    assert not run.lines_with("Traceback")


def test_white_space_around_texts_is_removed(simulator: Simulator) -> None:
    config = config_of(simulator, user_agent=" acme ")
    padded = {name: f" {value}\r\n" for name, value in config.items() if isinstance(value, str)}

    run = run_here({**config, **padded, "start_date": " 2024-01-01 ", "environment": "production "}, "bookings")

    assert run.code == 0, run.log
    assert run.counts()["bookings"]


def test_settings_come_from_the_environment_too(
    tap: Tap, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in simulator.config.items():
        monkeypatch.setenv(f"TAP_SERVICETITAN_{name.upper()}", str(value))

    run = tap({"requests_per_second": 1000}, "--config", "ENV")

    assert run.code == 0
    assert run.counts()["bookings"] == 60


def test_about_tells_every_setting_with_title_and_description(tap: Tap) -> None:
    about = json.loads(tap(VALID, "--about", "--format=json").stdout)

    settings = about["settings"]["properties"]
    for name in CONFIG_JSONSCHEMA["properties"]:
        assert settings[name]["title"]
        assert settings[name]["description"]
    secrets = {name for name, setting in settings.items() if setting.get("secret")}
    assert secrets == {"client_secret", "st_app_key"}
    assert settings["tenants"]["items"]["properties"]["client_secret"]["secret"]


def test_environment_chooses_the_hosts() -> None:
    assert HOSTS["production"] == ("https://api.servicetitan.io", "https://auth.servicetitan.io/connect/token")
    assert HOSTS["integration"] == (
        "https://api-integration.servicetitan.io",
        "https://auth-integration.servicetitan.io/connect/token",
    )


def test_null_is_the_default() -> None:
    config = {**VALID, **dict.fromkeys(CONFIG_JSONSCHEMA["properties"]), **VALID}

    assert not list(problems(config, CONFIG_JSONSCHEMA))
    assert Settings.parse(config, user_agent="tap/1") == Settings.parse(VALID, user_agent="tap/1")


def test_defaults_are_the_same_in_the_json_schema_the_config_and_the_typed_settings() -> None:
    defaults = {
        name: schema["default"] for name, schema in CONFIG_JSONSCHEMA["properties"].items() if "default" in schema
    }

    settings = Settings.parse(VALID, user_agent="tap/1")

    assert complete(VALID, CONFIG_JSONSCHEMA) == {**VALID, **defaults}
    assert defaults == {name: getattr(settings, name) for name in defaults}
    assert (settings.concurrency, settings.requests_per_second, settings.environment) == (8, 40, "production")


def test_neither_the_config_nor_the_environment_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_SERVICETITAN_TENANTS", "")
    monkeypatch.setenv("TAP_SERVICETITAN_CONCURRENCY", "2")
    reports = [{"report_name": "jobs", "report_category": "operations", "report_id": 1}]
    config: dict[str, Any] = {**VALID, "client_id": " cid.1 ", "log_interval": None, "custom_reports": reports}
    before, environment = copy.deepcopy(config), dict(os.environ)

    tap = TapServiceTitan(config=config, parse_env_config=True, catalog={"streams": []})

    assert (tap.context.settings.concurrency, tap.context.settings.client_id) == (2, "cid.1")
    assert config == before
    assert dict(os.environ) == environment


def test_secrets_are_not_in_the_repr_of_the_settings() -> None:
    config = {**VALID, "tenants": [{"tenant_id": 2}], "tenant_id": None}

    assert "s3cret" not in repr(Settings.parse(config, user_agent="tap/1"))

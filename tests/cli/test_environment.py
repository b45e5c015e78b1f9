"""Settings from environment variables and .env."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.support import Tap, selecting

from tap_servicetitan.settings import CONFIG_JSONSCHEMA, environment_config
from tap_servicetitan.simulator import Simulator

VALID = {"client_id": "cid.1", "client_secret": "cs2.s3cret", "st_app_key": "ak1.s3cret", "tenant_id": "1001"}


def test_empty_environment_variable_is_as_good_as_none(
    tap: Tap, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_SERVICETITAN_REQUESTS_PER_SECOND", "12.5")
    for name in ("TENANT_ID", "CONCURRENCY", "TENANTS", "CUSTOM_REPORTS", "ENVIRONMENT", "LOG_INTERVAL"):
        monkeypatch.setenv(f"TAP_SERVICETITAN_{name}", "")

    run = tap(simulator.config, "--config=ENV", catalog=selecting("bookings"))

    assert run.code == 0, run.log
    assert "Skipping parse" not in run.log
    assert run.counts() == {"bookings": 60}


@pytest.mark.parametrize(("text", "value"), [("TRUE", True), (" on ", True), ("1", True), ("No", False), ("0", False)])
def test_booleans_of_the_environment_are_words_of_any_case(text: str, value: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    variables = {"TAP_SERVICETITAN_INCLUDE_RECENT_CHANGES": text}

    config = environment_config(CONFIG_JSONSCHEMA, "TAP_SERVICETITAN_", variables)

    assert config == {"include_recent_changes": value}


@pytest.mark.parametrize(
    ("text", "value"), [("changed", "changed"), ('{"customer_notes": "all"}', {"customer_notes": "all"})]
)
def test_setting_that_is_a_word_or_an_object_may_be_either_in_the_environment(text: str, value: object) -> None:
    variables = {"TAP_SERVICETITAN_NESTED_PARENTS": text}

    assert environment_config(CONFIG_JSONSCHEMA, "TAP_SERVICETITAN_", variables) == {"nested_parents": value}


def test_file_env_in_the_working_directory_is_read_and_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TAP_SERVICETITAN_TENANT_ID=1\nTAP_SERVICETITAN_CONCURRENCY=3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAP_SERVICETITAN_TENANT_ID", "2")

    config = environment_config(CONFIG_JSONSCHEMA, "TAP_SERVICETITAN_")

    assert config == {"tenant_id": "2", "concurrency": 3}
    assert "TAP_SERVICETITAN_CONCURRENCY" not in os.environ


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("CONCURRENCY=abc", "a whole number"),
        ("REQUESTS_PER_SECOND=fast", "a number"),
        ("TENANTS=[{", "JSON"),
        ("STREAM_MAPS=x", "JSON"),
        ("INCLUDE_RECENT_CHANGES=enabled", "one of: true, 1, yes, on, false, 0, no, off"),
        ("EMIT_ACTIVATE_VERSION_MESSAGES=Y", "one of: true, 1, yes, on, false, 0, no, off"),
        ("FLATTENING_ENABLED=truth", "one of: true, 1, yes, on, false, 0, no, off"),
    ],
)
def test_environment_variable_that_cannot_be_read_is_named(
    tap: Tap, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, variable: str, words: str
) -> None:
    name, text = variable.split("=")
    monkeypatch.setenv(f"TAP_SERVICETITAN_{name}", text)

    run = tap(simulator.config, "--config=ENV", catalog=selecting("bookings"))

    assert run.code == 1
    assert f"Environment variable TAP_SERVICETITAN_{name} must be {words}." in run.log.splitlines()[-1]
    assert "Traceback" not in run.log

"""The plugin definition: what `meltano add --from-ref` and the Meltano Hub read."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from typing import Any

import pytest
import yaml
from helpers.support import SDK_SETTINGS

from tap_servicetitan.settings import CONFIG_JSONSCHEMA, problems

# What the Hub's schema of an extractor allows.
KINDS = {"string", "integer", "boolean", "options", "array", "object", "date_iso8601", "password", "hidden", "file",
         "email", "oauth", "decimal"}  # fmt: skip
CAPABILITIES = {"about", "activate-version", "batch", "catalog", "discover", "log-based", "properties",
                "schema-flattening", "state", "stream-maps", "structured-logging", "test"}  # fmt: skip
WORDS_OF_A_SETTING = {"name", "kind", "label", "description", "value", "options", "sensitive"}


DEFINITION = resources.files("tap_servicetitan") / "plugin.yml"


@pytest.fixture
def definition() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
    return content


@pytest.fixture
def settings(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {setting["name"]: setting for setting in definition["settings"]}


def test_definition_is_what_the_script_prints(pytestconfig: pytest.Config) -> None:
    script = pytestconfig.rootpath / "scripts" / "plugin.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)

    assert DEFINITION.read_text() == printed.stdout


def test_hub_takes_it(definition: dict[str, Any], settings: dict[str, dict[str, Any]]) -> None:
    assert {"name", "namespace", "variant", "quality"} <= set(definition)
    assert set(definition["capabilities"]) <= CAPABILITIES
    assert definition["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}
    assert definition["quality"] in {"gold", "silver", "bronze", "unknown"}
    for setting in settings.values():
        assert setting["kind"] in KINDS
        assert set(setting) <= WORDS_OF_A_SETTING
    for group in definition["settings_group_validation"]:
        assert set(group) <= set(settings)


def test_its_groups_of_required_settings_are_those_of_the_tap(definition: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        "client_id": "cid.1",
        "client_secret": "cs2.1",
        "st_app_key": "ak1.1",
        "tenant_id": "1001",
        "tenants": [{"tenant_id": "1001", "client_id": "cid.1", "client_secret": "cs2.1"}],
    }
    for group in definition["settings_group_validation"]:
        config = {name: values[name] for name in group}
        assert not list(problems(config, CONFIG_JSONSCHEMA))
        for name in group:
            assert list(problems({other: config[other] for other in group if other != name}, CONFIG_JSONSCHEMA))


def test_whatever_holds_a_secret_is_sensitive(settings: dict[str, dict[str, Any]]) -> None:
    sensitive = {name for name, setting in settings.items() if setting.get("sensitive")}

    assert sensitive == {"client_secret", "st_app_key", "tenants"}


def test_meltano_yml_has_the_same_plugin_without_the_sdks_settings(
    pytestconfig: pytest.Config, definition: dict[str, Any], settings: dict[str, dict[str, Any]]
) -> None:
    project = yaml.safe_load((pytestconfig.rootpath / "meltano.yml").read_text())
    (plugin,) = project["plugins"]["extractors"]

    assert plugin["settings"] == [
        {word: value for word, value in setting.items() if word != "description"}
        for name, setting in settings.items()
        if name not in SDK_SETTINGS
    ]
    for word in ("name", "namespace", "executable", "capabilities", "settings_group_validation"):
        assert plugin[word] == definition[word]


def test_pipeline_of_the_examples_has_the_same_plugin_with_fewer_settings(
    pytestconfig: pytest.Config, definition: dict[str, Any], settings: dict[str, dict[str, Any]]
) -> None:
    project = yaml.safe_load((pytestconfig.rootpath / "examples" / "meltano.yml").read_text())
    (plugin,) = project["plugins"]["extractors"]

    for word in ("name", "namespace", "executable", "capabilities"):
        assert plugin[word] == definition[word]
    for setting in plugin["settings"]:
        left_out = dict.fromkeys(("label", "description"))
        assert {**left_out, **setting} == {**settings[setting["name"]], **left_out}

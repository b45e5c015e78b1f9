"""Print the plugin definition: `python scripts/plugin.py > tap_servicetitan/plugin.yml`."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import Any

import yaml

from tap_servicetitan.tap import TapServiceTitan

HEAD = "# For `meltano add --from-ref`. Printed by `python scripts/plugin.py` from what `tap-servicetitan --about` prints.\n"


def setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a setting in Meltano's words."""
    # Meltano 4.4.1 has a kind `decimal` too, but ends in a TypeError when any value of it, even 40, comes from the
    # environment. As `integer`, that works for whole numbers, and a fraction that stands in meltano.yml arrives.
    kind = schema["type"][0].replace("number", "integer")
    if schema.get("format") == "date-time":
        kind = "date_iso8601"
    if "enum" in schema:
        kind = "options"
    entry: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "label": schema["title"],
        "description": schema["description"],
    }
    if "default" in schema:
        entry["value"] = schema["default"]
    if '"secret": true' in json.dumps(schema):  # or that of a tenant in the list
        entry["sensitive"] = True
    if "enum" in schema:
        entry["options"] = [{"label": value.capitalize(), "value": value} for value in schema["enum"]]
    return entry


def definition() -> dict[str, Any]:
    """Return the plugin definition, in the form of the Meltano Hub's files."""
    with redirect_stdout(io.StringIO()) as printed:
        TapServiceTitan.print_about("json")
    about = json.loads(printed.getvalue())
    return {
        "name": about["name"],
        "namespace": about["name"].replace("-", "_"),
        "variant": "original",
        "label": "ServiceTitan",
        "description": "Software for the trades: customers, bookings, jobs, invoices and more",
        "domain_url": "https://www.servicetitan.com",
        "logo_url": "/assets/logos/extractors/servicetitan.png",
        "keywords": ["meltano_sdk"],
        "maintenance_status": "beta",
        "quality": "unknown",
        "pip_url": about["name"],
        "executable": about["name"],
        "supported_python_versions": about["supported_python_versions"],
        "log_parser": "singer-sdk",
        "capabilities": sorted(about["capabilities"]),
        "settings_group_validation": [
            ["client_id", "client_secret", "st_app_key", "tenant_id"],
            ["st_app_key", "tenants"],
        ],
        "settings": [setting(name, schema) for name, schema in about["settings"]["properties"].items()],
    }


def main() -> None:
    """Print it."""
    print(HEAD, end="")
    print(yaml.safe_dump(definition(), sort_keys=False, width=115, allow_unicode=True), end="")


if __name__ == "__main__":
    main()

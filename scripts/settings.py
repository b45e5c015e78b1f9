"""Write docs/settings.md and the table of settings in the README; ``--check`` only compares them.

Both come from the definitions in ``tap_servicetitan/settings/``.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from plugin import definition

from tap_servicetitan.settings.definition import definitions
from tap_servicetitan.settings.model import Settings

ROOT = Path(__file__).parents[1]
PAGE, README = ROOT / "docs" / "settings.md", ROOT / "README.md"

TEN = ("client_id", "client_secret", "st_app_key", "tenant_id", "tenants",
       "environment", "start_date", "custom_reports", "full_reads", "requests_per_second")  # fmt: skip
"""Those in the README."""

PARTS = {
    "Which tenant": (
        *("client_id", "client_secret", "st_app_key", "tenant_id", "tenants"),
        *("environment", "api_url", "auth_url"),
    ),
    "What is read": (
        *("start_date", "windows_start_date", "timezone", "custom_reports", "extra_streams", "skip_unentitled_streams"),
        *("capacities_business_unit_ids", "capacities_lookahead_days", "unknown_fields", "include_recent_changes"),
        *("nested_parents", "full_reads", "emit_activate_version_messages"),
    ),
    "How fast": ("requests_per_second", "concurrency", "reports_per_minute", "request_timeout"),
}
"""Headings of the page; what they leave out comes after them."""

PAGES = {
    "client_id": "[credentials](getting-started.md#credentials)",
    "tenants": "[many tenants](many-tenants.md)",
    "start_date": "[a first sync](getting-started.md#where-a-first-sync-starts)",
    "windows_start_date": "[figures by day](expensive-streams.md#figures-by-day)",
    "custom_reports": "[custom reports](custom-reports.md)",
    "extra_streams": "[extra streams](extra-streams.md)",
    "nested_parents": "[nested streams](expensive-streams.md#nested-streams)",
    "full_reads": "[deletes](deletes.md)",
    "emit_activate_version_messages": "[deletes](deletes.md)",
    "requests_per_second": "[how fast](operations.md#how-fast)",
}
"""Where to read more."""

HEAD = """# Settings

Which settings does the tap have, and what does each do? Required are `st_app_key` and either `tenant_id`, `client_id` and
`client_secret`, or `tenants`. All others are optional.

Settings stand below `config:` in `meltano.yml`, or in the file that `--config` names. Each can also be an environment
variable: `start_date` is `TAP_SERVICETITAN_START_DATE`. Meltano reads those by itself, the tap with `--config=ENV`; lists
and objects are then JSON. If the config has mistakes, the run ends at once, with one line for each.

`python scripts/settings.py` writes this page from the definitions in `tap_servicetitan/settings/`.
"""

SDK = """
## Of every tap of the Meltano SDK

[Stream maps](https://sdk.meltano.com/en/latest/stream_maps.html), flattening and BATCH, in the SDK's own words:
[targets](targets.md#all-targets) says what to expect of them.

"""

TABLE_HEAD = "| Setting | Default | Meaning |\n| --- | --- | --- |\n"
BEGIN, END = "<!-- written by scripts/settings.py -->\n", "<!-- end -->\n"


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is not up to date")
    check = parser.parse_args().check
    texts = {PAGE: page(), README: readme(README.read_text())}
    old = [file for file, text in texts.items() if not file.exists() or file.read_text() != text]
    if check and old:
        sys.exit(f"Not up to date: {', '.join(file.name for file in old)}. Run python scripts/settings.py.")
    for file in old:
        file.write_text(texts[file])


def page() -> str:
    """Return the page of all settings."""
    settings = {entry["name"]: entry for entry in definition()["settings"]}
    ours = [each.name for each in definitions(Settings).values()]
    listed = {name for names in PARTS.values() for name in names}
    parts = {**PARTS, "Other": tuple(name for name in ours if name not in listed)}
    sections = [f"\n## {heading}\n\n{table(settings, names)}" for heading, names in parts.items()]
    return HEAD + "".join(sections) + SDK + table(settings, [name for name in settings if name not in ours])


def readme(text: str) -> str:
    """Return the README with its table as it should be."""
    settings = {entry["name"]: entry for entry in definition()["settings"]}
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = re.sub(r"\]\((?=[\w-]+\.md)", "](docs/", table(settings, TEN))
    return f"{before}{BEGIN}{rows}{END}{after}"


def table(settings: dict[str, dict[str, Any]], names: tuple[str, ...] | list[str]) -> str:
    """Return a table of these settings."""
    return TABLE_HEAD + "".join(row(settings[name]) for name in names)


def row(entry: dict[str, Any]) -> str:
    """Return a setting's line."""
    name, default = entry["name"], entry.get("value")
    shown = "" if default is None else f" `{str(default).lower() if isinstance(default, bool) else default}`"
    more = f" See {PAGES[name]}." if name in PAGES else ""
    return f"| `{name}` |{shown} | {entry['description']}{more} |\n"


if __name__ == "__main__":
    main()

"""What the documents say is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tap_servicetitan import catalog
from tap_servicetitan.settings import CONFIG_JSONSCHEMA

OF_THE_SDK = {
    "batch_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "stream_map_config",
    "stream_maps",
}


@pytest.fixture
def root(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath


def test_the_list_of_streams_is_that_of_the_table(root: Path) -> None:
    printed = subprocess.run(
        [sys.executable, root / "scripts" / "streams.py"], capture_output=True, text=True, check=True
    )

    assert (root / "STREAMS.md").read_text() == printed.stdout


def test_the_readme_names_every_setting_with_its_default(root: Path) -> None:
    rows = [line.split("|") for line in (root / "README.md").read_text().splitlines() if line.startswith("| `")]
    told = {name: row[2].strip() for row in rows for name in re.findall(r"\w+", row[1])}

    ours = {name: setting for name, setting in CONFIG_JSONSCHEMA["properties"].items() if name not in OF_THE_SDK}
    assert set(told) == set(ours)
    for name, setting in ours.items():
        if "default" in setting:
            assert told[name].strip("`") == str(setting["default"]).lower()


def test_the_readme_counts_the_streams_and_apis(root: Path) -> None:
    text = (root / "README.md").read_text()

    assert f"{len(list(catalog.endpoints()))} streams\nof all {len(catalog.APIS)} APIs" in text


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    for document in (*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("benchmarks/*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"

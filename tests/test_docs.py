"""What the documents say is true."""

from __future__ import annotations

import functools
import json
import re
import shutil
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


GADGETS = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://api.servicetitan.io/crm/v2"}],
    "paths": {
        "/tenant/{tenant}/export/gadgets": {
            "get": {
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
                },
                "security": [{"oauth": ["tn.crm.gadgets:r"]}],
            }
        }
    },
    "components": {
        "schemas": {
            "Page": {
                "type": "object",
                "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Gadget"}}},
            },
            "Gadget": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "name": {"type": "string"},
                    "modifiedOn": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}
"""What ServiceTitan would publish of a new feed."""

READ_GADGETS = """
import sys
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

with Simulator(records=3, rate_limit=0) as simulator:
    tap = TapServiceTitan(config=simulator.config)
    for stream in tap.streams.values():
        stream.selected = stream.name == "gadgets"
    print([record["id"] for record in tap.streams["gadgets"].get_records(None)])
    print([record["id"] for record in simulator.records("gadgets")])
"""


def test_adding_a_stream_is_a_line_in_the_table_and_a_run_of_the_script(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "tap_servicetitan", tmp_path / "tap_servicetitan")
    table = tmp_path / "tap_servicetitan" / "catalog.py"
    line = '        Export("bookings", "export/bookings"),\n'
    table.write_text(table.read_text().replace(line, line + '        Export("gadgets", "export/gadgets"),\n'))
    documents = tmp_path / "openapi"
    documents.mkdir()
    (documents / "crm-v2.json").write_text(json.dumps(GADGETS))
    python = functools.partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=False)

    python([sys.executable, "-m", "tap_servicetitan.schemas", str(documents)])
    read = python([sys.executable, "-c", READ_GADGETS])

    assert read.returncode == 0, read.stderr
    received, held = read.stdout.splitlines()
    assert received == held
    assert len(json.loads(held)) == 3

"""A stream is added by the steps of docs/adding-a-stream.md, in a copy, and no test objects."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tap_servicetitan
from tap_servicetitan import schemas
from tap_servicetitan.endpoints.table import TABLE

PACKAGE = Path(tap_servicetitan.__file__).parent
"""Where the tap is installed: the checkout, or a wheel."""

OBJECTORS = ("tests/endpoints", "tests/schemas", "tests/project/test_docs.py", "tests/simulator")
"""Tests of the table, of the files that are made from it, of the documents, and of the simulator."""

WHICH = "gadgets or not (simulator or survives)"
"""Of the tests that take each stream alone and long, only those of the new one."""

READ = """
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

with Simulator(records=3, rate_limit=0) as simulator:
    tap = TapServiceTitan(config=simulator.config)
    print(*(record["id"] for record in tap.streams["gadgets"].get_records(None)))
    print(*(record["id"] for record in simulator.records("gadgets")))
"""


def document() -> dict[str, Any]:
    """Return what ServiceTitan would publish of its smallest API with a new feed in it."""
    (known,) = (endpoint for endpoint in TABLE if endpoint.api == "jbce/v2")
    reason = schemas.load(known)
    del reason["properties"]["tenant_id"]
    gadget = {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "modifiedOn": {"type": "string", "format": "date-time"},
        },
    }
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.servicetitan.io/jbce/v2"}],
        "paths": {
            "/tenant/{tenant}/call-reasons": read("callreasons", reason, "hasMore"),
            "/tenant/{tenant}/export/gadgets": read("gadgets", gadget, "continueFrom", "from", "includeRecentChanges"),
        },
    }


def read(resource: str, record: dict[str, Any], more: str, *query: str) -> dict[str, Any]:
    """Return the operation of a collection."""
    answer = {"type": "object", "properties": {"data": {"type": "array", "items": record}, more: {"type": "string"}}}
    return {
        "get": {
            "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in query],
            "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
            "security": [{"oauth": [f"tn.jbce.{resource}:r"]}],
        }
    }


@pytest.fixture
def copy(tmp_path: Path, pytestconfig: pytest.Config) -> Path:
    """A copy of what the steps and the tests read."""
    root = pytestconfig.rootpath
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("tests", "scripts", "docs", "examples", "benchmarks", ".github"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    files = [path for path in root.glob("[!.]*") if path.is_file()]
    for file in files:
        shutil.copy(file, tmp_path)
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi" / "jbce-v2.json").write_text(json.dumps(document()))
    return tmp_path


def run(copy: Path, *arguments: str) -> str:
    """Run Python in the copy, with the copy's package."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.timeout(300)
def test_adding_a_stream_is_a_line_and_two_commands(copy: Path) -> None:
    steps = re.findall(
        r"^ *\d\. .*?(?=^ *\d\. |\Z)", (copy / "docs" / "adding-a-stream.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (command,), (script,) = (re.findall(r"python (-m [\w.]+ OPENAPI_DIR|scripts/\w+\.py)", step) for step in steps[1:])
    table = copy / PACKAGE.name / "endpoints" / "table.py"
    line = '    "jbce/v2": ('
    assert line in table.read_text()

    table.write_text(table.read_text().replace(line, line + 'Export("gadgets", "export/gadgets"), '))
    run(copy, *command.replace("OPENAPI_DIR", "openapi").split())
    (copy / "STREAMS.md").write_text(run(copy, script))

    received, held = run(copy, "-c", READ).splitlines()
    assert received == held
    assert len(held.split()) == 3
    assert "`gadgets`" in (copy / "STREAMS.md").read_text()
    assert " passed" in run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", WHICH, *OBJECTORS)

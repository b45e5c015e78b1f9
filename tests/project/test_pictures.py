"""The pictures of the README: what the demo printed, and what the tap writes for a page."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape

import pytest
from helpers.support import FEEDS


def test_picture_of_the_demo_is_what_it_printed_without_what_differs_from_run_to_run(
    pytestconfig: pytest.Config,
) -> None:
    root = pytestconfig.rootpath
    lines = [unescape(line) for line in re.findall(r">([^<]+)</text>", (root / "docs" / "demo.svg").read_text())]
    code = (root / "scripts" / "demo.py").read_text()

    assert "docs/demo.svg" in (root / "README.md").read_text()
    assert not [line for line in lines if re.search(r"seconds|:\d{4}", line)]
    for stream in FEEDS:
        assert len([line for line in lines if re.fullmatch(rf"{stream} +\d+ +\d+", line)]) == 2
    sentences = [
        line for line in lines if line.endswith((".", ":")) and not re.search(r"\d requests|http|output/", line)
    ]
    assert len(sentences) == 4
    assert [line for line in sentences if line not in code] == []


def test_picture_of_a_page_is_what_the_script_prints(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    script = str(root / "scripts" / "page_picture.py")
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout

    assert [printed.count(f">{kind}<") for kind in ("SCHEMA", "RECORD", "STATE")] == [1, 2, 1]
    assert (root / "docs" / "page.svg").read_text() == printed
    assert "docs/page.svg" in (root / "README.md").read_text()

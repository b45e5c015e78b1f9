"""The picture of the README: what the demo printed, without what differs from run to run."""

from __future__ import annotations

import re
from html import unescape

import pytest
from helpers.support import FEEDS


def test_the_picture_shows_the_demo(pytestconfig: pytest.Config) -> None:
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

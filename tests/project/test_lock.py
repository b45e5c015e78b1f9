"""requirements-dev.txt, which `make lock` writes and everyone develops with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!]+)(?: ; .*)? \\$", re.MULTILINE)


@pytest.fixture
def lock(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "requirements-dev.txt").read_text()


def missing(project: Path, lock: str) -> list[str]:
    """Return the requirements of a pyproject.toml that a lock file does not meet."""
    content = tomllib.loads(project.read_text())
    versions = {canonicalize_name(name): version for name, version in LOCKED.findall(lock)}
    wanted = [Requirement(each) for each in (*content["project"]["dependencies"], *content["dependency-groups"]["dev"])]
    return [
        str(each)
        for each in wanted
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]


def test_lock_meets_every_requirement(pytestconfig: pytest.Config, lock: str) -> None:
    assert missing(pytestconfig.rootpath / "pyproject.toml", lock) == [], "Run: make lock"


def test_requirement_that_the_lock_does_not_meet_is_found(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["a>=2", "b"]\n[dependency-groups]\ndev = ["c_d[e]>=3", "f>=1"]\n')

    assert missing(project, "a==1.9 \\\nb==1 \\\nc-d==3.1 ; python_version < '3.12' \\\n") == ["a>=2", "f>=1"]


def test_lock_has_a_hash_for_every_version_and_names_no_index(lock: str) -> None:
    blocks = re.split(r"^(?=\w)", lock, flags=re.MULTILINE)[1:]

    assert len(blocks) > 30
    assert not [block for block in blocks if "--hash=sha256:" not in block]
    assert "://" not in lock
    assert "--index" not in lock

"""What GitHub runs: nothing that others can exchange, and no right that is not needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def unpinned(workflows: Path) -> list[str]:
    """Return the actions that are not pinned by hash, with their version beside it."""
    lines = [line for file in sorted(workflows.glob("*.yml")) for line in file.read_text().splitlines()]
    used = [line.partition("uses:")[2].strip() for line in lines if re.match(r"[ -]*uses:", line)]
    return [each for each in used if not each.startswith("./") and not PINNED.fullmatch(each)]


@pytest.fixture
def workflows(pytestconfig: pytest.Config) -> dict[str, dict[Any, Any]]:
    folder = pytestconfig.rootpath / ".github" / "workflows"
    return {file.stem: yaml.safe_load(file.read_text()) for file in folder.glob("*.yml")}


def test_actions_are_pinned_by_hash(pytestconfig: pytest.Config) -> None:
    assert unpinned(pytestconfig.rootpath / ".github" / "workflows") == []


def test_action_that_is_pinned_by_tag_is_found(tmp_path: Path) -> None:
    uses = [
        "./.github/workflows/ci.yml",
        "actions/checkout@v7",
        f"actions/cache@{'a' * 40}",
        f"a/b@{'1' * 40} # v1.2.3",
    ]
    (tmp_path / "ci.yml").write_text("".join(f"      - uses: {each}\n" for each in uses))

    assert unpinned(tmp_path) == uses[1:3]


def test_only_the_job_that_publishes_may_do_more_than_read(workflows: dict[str, dict[Any, Any]]) -> None:
    assert [content["permissions"] for content in workflows.values()] == [{"contents": "read"}] * len(workflows)
    assert {
        (name, job): content["permissions"]
        for name, workflow in workflows.items()
        for job, content in workflow["jobs"].items()
        if "permissions" in content
    } == {
        ("pages", "publish"): {"id-token": "write", "pages": "write"},
        ("release", "publish"): {"id-token": "write"},
        ("weekly", "schemas"): {"contents": "read", "issues": "write"},
    }


@pytest.mark.parametrize(
    ("number", "call"), [("", "issue create --title T --body-file"), ("7", "issue edit 7 --body-file")]
)
def test_drift_opens_an_issue_or_updates_the_open_one(
    workflows: dict[str, dict[Any, Any]], tmp_path: Path, number: str, call: str
) -> None:
    steps = workflows["weekly"]["jobs"]["schemas"]["steps"]
    (script,) = [step["run"] for step in steps if step.get("if") == "steps.check.outputs.code == '1'"]
    (tmp_path / "drift.txt").write_text("crm/v2/pets: a collection that the table does not know\n")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> calls\n[ "$2" = list ] && echo "{number}"\ntrue\n')
    gh.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    subprocess.run(
        [shutil.which("bash") or "bash", "-e", "-c", script], cwd=tmp_path, env={"PATH": path, "TITLE": "T"}, check=True
    )

    assert (tmp_path / "calls").read_text().splitlines()[1].startswith(call)
    assert (tmp_path / "body.txt").read_text() == "    crm/v2/pets: a collection that the table does not know\n"


def test_release_publishes_what_ci_has_built_and_tested(workflows: dict[str, dict[Any, Any]]) -> None:
    jobs = workflows["release"]["jobs"]
    steps = [step.get("uses", step.get("run")) for step in jobs["publish"]["steps"]]

    assert jobs["ci"] == {"uses": "./.github/workflows/ci.yml"}
    assert jobs["publish"]["needs"] == "ci"
    assert "workflow_call" in workflows["ci"][True]  # YAML reads the key `on` as true
    assert workflows["ci"]["jobs"]["test"]["needs"] == "build"
    assert [step.partition("@")[0] for step in steps][0::2] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert not [step for step in steps if "build" in step]


def test_commands_of_the_workflows_are_targets_of_the_makefile(
    pytestconfig: pytest.Config, workflows: dict[str, dict[Any, Any]]
) -> None:
    makefile = (pytestconfig.rootpath / "Makefile").read_text()
    runs = [
        step["run"]
        for workflow in workflows.values()
        for job in workflow["jobs"].values()
        for step in job.get("steps", [])
        if "run" in step
    ]
    targets = [name for run in runs for line in re.findall(r"make (.+)$", run, re.MULTILINE) for name in line.split()]

    assert len(targets) > 5
    for name in targets:
        assert re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE) or name == ".meltano/targets-installed"

"""The command line: options that do not go together, files that cannot be used, what ends it at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.support import TAP, Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator

VALID = {"client_id": "cid.1", "client_secret": "cs2.s3cret", "st_app_key": "ak1.s3cret", "tenant_id": "1001"}


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TAP, *arguments], stderr=subprocess.PIPE, text=True, check=False, timeout=60, **options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--discover", "--about"), "--about and --discover cannot be used together: use one at a time."),
        (("--test=schema", "--check-access"), "--check-access and --test cannot be used together: use one at a time."),
        (("--format=json",), "--format needs one of: --about, --check-access, --count, --list-reports, --streams."),
        (("--select=jobs",), "--select needs --discover."),
        (("--discover", "-v"), "--verbose needs --streams."),
        (("--discover", "--streams"), "--discover and --streams cannot be used together: use one at a time."),
        (
            ("--discover", "--format", "json"),
            "--format needs one of: --about, --check-access, --count, --list-reports, --streams.",
        ),
        (("--about", "--format", "yaml"), "--format yaml needs --list-reports."),
        (("--check-access", "--format=YAML"), "--format yaml needs --list-reports."),
    ],
)
def test_options_that_do_not_go_together_are_refused(tap: Tap, arguments: tuple[str, ...], words: str) -> None:
    done = tap.run([TAP, *arguments])

    assert (done.code, done.stdout) == (2, "")
    assert words in done.log


NOT_JSON = (
    ("[]", "must hold a JSON object."),
    ('{"a": s3cret}', "is not JSON: Expecting value, line 1, column 7."),
    (b"\xff", "is not JSON: it is not UTF-8 text."),
    ("\n", "is not JSON: it is empty."),
)
UNUSABLE = [(option, *case) for option in ("--config", "--catalog", "--state") for case in NOT_JSON]


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        *UNUSABLE,
        ("--catalog", '{"bookmarks": {}}', "is a STATE: give it by --state."),
        ("--state", '{"streams": []}', "is a catalog: give it by --catalog."),
    ],
)
def test_file_that_cannot_be_used_is_named(
    tap: Tap, tmp_path: Path, option: str, content: str | bytes, words: str
) -> None:
    config, file = tmp_path / "config.json", tmp_path / "wrong.json"
    config.write_text(json.dumps(VALID))
    file.write_bytes(content.encode() if isinstance(content, str) else content)

    done = tap.run([TAP, "--config", str(config), option, str(file)])

    assert done.code == 1
    assert done.log.splitlines()[-1].endswith(f"The file given by {option}, {file}, {words}")
    assert "Traceback" not in done.log
    assert "s3cret" not in done.log


def test_directory_in_place_of_a_config_is_named(tmp_path: Path) -> None:
    done = run("--config", tmp_path, "--discover")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"The file given by --config, {tmp_path}, cannot be read: Is a directory."
    )


def test_unknown_log_level_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_SERVICETITAN_LOGLEVEL", "loud")

    done = run("--version")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "must be one of: DEBUG, INFO, WARNING, ERROR, CRITICAL." in done.stderr


@pytest.mark.parametrize("arguments", [("--discover",), ("--about",)])
def test_full_disk_is_an_error_that_names_stdout(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "stdout could not be written: No space left on device. Free some space, then run again."
    )
    assert "Traceback" not in done.stderr


def test_run_onto_a_full_disk_names_stdout(tap: Tap, simulator: Simulator) -> None:
    command = tap.command(config_of(simulator), catalog=selecting("bookings"))

    with Path("/dev/full").open("w") as full:
        done = run(*command[1:], stdout=full)

    assert done.returncode == 1
    assert "stdout could not be written: No space left on device." in done.stderr.splitlines()[-1]


def test_connection_test_with_wrong_credentials_says_what_to_do(tap: Tap, simulator: Simulator) -> None:
    done = tap(config_of(simulator, client_secret="cs2.wrong"), "--test")

    assert done.code == 1
    assert done.log.splitlines()[-1].endswith("Check client_id and client_secret of this tenant, and environment.")
    assert "Traceback" not in done.log


def test_reports_are_listed_as_json_too(tap: Tap, simulator: Simulator) -> None:
    done = tap(config_of(simulator), "--list-reports", "--format=json")

    assert done.code == 0, done.log
    (tenant,) = json.loads(done.stdout)
    assert tenant["tenant_id"] == "1001"
    reports = [report for category in tenant["categories"] for report in category["reports"]]
    assert reports
    assert all("parameters" in report or "error" in report for report in reports)


def test_ctrl_c_while_the_command_starts_prints_no_traceback() -> None:
    code = """
import os, signal, sys
from tap_servicetitan import __main__
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "tap_servicetitan.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
__main__.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""

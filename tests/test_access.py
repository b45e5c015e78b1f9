"""``--check-access``: which streams can be read, and what to do about the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support import Output, Tap, config_of, selecting

from tap_servicetitan.simulator import Simulator


def checked(tap: Tap, config: dict[str, Any], *streams: str) -> tuple[Output, dict[str, dict[str, Any]]]:
    """Run it for programs; return the run, and what it says of each stream."""
    run = tap(config, "--check-access", "--format", "json", catalog=selecting(*streams))
    return run, {each["stream"]: each for each in json.loads(run.stdout)}


def test_every_stream_can_be_read_with_a_request_or_two_each(tap: Tap, simulator: Simulator) -> None:
    run, found = checked(tap, config_of(simulator))

    assert run.code == 0
    assert {each["access"] for each in found.values()} == {"readable"}
    assert len(found) == 167
    assert len(simulator.requests) <= 2 * len(found)
    assert not run.log


def test_a_missing_scope_is_named(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(deny_scopes=["tn.crm.leads:r"])

    run = tap(config_of(simulator), "--check-access", catalog=selecting("bookings", "leads"))

    assert run.code == 1
    assert [line.split() for line in run.stdout.splitlines()[1:3]] == [
        ["1001", "bookings", "readable", "tn.crm.bookings:r"],
        ["1001", "leads", "missing", "scope", "tn.crm.leads:r"],
    ]
    assert "1 of 2 streams can be read." in run.stdout
    assert "Grant the scope tn.crm.leads:r to the app" in run.stdout


@pytest.mark.parametrize(
    ("setting", "verdict"), [("client_secret", "wrong credentials"), ("st_app_key", "wrong app key")]
)
def test_a_wrong_secret_or_app_key_is_told_apart(tap: Tap, simulator: Simulator, setting: str, verdict: str) -> None:
    run, found = checked(tap, config_of(simulator, **{setting: "wrong"}), "bookings", "leads")

    assert run.code == 1
    assert {each["access"] for each in found.values()} == {verdict}
    assert all(setting in each["remedy"] for each in found.values())

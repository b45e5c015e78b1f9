"""STATE as a run is given it: in whatever wrapping, and what is not usable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from helpers.support import Output, config_of, run_here

from tap_servicetitan.simulator import Simulator


def run(simulator: Simulator, state: dict[str, Any] | None = None) -> Output:
    return run_here(config_of(simulator), "bookings", state=state)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"type": "STATE", "value": state},
        lambda state: {"singer_state": state},
        lambda state: json.loads(json.dumps(state).replace('"1001"', "1001")),
    ],
    ids=["a message", "of Meltano", "a number"],
)
def test_state_in_another_wrapping_is_understood(simulator: Simulator, wrapped: Callable[[Any], Any]) -> None:
    first = run(simulator)
    second = run(simulator, wrapped(first.state))

    assert len(first.records("bookings")) == 60
    assert second.records("bookings") == []


def test_state_without_bookmarks_is_reported(simulator: Simulator) -> None:
    done = run(simulator, {"bookings": "2025-01-01"})

    assert len(done.records("bookings")) == 60
    assert "The STATE has no 'bookmarks', so that everything is read from the start." in done.log


def test_state_that_is_not_text_is_refused(simulator: Simulator) -> None:
    own = {"context": {"tenant_id": "1001"}, "continue_from": "\ud800"}
    done = run(simulator, {"bookmarks": {"bookings": {"partitions": [own]}}})

    assert done.code == 1
    assert "The STATE is not usable: it holds text that is not Unicode" in done.log

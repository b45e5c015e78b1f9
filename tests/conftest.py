"""What the tests share: a simulator each, and the tap as users run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from helpers import support
from helpers.support import Tap
from hypothesis import settings

from tap_servicetitan.simulator import Simulator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="Try everything rather than a sample: minutes, not seconds.")


def pytest_configure(config: pytest.Config) -> None:
    support.LONG = bool(config.getoption("--long"))
    settings.register_profile("short", max_examples=20, stateful_step_count=12, deadline=None, derandomize=True)
    settings.register_profile("long", max_examples=1000, stateful_step_count=30, deadline=None)
    settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        slow = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture
def long(pytestconfig: pytest.Config) -> bool:
    """Whether to try everything rather than a sample."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture
def tap(tmp_path: Path) -> Tap:
    return Tap(tmp_path)


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Start simulators, without a rate limit unless asked for, which end with the test."""
    with ExitStack() as stack:

        def start(**options: Any) -> Simulator:
            return stack.enter_context(
                Simulator(**{"records": 60, "page_size": 20, "rate_limit": 0, "reports_per_minute": 0, **options})
            )

        yield start


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate()

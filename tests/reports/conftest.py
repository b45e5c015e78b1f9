"""A discovery and a run of every custom report, which several tests look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.reports.simulated_reports import UNLIMITED, every_report, just
from helpers.support import Output, Tap, config_of

from tap_servicetitan.simulator import Simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """One for all tests of reports, since discovery and a run take seconds; a test that changes it has its own."""
    with Simulator(records=60, rate_limit=0, reports_per_minute=0) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def discovery(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Output:
    config = config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED)
    return Tap(tmp_path_factory.mktemp("discovery"))(config, "--discover")


@pytest.fixture(scope="session")
def run(simulator: Simulator, discovery: Output, tmp_path_factory: pytest.TempPathFactory) -> Output:
    config = config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED)
    return Tap(tmp_path_factory.mktemp("run"))(config, catalog=just(discovery))

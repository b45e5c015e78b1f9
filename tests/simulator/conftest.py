"""Simulators, and clients that have an access token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from helpers.api_client import RECORDS, ApiClient, StreamReader

from tap_servicetitan.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(records=120, page_size=50, rate_limit=0) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[ApiClient]:
    with ApiClient(simulator) as client:
        yield client


@pytest.fixture(scope="session")
def reader() -> Iterator[StreamReader]:
    """Read a simulator that no test changes."""
    with Simulator(records=RECORDS, page_size=10, rate_limit=0) as simulator, StreamReader(simulator) as reader:
        yield reader


@pytest.fixture(scope="session")
def large_reader() -> Iterator[StreamReader]:
    """Read a simulator with enough records for inactive ones, which no test changes."""
    with Simulator(records=200, page_size=500, rate_limit=0) as simulator, StreamReader(simulator) as reader:
        yield reader


@pytest.fixture
def start(simulate: Callable[..., Simulator]) -> Iterator[Callable[..., StreamReader]]:
    """Start simulators that end with the test, and return a reader of each."""
    with ExitStack() as stack:

        def make(**options: Any) -> StreamReader:
            return stack.enter_context(StreamReader(simulate(**{"page_size": 500, **options})))

        yield make

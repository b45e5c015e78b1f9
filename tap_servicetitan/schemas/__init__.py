"""The streams' JSON schemas: one file a stream, written by ``python -m tap_servicetitan.schemas``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint


FOLDER = Path(__file__).parent


def path(endpoint: Endpoint, folder: Path = FOLDER) -> Path:
    """Where the schema of an entry lies: ``schemas/<api>/<stream>.json``."""
    return folder / endpoint.api.split("/")[0] / f"{endpoint.name}.json"


def load(endpoint: Endpoint) -> dict[str, Any]:
    """Read the schema of an entry.

    Raises:
        FileNotFoundError: The table has an entry for which the schema script was not run.
    """
    schema: dict[str, Any] = msgspec.json.decode(path(endpoint).read_bytes())
    return schema

"""A package's folder of schemas, and a document to fill it from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.openapi import new_document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "schemas"


@pytest.fixture
def document() -> dict[str, Any]:
    return new_document()

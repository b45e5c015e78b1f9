"""The text for PyPI's page: the README, with links and pictures that work outside of the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)\n*")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


class LongDescription(MetadataHookInterface):
    """Makes ``readme`` when the package is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set it; the environment variable REPOSITORY has the address of the repository, as for ``make docs``."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": long_description(text, os.environ.get("REPOSITORY", "")),
        }


def long_description(readme: str, repository: str) -> str:
    """Return the README with absolute addresses; without a repository, links become text and pictures go."""
    pictures, links = (rf"![\1]({repository}/raw/main/\2)\n\n", rf"[\1]({repository}/blob/main/\2)")
    return LINK.sub(links if repository else r"\1", PICTURE.sub(pictures if repository else "", readme))

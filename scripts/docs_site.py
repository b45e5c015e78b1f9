"""Copy the documents to where the site is built from, and write the stream explorer there.

Documents keep their places, so that links between them stay. A link to another file of the repository leads to
`--repository`; without that, its text stays and the link goes.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("*.md", "docs/*.md", "tests/README.md", "benchmarks/README.md")
EXTRAS = ("extra.css", "extra.js")
"""What the theme lacks; mkdocs.yml names them."""

EXPLORER = "stream explorer: `make docs`, then open `build/site/explorer/index.html`"
"""What the README says of the explorer; on the site, it is a link."""

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def main() -> None:
    """Copy the documents and their pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument(
        "--repository", default="", help="address of the repository, such as https://github.com/owner/name"
    )
    arguments = parser.parse_args()
    shutil.rmtree(arguments.target, ignore_errors=True)
    documents = [file.relative_to(ROOT) for pattern in DOCUMENTS for file in sorted(ROOT.glob(pattern))]
    for document in documents:
        copy = arguments.target / placed(document)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(rewritten(document, set(documents), arguments.repository))
    for image in sorted(ROOT.glob("docs/*.svg")):
        shutil.copy(image, arguments.target / image.relative_to(ROOT))
    for name in EXTRAS:
        shutil.copy(ROOT / "site" / name, arguments.target / name)


def placed(document: Path) -> Path:
    """Return where a document is on the site: the README is its first page."""
    return document.with_name("index.md") if document.name == "README.md" else document


def rewritten(document: Path, documents: set[Path], repository: str) -> str:
    """Return a document's text with links that work on the site."""

    def link(found: re.Match[str]) -> str:
        text, path, anchor = found[1], found[2], found[3] or ""
        target = (ROOT / document.parent / path).resolve().relative_to(ROOT)
        if target in documents:
            name = path.replace("README.md", "index.md")
            return f"[{text}]({name}{anchor})"
        return f"[{text}]({repository}/blob/main/{target})" if repository else text

    return LINK.sub(link, (ROOT / document).read_text()).replace(EXPLORER, "[stream explorer](explorer/index.html)")


if __name__ == "__main__":
    main()

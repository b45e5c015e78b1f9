"""The command that makes the schema files what ServiceTitan's OpenAPI documents and the table of streams say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import excluded, table
from tap_servicetitan.schemas.corrections import CORRECTIONS
from tap_servicetitan.schemas.files import build, differences, documented, fields, render
from tap_servicetitan.schemas.openapi import DocumentError, Documents

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.schemas.openapi import Schema

DRIFT = 1
NO_DOCUMENTS = 2


class Comparison:
    """The documents beside the table and its schema files."""

    def __init__(
        self,
        documents: Documents,
        endpoints: Sequence[Endpoint],
        folder: Path,
        *,
        corrections: Mapping[str, Mapping[str, Schema]] = CORRECTIONS,
        not_streams: Iterable[str] = (),
    ) -> None:
        """Build the schema of every entry; nothing is written yet."""
        self.folder = folder
        self.texts: dict[Path, str] = {}
        """What each schema file should hold."""
        self.problems: list[str] = []
        """What writing files cannot mend: the table or the corrections are out of date."""
        kept: set[Path] = set()
        for endpoint in endpoints:
            file = schemas.path(endpoint, folder)
            kept.add(file)
            operation = documents.operation(endpoint)
            if operation is None:
                self.problems.append(f"{endpoint.name}: {endpoint.url_path} is not in the documents")
                continue
            if operation.scope != table.scope(endpoint):
                self.problems.append(
                    f"{endpoint.name}: scope {operation.scope}, in the table {table.scope(endpoint)}",
                )
            corrected = corrections.get(endpoint.name, {})
            try:
                schema = build(endpoint, operation, corrected)
            except DocumentError as error:
                self.problems.append(str(error))
                continue
            self.texts[file] = render(schema) + "\n"
            before, after = dict(fields({"properties": documented(endpoint, operation)})), dict(fields(schema))
            self.problems += [
                f"{endpoint.name}: the documents are right about {field}, drop its correction"
                for field in corrected
                if before.get(field) == after[field]
            ]
        known = {*(endpoint.url_path for endpoint in endpoints), *not_streams}
        self.problems += [
            f"GET {each.path}: a collection that the table does not know" for each in documents.collections(but=known)
        ]
        self.left_over = sorted(set(folder.glob("*/*.json")) - kept)

    def drift(self) -> Iterator[str]:
        """How the files differ from what they should hold, one line each difference."""
        for file, text in self.texts.items():
            name = file.relative_to(self.folder)
            if not file.exists():
                yield f"{name}: missing"
            elif file.read_text() != text:
                lines = list(differences(msgspec.json.decode(file.read_bytes()), msgspec.json.decode(text)))
                yield from (f"{name}: {line}" for line in lines or ["order or layout"])
        for file in self.left_over:
            yield f"{file.relative_to(self.folder)}: left over, no stream has that name"

    def write(self) -> None:
        """Make the files hold what they should."""
        for file, text in self.texts.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        for file in self.left_over:
            file.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema files, or with ``--check`` say what writing them would change."""
    parser = argparse.ArgumentParser(
        prog="python -m tap_servicetitan.schemas",
        description="Write the JSON schema of every stream from ServiceTitan's OpenAPI documents.",
        epilog="Exit status: 0 all is well, 1 there is drift (--check) or the table is out of date, 2 no documents.",
    )
    parser.add_argument(
        "directory",
        metavar="OPENAPI_DIR",
        type=Path,
        help="directory of OpenAPI 3 documents (*.json), as the developer portal hands them out",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; print what differs, one line each")
    options = parser.parse_args(arguments)
    try:
        comparison = Comparison(
            Documents(options.directory),
            list(table.endpoints()),
            schemas.FOLDER,
            not_streams=excluded.url_paths(),
        )
    except DocumentError as error:
        sys.stderr.write(f"{error}\n")
        return NO_DOCUMENTS
    return report(comparison, check=options.check)


def report(comparison: Comparison, *, check: bool) -> int:
    """Print every difference, write the files unless only checking, and return the exit status."""
    drift = list(comparison.drift())
    lines = [*drift, *comparison.problems]
    if not check:
        comparison.write()
        lines.append(f"{len(comparison.texts)} schema files are up to date.")
    elif not lines:
        lines.append(f"{len(comparison.texts)} schema files agree with the documents.")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return DRIFT if comparison.problems or (check and drift) else 0


if __name__ == "__main__":
    sys.exit(main())

"""The command that makes schema files and ``operations.json`` from ServiceTitan's OpenAPI documents and the table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import excluded, operations, table
from tap_servicetitan.schemas import operations_file
from tap_servicetitan.schemas.corrections import CORRECTIONS
from tap_servicetitan.schemas.download import PORTAL, PortalError, download
from tap_servicetitan.schemas.files import build, differences, documented, fields, keep, outermost, render
from tap_servicetitan.schemas.openapi import DocumentError, Documents

if TYPE_CHECKING:
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.endpoints.operations import Operation
    from tap_servicetitan.schemas.openapi import DocumentedOperation, Schema

PACKAGE = schemas.FOLDER.parent
"""Holds the schema files and ``operations.json``."""

DRIFT = 1
NO_DOCUMENTS = 2


class Comparison:
    """The documents beside the table and the files."""

    def __init__(
        self,
        documents: Documents,
        endpoints: Sequence[Endpoint],
        package: Path,
        *,
        corrections: Mapping[str, Mapping[str, Schema]] = CORRECTIONS,
        not_streams: Sequence[str] = (),
    ) -> None:
        """Compare; nothing is written yet."""
        self.folder = package / schemas.FOLDER.name
        self.operations_path = package / operations.FILE.relative_to(PACKAGE)
        self.texts: dict[Path, str] = {}
        """What each schema file should hold."""
        self.problems: list[str] = []
        """What only an edit of the table, the reasons or the corrections removes."""
        self.kept: list[str] = []
        """What the files have and the documents lack."""
        self.missing = sorted({_api(each) for each in (*_paths(endpoints), *not_streams)} - documents.apis)
        """APIs of which there is no document."""
        self._corrections = corrections
        for endpoint in endpoints:
            self._add(endpoint, documents.operation(endpoint))
        self.operations_before = self._operations_before()
        self.operations = operations_file.merge(
            self.operations_before, documents.reads.values(), {operations.shape(path) for path in _paths(endpoints)}
        )
        """What ``operations.json`` should hold."""
        self._account(documents, _paths(endpoints), not_streams)
        self.left_over = sorted(
            set(self.folder.glob("*/*.json")) - {schemas.path(each, self.folder) for each in endpoints}
        )
        """Schema files of no stream."""

    def _add(self, endpoint: Endpoint, operation: DocumentedOperation | None) -> None:
        if operation is None:
            if endpoint.api not in self.missing:
                self.problems.append(f"{endpoint.name}: {endpoint.url_path} is not in the documents")
            return
        if operation.scope != table.scope(endpoint):
            self.problems.append(f"{endpoint.name}: scope {operation.scope}, in the table {table.scope(endpoint)}")
        corrected = self._corrections.get(endpoint.name, {})
        try:
            schema = build(endpoint, operation, corrected)
        except DocumentError as error:
            self.problems.append(str(error))
            return
        before, after = dict(fields({"properties": documented(endpoint, operation)})), dict(fields(schema))
        self.problems += [
            f"{endpoint.name}: the documents are right about {field}, drop its correction"
            for field in corrected
            if before.get(field) == after[field]
        ]
        file = schemas.path(endpoint, self.folder)
        if file.exists():
            kept = keep(msgspec.json.decode(file.read_bytes()), schema)
            self.kept += [
                f"{file.relative_to(self.folder)}: {field} is not in the documents, kept"
                for field in outermost(field for field, _ in fields(kept) if field not in after)
            ]
            schema = kept
        self.texts[file] = render(schema) + "\n"

    def _operations_before(self) -> dict[str, Operation]:
        return operations.decode(self.operations_path.read_bytes()) if self.operations_path.exists() else {}

    def _account(self, documents: Documents, streams: Sequence[str], not_streams: Sequence[str]) -> None:
        """Name each read that is neither a stream nor excluded, and each reason that is about nothing."""
        known = {operations.shape(path) for path in (*streams, *not_streams)}
        self.problems += [
            f"{each.method.upper()} {each.path}: neither in the table nor in excluded.py"
            for shape, each in documents.reads.items()
            if shape not in known
        ]
        self.problems += [
            f"excluded.py: {path} is not in the documents"
            for path in not_streams
            if _api(path) not in self.missing and operations.shape(path) not in documents.reads
        ]

    def drift(self) -> Iterator[str]:
        """Yield how the files differ from what they should hold, one line each difference."""
        for file, text in self.texts.items():
            name = file.relative_to(self.folder)
            if not file.exists():
                yield f"{name}: missing"
            elif file.read_text() != text:
                lines = list(differences(msgspec.json.decode(file.read_bytes()), msgspec.json.decode(text)))
                yield from (f"{name}: {line}" for line in lines or ["order or layout"])
        for file in self.left_over:
            yield f"{file.relative_to(self.folder)}: left over, no stream has that name"
        changes = operations_file.differences(self.operations_before, self.operations)
        yield from (f"{self.operations_path.name}: {line}" for line in changes)

    def write(self) -> None:
        """Make the files hold what they should."""
        for file, text in self.texts.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        for file in self.left_over:
            file.unlink()
        self.operations_path.parent.mkdir(exist_ok=True)
        self.operations_path.write_text(operations_file.render(self.operations))


def _paths(endpoints: Sequence[Endpoint]) -> list[str]:
    return [endpoint.url_path for endpoint in endpoints]


def _api(path: str) -> str:
    return path.partition("/tenant/")[0].lstrip("/")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with ``--check`` print what writing them would change."""
    parser = argparse.ArgumentParser(
        prog="python -m tap_servicetitan.schemas",
        description="Write the JSON schema of every stream, and the list of operations, from ServiceTitan's OpenAPI "
        "documents. What the documents lack is kept: delete it by hand.",
        epilog="Exit status: 0 the files agree, 1 there is drift (--check) or the table is out of date, 2 no documents, or none "
        "could be downloaded.",
    )
    parser.add_argument(
        "directory",
        metavar="OPENAPI_DIR",
        type=Path,
        nargs="?",
        help="directory of OpenAPI 3 documents (*.json) of the developer portal",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; print what differs, one line each")
    parser.add_argument("--download", metavar="DIR", type=Path, help="only download the documents into a directory")
    parser.add_argument("--portal", metavar="URL", default=PORTAL, help="the developer portal (default: %(default)s)")
    options = parser.parse_args(arguments)
    if (options.directory is None) == (options.download is None):
        parser.error("give either OPENAPI_DIR or --download DIR")
    try:
        if options.download:
            files = download(options.download, options.portal)
            sys.stdout.write(f"{len(files)} documents are in {options.download}.\n")
            return 0
        comparison = Comparison(
            Documents(options.directory), table.TABLE, PACKAGE, not_streams=list(excluded.url_paths())
        )
    except (DocumentError, PortalError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_DOCUMENTS
    return report(comparison, check=options.check)


def report(comparison: Comparison, *, check: bool) -> int:
    """Print every difference, write the files unless only checking, and return the exit status.

    A missing document fails the check only: a stream can be added with the document of its API alone.
    """
    drift = list(comparison.drift())
    missing = [f"{api}: no document of this API" for api in comparison.missing]
    if not check:
        comparison.write()
    last = f"The schema files and {comparison.operations_path.name} {'agree' if check else 'now agree'} with the documents."
    failed = bool(comparison.problems or (check and (drift or missing)))
    lines = chain(drift, comparison.problems, missing, comparison.kept, [] if failed and check else [last])
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return DRIFT if failed else 0


if __name__ == "__main__":
    sys.exit(main())

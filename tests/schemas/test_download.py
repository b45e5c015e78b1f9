"""``python -m tap_servicetitan.schemas --download`` against a server that plays the developer portal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers.openapi import new_document

from tap_servicetitan.schemas import __main__ as command

CATALOGUE = "/api/docs/apis"
GROUPS: list[dict[str, Any]] = [
    {"name": "Core", "apis": [{"id": "crm-v2", "displayName": "CRM", "isBeta": False, "hasWebhooks": True}]},
    {"name": "More", "apis": [{"id": 7, "displayName": "../Payroll", "isBeta": True}]},
]


class Portal(ThreadingHTTPServer):
    """Answers each path with a status and a body; others with 404."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.bodies: dict[str, tuple[int, Any]] = {
            CATALOGUE: (200, GROUPS),
            f"{CATALOGUE}/crm-v2": (200, new_document()),
            f"{CATALOGUE}/7": (200, new_document()),
        }


class Handler(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        status, body = self.server.bodies.get(self.path, (404, "no such page"))
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the standard library
        """Be quiet."""


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def download(portal: Portal, directory: Path) -> int:
    return command.main(["--download", str(directory), "--portal", portal.url])


@pytest.mark.parametrize("catalogue", [GROUPS, {"groups": GROUPS}])
def test_download_writes_every_document_of_the_catalogue(
    portal: Portal, tmp_path: Path, capsys: pytest.CaptureFixture[str], catalogue: Any
) -> None:
    portal.bodies[CATALOGUE] = (200, catalogue)
    directory = tmp_path / "new" / "openapi"

    assert download(portal, directory) == 0

    assert {file.name: json.loads(file.read_text()) for file in directory.iterdir()} == dict.fromkeys(
        ("crm-v2.json", "7.json"), new_document()
    )
    assert capsys.readouterr().out == f"2 documents are in {directory}.\n"


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ((CATALOGUE, 401, "sign in"), "returned 401, expected 200"),
        ((CATALOGUE, 302, ""), "returned 302, expected 200"),
        ((CATALOGUE, 200, "<html></html>"), "did not return the catalogue"),
        ((CATALOGUE, 200, {"apis": []}), "did not return the catalogue"),
        ((CATALOGUE, 200, [{"apis": [{"name": "crm"}]}]), "did not return the catalogue"),
        ((CATALOGUE, 200, []), "returned a catalogue without APIs"),
        ((f"{CATALOGUE}/7", 404, ""), "/7 returned 404, expected 200"),
        ((f"{CATALOGUE}/7", 200, "<html></html>"), "/7 did not return an OpenAPI document"),
        ((f"{CATALOGUE}/7", 200, {"title": "Payroll"}), "/7 did not return an OpenAPI document"),
    ],
)
def test_download_of_anything_else_is_an_error_and_writes_nothing(
    portal: Portal, tmp_path: Path, capsys: pytest.CaptureFixture[str], response: tuple[str, int, Any], words: str
) -> None:
    path, status, body = response
    portal.bodies[path] = (status, body)

    assert download(portal, tmp_path / "openapi") == 2

    error = capsys.readouterr().err
    assert words in error
    assert error.endswith("Download the documents by hand from the developer portal.\n")
    assert error.count("\n") == 1
    assert not (tmp_path / "openapi").exists()


def test_download_from_a_portal_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Portal() as closed:
        pass
    assert download(closed, tmp_path) == 2
    assert "cannot be read: ConnectionError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["openapi", "--download", "openapi"]])
def test_download_and_a_directory_to_read_exclude_each_other(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert "give either OPENAPI_DIR or --download DIR" in capsys.readouterr().err

"""ServiceTitan's OpenAPI documents, from the catalogue that the developer portal shows its own pages.

That the catalogue is at this address, has this form and needs no login was read in software that uses it, not in a
document of ServiceTitan's. So every other response is an error that says what came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import requests

PORTAL = "https://developer.servicetitan.io"
CATALOGUE = "/api/docs/apis"
TIMEOUT_SECONDS = 60
BY_HAND = "Download the documents by hand from the developer portal."


class PortalError(Exception):
    """The portal did not return what was requested."""


class Api(msgspec.Struct):
    """An API of the catalogue."""

    id: str | int


class Group(msgspec.Struct):
    """APIs under one heading."""

    apis: list[Api]


class Catalogue(msgspec.Struct):
    """The groups, where they are inside an object."""

    groups: list[Group]


def download(directory: Path, portal: str = PORTAL) -> list[Path]:
    """Write every document of the catalogue into a directory; nothing is written unless all of them came.

    Raises:
        PortalError: The portal cannot be reached, or what it returns is neither a catalogue nor an OpenAPI document.
    """
    with requests.Session() as session:
        session.headers["Accept"] = "application/json"
        documents = dict(_documents(session, portal.rstrip("/") + CATALOGUE))
    directory.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (directory / name).write_bytes(document)
    return [directory / name for name in documents]


def _documents(session: requests.Session, url: str) -> Iterator[tuple[str, bytes]]:
    apis = _apis(url, _get(session, url))
    for api in apis:
        address = f"{url}/{api.id}"
        document = _get(session, address)
        if not _is_openapi(document):
            msg = f"{address} did not return an OpenAPI document (an object with `paths`). {BY_HAND}"
            raise PortalError(msg)
        yield re.sub(r"[^\w-]+", "-", str(api.id)).strip("-") + ".json", document


def _apis(url: str, text: bytes) -> list[Api]:
    try:
        decoded = msgspec.json.decode(text)
        groups = (
            msgspec.convert(decoded, list[Group])
            if isinstance(decoded, list)
            else msgspec.convert(decoded, Catalogue).groups
        )
    except msgspec.MsgspecError as error:
        msg = f"{url} did not return the catalogue (groups, each with `apis` that have an `id`): {error}. {BY_HAND}"
        raise PortalError(msg) from error
    apis = [api for group in groups for api in group.apis]
    if not apis:
        msg = f"{url} returned a catalogue without APIs. {BY_HAND}"
        raise PortalError(msg)
    return apis


def _get(session: requests.Session, url: str) -> bytes:
    try:
        response = session.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        msg = f"{url} cannot be read: {type(error).__name__}. {BY_HAND}"
        raise PortalError(msg) from error
    if response.status_code != requests.codes.ok:
        msg = f"{url} returned {response.status_code}, expected 200. {BY_HAND}"
        raise PortalError(msg)
    return response.content


def _is_openapi(text: bytes) -> bool:
    try:
        document: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(document, dict) and "paths" in document and "servers" in document

"""What is reported of requests that got no answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import raw
from helpers.clients import client_of, page

from tap_servicetitan.errors import APIError
from tap_servicetitan.simulator import Simulator


def test_unknown_host_is_reported_without_the_url(simulator: Simulator) -> None:
    client = client_of(simulator, api_url="https://servicetitan.invalid")

    with pytest.raises(APIError, match=r"the host name could not be resolved \(servicetitan\.invalid\)\.") as caught:
        page(client)

    assert caught.value.remedy.startswith("Check api_url and auth_url")


def test_refused_connection_names_host_port_and_reason_and_fails_soon(simulator: Simulator) -> None:
    client = client_of(simulator, auth_url="http://127.0.0.1:9/connect/token")

    with pytest.raises(
        APIError, match=r"Gave up after 3 tries: no connection: connection refused \(127\.0\.0\.1:9\)\."
    ) as caught:
        page(client)

    assert caught.value.remedy.startswith("Check the network")


def test_refused_connection_is_retried_longer_once_the_api_has_answered() -> None:
    server = raw.RawServer(lambda _: raw.feed({"id": 1}))
    with server.listening() as config:
        client = client_of(config)
        page(client)

    with pytest.raises(
        APIError, match=r"Gave up after 7 tries: no connection: connection refused \(127\.0\.0\.1:\d+\)\."
    ):
        page(client)


OUT_OF_FILES = """
import os, resource
from helpers.clients import client_of, page
from tap_servicetitan.errors import APIError

ids = {"client_id": "cid.1001", "client_secret": "cs2.raw", "st_app_key": "ak1.raw", "tenant_id": "1001"}
client = client_of({**ids, "api_url": "http://127.0.0.1:9", "auth_url": "http://127.0.0.1:9/token"})
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
try:
    while True:
        os.open(os.devnull, os.O_RDONLY)
except OSError:
    pass
try:
    page(client)
except APIError as error:
    print(error, error.remedy)
"""
"""A process of its own, in which no other thread closes a file meanwhile."""


def test_too_many_open_files_are_reported_as_such_with_the_limit() -> None:
    command = [sys.executable, "-c", OUT_OF_FILES]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])

    assert run.stdout.startswith(
        "Gave up after 7 tries: too many open files (this process may have 40). Raise the limit (ulimit -n) or lower"
    )


def test_connection_that_breaks_names_the_reason(simulator: Simulator) -> None:
    simulator.misbehave("reset_body", times=None)

    with pytest.raises(APIError, match=r"Gave up after 7 tries: the answer was cut short \(127\.0\.0\.1\)\."):
        page(client_of(simulator))

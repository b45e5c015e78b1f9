"""What is reported of requests that got no answer."""

from __future__ import annotations

import os
import re
import resource
from contextlib import suppress
from typing import Any

import pytest
from helpers import raw
from helpers.clients import client_of, open_files, page

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


def test_too_many_open_files_is_reported_as_such_with_the_limit() -> None:
    client = client_of(raw_config("http://127.0.0.1:9"))
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    filler = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_files()) + 5, hard))
        with suppress(OSError):
            while True:
                filler.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(APIError) as caught:
            page(client)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in filler:
            os.close(each)

    assert re.search(r"Gave up after 7 tries: too many open files \(this process may have \d+\)\.", str(caught.value))
    assert caught.value.remedy.startswith("Raise the limit (ulimit -n) or lower concurrency;")


def test_connection_that_breaks_names_the_reason(simulator: Simulator) -> None:
    simulator.misbehave("reset_body", times=None)

    with pytest.raises(APIError, match=r"Gave up after 7 tries: the answer was cut short \(127\.0\.0\.1\)\."):
        page(client_of(simulator))


def raw_config(url: str) -> dict[str, Any]:
    ids = {"client_id": "cid.1001", "client_secret": "cs2.raw", "st_app_key": "ak1.raw", "tenant_id": "1001"}
    return {**ids, "api_url": url, "auth_url": f"{url}/token"}

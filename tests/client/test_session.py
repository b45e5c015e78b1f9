"""Connections and the limits of an answer."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from helpers import raw
from helpers.clients import BOOKINGS, client_of, clients_of, open_files, page
from requests import sessions

from tap_servicetitan.client import session
from tap_servicetitan.errors import APIError
from tap_servicetitan.simulator import Simulator


def test_session_sends_no_credentials_to_a_redirect(simulator: Simulator, simulate: Callable[..., Simulator]) -> None:
    elsewhere = simulate()
    simulator.misbehave("redirect", location=elsewhere.url, times=None)

    with pytest.raises(APIError, match="302, a redirect, which is not followed"):
        page(client_of(simulator))

    assert elsewhere.requests == []


def test_session_skips_informational_answers() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    server = raw.RawServer(lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" + hints + raw.feed({"id": 1}))

    with server.listening() as config:
        assert page(client_of(config)).data == [{"id": 1}]


def test_session_reads_no_more_than_the_limit_of_a_compressed_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_BODY_BYTES", 2**20)
    largest = b'{"data":[],"hasMore":false}'.ljust(2**20)
    bodies = iter([largest, largest + b" ", b" " * 2**28])
    server = raw.RawServer(lambda _: raw.http(gzip.compress(next(bodies), 1), Content_Encoding="gzip"))

    with server.listening() as config:
        client = client_of(config)
        assert page(client).data == []
        for _ in range(2):
            with pytest.raises(APIError, match="The API's answer is larger than 1 MiB, so it was not read"):
                page(client)

    assert len(server.seen) == 4  # a token, and each request once


@pytest.mark.parametrize("spare", [0, 1])
def test_session_reads_no_more_than_the_limit_of_a_plain_body(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_BODY_BYTES", 2**20)
    body = b'{"data":[],"hasMore":false}'.ljust(2**20 + spare)

    with raw.RawServer(lambda _: raw.http(body)).listening() as config:
        if spare:
            with pytest.raises(APIError, match="The API's answer is larger than 1 MiB, so it was not read"):
                page(client_of(config))
        else:
            assert page(client_of(config)).data == []


def test_session_reads_the_environment_once_for_a_host(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=sessions.get_environ_proxies)
    monkeypatch.setattr(sessions, "get_environ_proxies", read)
    client = client_of(simulator)

    for _ in range(3):
        page(client)

    assert read.call_count == 1


@pytest.mark.parametrize("start", [10, -9], ids=["head", "body"])
def test_session_ends_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    monkeypatch.setattr(session, "TOTAL_TIMEOUT_FACTOR", 0.5)
    answer = raw.feed({"id": 1})

    def drips(_: str) -> Iterator[bytes]:
        if len(server.seen) > 2:
            yield answer
            return
        yield answer[:start]
        while not over.wait(0.05):
            yield b"x"

    over = threading.Event()
    server = raw.RawServer(drips)
    with server.listening() as config:
        started = time.monotonic()
        assert page(client_of(config, request_timeout=1)).data == [{"id": 1}]
        over.set()

    assert time.monotonic() - started < 2


def test_session_shares_the_connections_of_all_tenants(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=30)
    clients = clients_of(simulator, concurrency=3)
    before = len(open_files())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda client: page(client, BOOKINGS.replace("1001", client.tenant.tenant_id)), clients * 2))

    assert len(open_files()) - before <= 3 * 2  # both ends of each connection


def test_session_keeps_the_cookies_of_tenants_apart() -> None:
    server = raw.RawServer(lambda _: raw.http(b'{"data":[],"hasMore":false}', Set_Cookie="tenant=1; Path=/"))
    with server.listening() as config:
        ids = {name: config.pop(name) for name in ("client_id", "client_secret", "tenant_id")}
        clients = clients_of({**config, "tenants": [ids, {**ids, "tenant_id": "1002"}]})
        for client in clients:
            page(client)

    assert not any(b"cookie:" in request.lower() for request in server.seen)

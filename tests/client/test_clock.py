"""The API's clock."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from helpers import raw
from helpers.clients import client_of, clients_of, page

from tap_servicetitan.simulator import Simulator


def server_at(date: Callable[[], str]) -> raw.RawServer:
    """Return a server whose answers have this ``Date``."""
    return raw.RawServer(lambda _: raw.http(b'{"data":[],"hasMore":false}', Date=date()))


def hours_from_now(hours: float) -> str:
    """Return a date as a header says it."""
    return email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)


@pytest.mark.parametrize(("hours", "words"), [(-2, "ahead of"), (3, "behind")])
def test_clock_is_the_one_of_the_first_answer(caplog: pytest.LogCaptureFixture, hours: int, words: str) -> None:
    dates = iter([hours_from_now(hours), hours_from_now(hours + 1)])
    server = server_at(lambda: next(dates))
    with server.listening() as config:
        client = client_of(config)
        before = client.now()
        page(client)
        page(client)

    api_time = datetime.now(UTC) + timedelta(hours=hours)
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=30)
    assert api_time - timedelta(seconds=30) < client.now() <= api_time + timedelta(seconds=0.1)
    (line,) = [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]
    assert f" {words} the API's clock." in line


def test_clock_that_is_wrong_is_logged_once_for_all_tenants(caplog: pytest.LogCaptureFixture) -> None:
    with server_at(lambda: hours_from_now(1)).listening() as config:
        ids = {name: config.pop(name) for name in ("client_id", "client_secret", "tenant_id")}
        clients = clients_of({**config, "tenants": [ids, {**ids, "tenant_id": "1002"}]})
        for client in clients:
            page(client)

    assert sum("clock" in record.getMessage() for record in caplog.records) == 1
    assert all(client.now() > datetime.now(UTC) + timedelta(minutes=50) for client in clients)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 01 Jan 99999 00:00:00 GMT", "1\ud83d2"])
def test_clock_is_this_machines_where_no_answer_has_a_date(date: str) -> None:
    with server_at(lambda: date.encode("utf-8", "replace").decode("latin-1")).listening() as config:
        client = client_of(config)
        page(client)

    assert abs(client.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_clock_that_is_right_is_not_logged(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(simulator)
    page(client)

    assert datetime.now(UTC) - timedelta(seconds=30) < client.now() <= datetime.now(UTC)
    assert "clock" not in caplog.text

"""A tenant that the API does not serve, beside others: they do not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import raw
from helpers.support import SomeStreams, run_here

from tap_servicetitan.runtime import checkpoints

FEEDS = ("bookings", "customers", "leads", "calls")
BAD, HEALTHY = ("1001", "1002", "1003"), ("1004", "1005", "1006", "1007")
PAGES = 5
PATIENCE = 300
"""Requests of bad tenants after which the server stops waiting for the healthy ones."""


class PatientStreams(SomeStreams):
    """Waits for some seconds in all its tries."""

    wait_factor = 0.1


class Server(raw.RawServer):
    """Serves the bad tenants only when the healthy ones have read everything."""

    def __init__(self, sort: str) -> None:
        super().__init__(self.served)
        self._sort = sort
        self._pages = dict.fromkeys((f"{tenant}/{feed}" for tenant in (*BAD, *HEALTHY) for feed in FEEDS), 0)
        self._lock = threading.Lock()
        self.healthy_done = threading.Event()
        self.refused = 0
        self.hanging = self.most_hanging = 0

    def served(self, path: str) -> bytes | Iterator[bytes]:
        """Answer a request."""
        _, _, rest = path.partition("/tenant/")
        tenant, _, feed = rest.partition("/export/")
        if tenant in HEALTHY or self.healthy_done.is_set():
            return self._page(f"{tenant}/{feed.partition('?')[0]}")
        with self._lock:
            self.refused += 1
            if self.refused > PATIENCE:
                return raw.http(status="403 Forbidden")
        if self._sort == "hang":
            return self._hangs()
        return raw.http(status=self._sort, Retry_After="0.01") if "429" in self._sort else raw.http(status=self._sort)

    def _page(self, key: str) -> bytes:
        with self._lock:
            self._pages[key] += 1
            number = self._pages[key]
            if all(self._pages[f"{tenant}/{feed}"] == PAGES for tenant in HEALTHY for feed in FEEDS):
                self.healthy_done.set()
        return raw.feed({"id": number}, more=number < PAGES, continue_from=f"t{number}")

    def _hangs(self) -> Iterator[bytes]:
        with self._lock:
            self.hanging += 1
            self.most_hanging = max(self.most_hanging, self.hanging)
        yield b"HTTP/1.1 200 OK\r\n"
        self.healthy_done.wait(30)
        with self._lock:
            self.hanging -= 1


def config_of(config: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the settings for all tenants."""
    ids = {name: config.pop(name) for name in ("client_id", "client_secret", "tenant_id")}
    tenants = [{**ids, "tenant_id": tenant} for tenant in (*BAD, *HEALTHY)]
    return {**config, "tenants": tenants, "requests_per_second": 10_000, "log_interval": 0, **settings}


@pytest.mark.parametrize("sort", ["hang", "429 Too Many Requests", "500 Internal Server Error"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_tenants_do_not_wait_for_those_that_the_api_does_not_serve(sort: str, concurrency: int) -> None:
    server = Server(sort)
    with server.listening() as config:
        settings = config_of(config, concurrency=concurrency, request_timeout=2)
        run = run_here(settings, *FEEDS, base=PatientStreams)

    assert server.refused <= PATIENCE
    assert server.most_hanging <= max(concurrency, 2 * len(BAD)), "those that were given up count on the server"
    assert run.code == 0
    written = {(feed, record["tenant_id"], record["id"]) for feed in FEEDS for record in run.records(feed)}
    assert written == {
        (feed, tenant, number) for feed in FEEDS for tenant in (*BAD, *HEALTHY) for number in range(1, PAGES + 1)
    }


def test_state_of_many_tenants_is_less_than_a_tenth_of_the_output_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "STATE_INTERVAL", 1e9)
    page = raw.feed(*({"id": number} for number in range(60)))
    server = raw.RawServer(lambda _: page)
    with server.listening() as config:
        ids = {name: config.pop(name) for name in ("client_id", "client_secret", "tenant_id")}
        tenants = [{**ids, "tenant_id": str(1000 + number)} for number in range(30)]
        run = run_here({**config, "tenants": tenants, "requests_per_second": 10_000}, *FEEDS)

    written = state = states = 0
    for line in run.stdout.splitlines(keepends=True):
        written += len(line)
        if line.startswith('{"type":"STATE"'):
            state += len(line)
            states += 1
        assert state < written / 10
    assert states > 2

"""A client without a tap around it, with short waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tap_servicetitan.client.client import Client
from tap_servicetitan.client.session import ConnectionPool
from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.settings import Settings
from tap_servicetitan.simulator import Simulator

BOOKINGS = "/crm/v2/tenant/1001/export/bookings"
WAIT_FACTOR = 0.01
"""Factor on the seconds between tries and of an outage."""

decode_page = msgspec.json.Decoder(FeedPage[dict[str, Any]]).decode

_DEFAULTS = {
    "environment": "production",
    "include_recent_changes": False,
    "request_timeout": 5,
    "concurrency": 8,
    "requests_per_second": 10_000,
    "timezone": "UTC",
    "reports_per_minute": 1,
    "log_interval": 0,
}


def clients_of(server: Simulator | dict[str, Any], **settings: Any) -> list[Client]:
    """Return the clients of a server's tenants, which share their connections."""
    config = server if isinstance(server, dict) else server.config
    parsed = Settings.parse({**_DEFAULTS, **config, **settings}, user_agent="tests")
    pool = ConnectionPool(parsed.concurrency)
    return [Client(tenant, parsed, pool, wait_factor=WAIT_FACTOR) for tenant in parsed.tenants]


def client_of(server: Simulator | dict[str, Any], **settings: Any) -> Client:
    """Return the client of a server's only tenant."""
    (client,) = clients_of(server, **settings)
    return client


def page(client: Client, path: str = BOOKINGS, **params: str) -> FeedPage[dict[str, Any]]:
    """Request a page of a feed."""
    return client.request(path, params, decode_page)


def open_files() -> list[int]:
    """Return the numbers of this process's open files, which include its sockets."""
    return [int(entry.name) for entry in Path("/dev/fd").iterdir()]

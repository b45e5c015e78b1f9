"""A client of the simulator, and a reader of whole streams, which knows only the API and the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Self

import requests

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import (
    Capacity,
    Endpoint,
    Export,
    Listing,
    Nested,
    Paged,
    Singleton,
    Unpaged,
    Window,
)
from tap_servicetitan.simulator import Simulator

Record = dict[str, Any]

BOOKINGS = "crm/v2/export/bookings"
CUSTOMERS = "crm/v2/export/customers"
DAY = timedelta(days=1)
RECORDS = 24
"""Records of each stream in the simulator of the fixture ``reader``."""


class ApiClient:
    """Sends requests as the app of one tenant. Paths have no tenant: ``crm/v2/export/bookings``."""

    def __init__(self, simulator: Simulator, tenant: int = 0) -> None:
        self.simulator = simulator
        config = simulator.config
        self.settings = {**config, **config["tenants"][tenant]} if "tenants" in config else config
        self.session = requests.Session()
        self.session.headers["ST-App-Key"] = config["st_app_key"]
        self.log_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.session.close()

    def token_response(self, **changes: str) -> requests.Response:
        form = {"grant_type": "client_credentials"} | {
            name: self.settings[name] for name in ("client_id", "client_secret")
        }
        return self.session.post(self.settings["auth_url"], data=form | changes, timeout=10)

    def log_in(self) -> None:
        token = self.token_response().json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def url(self, path: str, tenant_id: int | str | None = None) -> str:
        """Return the URL of a path: with the tenant inserted, or unchanged if the path begins with a slash."""
        if not path.startswith("/"):
            api, version, rest = path.split("/", 2)
            path = f"/{api}/{version}/tenant/{tenant_id or self.settings['tenant_id']}/{rest}"
        return f"{self.settings['api_url']}{path}"

    def get(self, path: str = BOOKINGS, /, *, tenant_id: int | None = None, **query: Any) -> requests.Response:
        """Send one request and follow no redirect; ``from_`` stands for the parameter ``from``."""
        query = {name.rstrip("_"): value for name, value in query.items()}
        return self.session.get(self.url(path, tenant_id), params=query, timeout=10, allow_redirects=False)

    def post(self, path: str, body: object, **query: Any) -> requests.Response:
        return self.session.post(self.url(path), json=body, params=query, timeout=10)

    def page(self, path: str = BOOKINGS, **query: Any) -> Record:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        page: Record = response.json()
        return page

    def data(self, path: str, **query: Any) -> list[Record]:
        """Return the records of one page."""
        data: list[Record] = self.page(path, **query)["data"]
        return data

    def feed_pages(self, path: str = BOOKINGS, **query: Any) -> Iterator[Record]:
        while True:
            page = self.page(path, **query)
            yield page
            if not page["hasMore"]:
                return
            query["from_"] = page["continueFrom"]

    def feed(self, path: str = BOOKINGS, **query: Any) -> list[Record]:
        """Return the records of a whole export feed."""
        return [record for page in self.feed_pages(path, **query) for record in page["data"]]


class StreamReader(ApiClient):
    """Reads whole streams with the table's own parameters."""

    def read(self, endpoint: Endpoint) -> list[Record]:
        return list(_READERS[type(endpoint)](self, endpoint))

    def response(self, endpoint: Endpoint, path_values: Record | None = None, **query: Any) -> Any:
        path = f"{endpoint.api}/{endpoint.path.format(**(path_values or {}))}"
        response = self.get(path, **{**endpoint.query, **query})
        if path_values and response.status_code == 409:
            return {"data": [], "hasMore": False}
        assert response.status_code == 200, response.text
        return response.json()

    def read_pages(self, endpoint: Paged, path_values: Record | None = None, **query: Any) -> Iterator[Record]:
        number = endpoint.first_page
        while True:
            numbers = {"page": number, "pageSize": endpoint.page_size} if endpoint.page_size else {}
            body = self.response(endpoint, path_values, **query, **numbers)
            data = body[endpoint.records_path] if endpoint.records_path else body
            yield from data if isinstance(data, list) else [data]
            if not endpoint.page_size or not data or (endpoint.has_more_flag and not body["hasMore"]):
                return
            number += 1

    def capacity(self, **body: Any) -> requests.Response:
        return self.post("dispatch/v2/capacity", body)


def _read_feed(reader: StreamReader, endpoint: Export) -> Iterator[Record]:
    query: Record = {}
    while True:
        page = reader.response(endpoint, **query)
        for row in page["data"]:
            items = row.pop(endpoint.explode) if endpoint.explode else [{}]
            yield from [{**row, **item} for item in items]
        if not page["hasMore"]:
            return
        query = {"from_": page["continueFrom"]}


def _read_unpaged(reader: StreamReader, endpoint: Endpoint) -> Iterator[Record]:
    body = reader.response(endpoint)
    data = body[endpoint.records_path] if endpoint.records_path else body
    yield from data if isinstance(data, list) else [data]


def _read_nested(reader: StreamReader, endpoint: Nested) -> Iterator[Record]:
    bounds: Record = dict.fromkeys(endpoint.date_range_params or (), "2025-01-01T00:00:00Z")
    for parent in reader.read(table.parent(endpoint)):
        path_values = {name: parent[field] for name, field in endpoint.path_params.items()}
        yield from [{**path_values, **record} for record in reader.read_pages(endpoint, path_values, **bounds)]


def _read_windows(reader: StreamReader, endpoint: Window) -> Iterator[Record]:
    """Read the days on which something happened, and the day after each of them."""
    dates = [record[str(endpoint.replication_key)] for record in reader.simulator.records(endpoint.name)]
    days = {datetime.fromisoformat(f"{date[:10]}T00:00:00Z") for date in dates}
    for day in sorted(days | {day + DAY for day in days}):
        start, end = (f"{one:%Y-%m-%d}T00:00:00Z" for one in (day, day + DAY))
        window: Record = {endpoint.start: start, endpoint.end: end}
        bounds = window if endpoint.replication_key == endpoint.start else {}
        records = reader.read_pages(endpoint, **window)
        yield from [{**bounds, **record} for record in records if record != {"totalCost": 0.0}]


def _read_capacity(reader: StreamReader, endpoint: Capacity) -> Iterator[Record]:
    response = reader.capacity(
        startsOnOrAfter="2026-01-01",
        endsOnOrBefore="2026-01-15",
        skillBasedAvailability=False,
        businessUnitIds=[unit["id"] for unit in reader.simulator.records("business_units")],
    )
    yield from response.json()[endpoint.records_path]


_READERS: dict[type[Endpoint], Callable[[StreamReader, Any], Iterator[Record]]] = {
    Export: _read_feed,
    Listing: StreamReader.read_pages,
    Unpaged: _read_unpaged,
    Singleton: _read_unpaged,
    Nested: _read_nested,
    Window: _read_windows,
    Capacity: _read_capacity,
}


def as_set(records: list[Record]) -> list[str]:
    """Return records in a form that does not depend on their order."""
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def assert_problem(response: requests.Response, status: int) -> Record:
    """Check that a response is an error in the shape of the API, and return its body."""
    body: Record = response.json()
    assert response.status_code == body["status"] == status
    assert set(body) == {"type", "title", "status", "traceId", "errors", "data"}
    return body


def simple_feeds() -> Iterator[Export]:
    """Yield the export feeds whose rows are the records, and which have no parameters of their own."""
    return (
        endpoint
        for endpoint in table.TABLE
        if isinstance(endpoint, Export) and not endpoint.params and not endpoint.explode
    )


def allow_numbers(schema: dict[str, Any], names: Collection[str]) -> None:
    """Allow numbers in text fields with these names, at any depth."""
    for name, field in schema.get("properties", {}).items():
        allow_numbers(field, names)
        if name in names:
            field["type"] = [*field["type"], "integer"]
    if "items" in schema:
        allow_numbers(schema["items"], names)


def agrees(shown: Any, record: Any) -> bool:
    """Whether two views of a record have the same values in all fields of both."""
    if isinstance(shown, dict) and isinstance(record, dict):
        return all(agrees(shown[name], record[name]) for name in shown.keys() & record.keys())
    if isinstance(shown, list) and isinstance(record, list):
        return len(shown) == len(record) and all(map(agrees, shown, record))
    return bool(shown == record)

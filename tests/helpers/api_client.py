"""A client of the simulator, as any app could be written: requests and nothing of the tap."""

from __future__ import annotations

from typing import Any

import requests

from tap_servicetitan.simulator import Simulator

Row = dict[str, Any]
TIMEOUT_SECONDS = 10


class ApiClient:
    """Calls the simulator as the app of one tenant."""

    def __init__(self, simulator: Simulator, tenant: int = 0) -> None:
        config = simulator.config
        self.simulator = simulator
        self.settings = {**config, **config["tenants"][tenant]} if "tenants" in config else config
        self.session = requests.Session()
        self.session.headers["ST-App-Key"] = config["st_app_key"]
        self.log_in()

    def token_response(self, **changes: str) -> requests.Response:
        form = {"grant_type": "client_credentials"} | {
            name: self.settings[name] for name in ("client_id", "client_secret")
        }
        return self.session.post(self.settings["auth_url"], data=form | changes, timeout=TIMEOUT_SECONDS)

    def log_in(self) -> None:
        token = self.token_response().json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def url(self, path: str) -> str:
        """Return the URL of a path: as in the API's documents, or with the tenant left out if it begins without a slash."""
        if not path.startswith("/"):
            api, version, rest = path.split("/", 2)
            path = f"/{api}/{version}/tenant/{self.settings['tenant_id']}/{rest}"
        return f"{self.settings['api_url']}{path}"

    def get(self, path: str, **query: Any) -> requests.Response:
        """Ask once, without following a redirect; ``from_`` stands for the parameter ``from``."""
        query = {name.rstrip("_"): value for name, value in query.items()}
        return self.session.get(self.url(path), params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def post(self, path: str, body: object, **query: Any) -> requests.Response:
        return self.session.post(self.url(path), json=body, params=query, timeout=TIMEOUT_SECONDS)

    def page(self, path: str, **query: Any) -> Row:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        page: Row = response.json()
        return page

    def data(self, path: str, **query: Any) -> list[Row]:
        data: list[Row] = self.page(path, **query)["data"]
        return data

    def close(self) -> None:
        self.session.close()

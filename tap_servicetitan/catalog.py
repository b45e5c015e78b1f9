"""THE TABLE: every stream of the tap, by API, one line each.

To add a stream: write its line here, then run ``python -m tap_servicetitan.schemas OPENAPI_DIR`` for its schema file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_servicetitan.endpoint import Endpoint, Export

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

APIS: Mapping[str, tuple[Endpoint, ...]] = {
    "crm/v2": (
        Export("bookings", "export/bookings"),
        Export("customers", "export/customers"),
        Export("customer_contacts", "export/customers/contacts"),
        Export("leads", "export/leads"),
        Export("locations", "export/locations"),
        Export("location_contacts", "export/locations/contacts"),
    ),
}

SCOPE_PREFIXES: Mapping[str, str] = {
    "crm/v2": "tn.crm",
}
"""How OAuth scopes abbreviate each API."""


def endpoints() -> Iterator[Endpoint]:
    """Every entry of the table, each knowing its API."""
    for api, entries in APIS.items():
        for entry in entries:
            yield replace(entry, api=api)


def scope(endpoint: Endpoint) -> str:
    """Return the OAuth scope that reading needs: ``tn.<api>.<first word of the path>:r`` unless the entry names another resource."""
    resource = endpoint.resource or endpoint.path.removeprefix("export/").split("/")[0].replace("-", "")
    return f"{SCOPE_PREFIXES[endpoint.api]}.{resource}:r"

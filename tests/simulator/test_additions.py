"""What ServiceTitan adds with a release: fields, and collections that the table does not have."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.api_client import ApiClient


def test_added_field_is_in_every_record_and_in_the_objects_of_a_list(client: ApiClient) -> None:
    simulator = client.simulator
    before = simulator.records("invoices")

    simulator.add_field("invoices", "later")
    simulator.add_field("invoices", "items.extra")

    after = simulator.records("invoices")
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert new.pop("later").startswith("later ")
        extras = [item.pop("extra") for item in new["items"] or () if item]
        assert all(extra.startswith("extra ") for extra in extras)
        assert new == old, number


def test_added_field_is_on_pages_that_were_served_before(client: ApiClient) -> None:
    assert not any("later" in record for record in client.page()["data"])

    client.simulator.add_field("bookings", "later")

    assert all("later" in record for record in client.page()["data"])


@pytest.mark.parametrize(("kind", "path"), [("export", "export/pets"), ("listing", "pets"), ("unpaged", "pets")])
def test_added_collection_is_served(client: ApiClient, kind: str, path: str) -> None:
    client.simulator.add_collection("pets", api="zoo/v9", path=path, kind=kind, like="bookings")

    data: list[dict[str, Any]] = client.data(f"/zoo/v9/tenant/1001/{path}")

    assert data
    assert all(record in client.simulator.records("pets") for record in data)
    assert {record["id"] for record in data}.isdisjoint(record["id"] for record in client.simulator.records("bookings"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "feed"}, "there are export, listing, unpaged"),
        ({"name": "bookings"}, "already"),
        ({"like": "cats"}, "cats"),
    ],
)
def test_collection_that_cannot_be_added_is_refused(client: ApiClient, change: dict[str, str], message: str) -> None:
    options = {"name": "pets", "api": "zoo/v9", "path": "pets", "kind": "export", "like": "bookings", **change}

    with pytest.raises(ValueError, match=message):
        client.simulator.add_collection(**options)

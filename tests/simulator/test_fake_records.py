"""The simulator's records: numbers, ids, references and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.api_client import (
    RECORDS,
    StreamReader,
    simple_feeds,
)

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Export, Listing, Singleton, Unpaged
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.fake.child_distribution import CHILDREN
from tap_servicetitan.simulator.fake.references import first_id, streams, target_stream
from tap_servicetitan.simulator.fake.vocabulary import NOT_NULL, NULL_BY_DOCUMENT


def test_records_depend_on_the_seed_only() -> None:
    def bookings(**options: Any) -> list[dict[str, Any]]:
        with Simulator(**options) as simulator:
            simulator.records("customers")
            simulator.advance(minutes=60, new=5, changed=5)
            return simulator.records("bookings")

    with Simulator(records=30) as simulator:
        simulator.advance(minutes=60, new=5, changed=5)
        assert simulator.records("bookings") == bookings(records=30)
    assert bookings(records=30) != bookings(records=30, seed=2)
    assert bookings(records=30)[0] == bookings(records=30, rate_limit=0, page_size=3)[0]


def test_records_of_two_tenants_have_the_same_ids_and_other_values() -> None:
    with Simulator(records=30, tenants=2) as simulator:
        first, second = (simulator.records("customers", tenant) for tenant in (1001, "1002"))

    assert {row["id"] for row in first} == {row["id"] for row in second}
    assert [row["name"] for row in first] != [row["name"] for row in second]


def test_references_of_feeds_lead_to_records_that_exist(simulator: Simulator) -> None:
    ids = {
        stream: {row["id"] for row in simulator.records(stream)} for stream in ("customers", "locations", "bookings")
    }

    assert {row["customerId"] for row in simulator.records("locations")} - {None} <= ids["customers"]
    assert {row["locationId"] for row in simulator.records("location_contacts")} - {None} <= ids["locations"]
    assert {row["bookingId"] for row in simulator.records("leads")} - {None} <= ids["bookings"]
    units = {row["businessUnitId"] for row in simulator.records("bookings")} - {None}
    assert units <= {first_id("business_units") + n for n in range(6)}


def test_ids_need_64_bits(simulator: Simulator) -> None:
    assert max(row["id"] for row in simulator.records("bookings")) > 2**32


def test_first_record_of_each_feed_has_all_fields_and_others_have_nulls(simulator: Simulator) -> None:
    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict | list) and value:
            for one in value.values() if isinstance(value, dict) else value:
                yield from leaves(one)
        else:
            yield value

    for endpoint in simple_feeds():
        if endpoint.keys != ("id",) or endpoint.replication_key != "modifiedOn":
            continue
        rows = sorted(simulator.records(endpoint.name), key=lambda row: row["id"])
        assert all(leaf not in (None, [], {}) for leaf in leaves(rows[0])), endpoint.name
        assert any(None in leaves(row) for row in rows)
        assert all((row["createdOn"] or "") <= row["modifiedOn"] for row in rows if row["modifiedOn"])


def test_timestamps_have_up_to_7_fractional_digits_and_a_z(simulator: Simulator) -> None:
    dates = [row["modifiedOn"] for row in simulator.records("bookings")]
    fractions = [re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,7}))?Z", date) for date in dates]

    assert {len(match[1] or "") for match in fractions if match} >= {0, 3, 7}
    assert all(fractions)


def test_records_option_sets_the_number_of_records_of_each_stream(reader: StreamReader) -> None:
    counts = {endpoint: len(reader.simulator.records(endpoint.name)) for endpoint in table.TABLE}
    complete = {
        endpoint.name: count
        for endpoint, count in counts.items()
        if isinstance(endpoint, Export | Listing | Unpaged) and endpoint.name != "job_history"
    }
    notes = [row["customer_id"] for row in reader.simulator.records("customer_notes")]
    customers = sorted(row["id"] for row in reader.simulator.records("customers"))

    assert complete == dict.fromkeys(complete, RECORDS) | {"report_categories": 6}
    assert [notes.count(customer) for customer in customers] == list(CHILDREN) * 4
    assert len(reader.simulator.records("job_booked_log")) == RECORDS
    assert {count for endpoint, count in counts.items() if isinstance(endpoint, Singleton)} == {1}


def test_sizes_option_sets_the_records_of_a_stream_or_below_each_parent() -> None:
    with Simulator(records=5, sizes={"zones": 3, "customers": 2, "customer_notes": 4}) as simulator:
        assert [len(simulator.records(stream)) for stream in ("zones", "customer_notes", "teams")] == [3, 8, 5]


def references(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every id within a value, with the name of the field that says whose it is."""
    if isinstance(value, list):
        for one in value:
            yield from references(one, name)
    elif isinstance(value, dict):
        for field, one in value.items():
            is_technician = field == "employeeId" and value.get("employeeType") == "Technician"
            yield from references(one, "technicianId" if is_technician else name if field == "id" else field)
    elif re.search("Ids?$", name):
        yield name, value


def test_references_of_all_streams_lead_to_records_that_exist(reader: StreamReader) -> None:
    numbered = {
        name: {row["id"] for row in reader.simulator.records(name)}
        for name, endpoint in streams().items()
        if schemas.load(endpoint)["properties"].get("id", {}).get("type") == "integer"
    }
    elsewhere = {"reasonId", "categoryId"}  # what these are of depends on the stream
    checked: set[str] = set()
    for stream in streams():
        for name, value in references(reader.simulator.records(stream)):
            target = target_stream(name)
            if isinstance(value, int) and target in numbered and name not in elsewhere:
                assert value in numbered[target], (stream, name)
                checked.add(target)

    assert checked >= {"customers", "jobs", "memberships_export", "gl_accounts", "vendors", "wbs_budget_codes"}
    assert len(checked) > 40


def test_records_are_made_when_they_are_first_needed() -> None:
    with Simulator() as simulator:
        assert simulator.world.made == set()
        simulator.records("customer_notes")
        assert simulator.world.made == {"customer_notes", "customers"}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(one)


@pytest.mark.parametrize(
    "letters", ["[À-ž]", "[\u4e00-\u9fff]", "[\U0001f300-\U0001faff]"], ids=["accent", "CJK", "emoji"]
)
def test_texts_have_letters_of_more_than_english(simulator: Simulator, letters: str) -> None:
    streams_with = [
        stream
        for stream in ("bookings", "customers", "leads", "customer_notes")
        if any(re.search(letters, text) for row in simulator.records(stream) for text in strings(row))
    ]
    assert len(streams_with) >= 2


STREAMS_WITH_NULLS = ("bookings", "customers", "locations", "jobs", "leads", "invoices", "inventory_bills", "projects")


@pytest.mark.parametrize("stream", STREAMS_WITH_NULLS)
def test_every_field_that_may_be_null_is_null_in_some_record_and_no_other(simulator: Simulator, stream: str) -> None:
    rows = simulator.records(stream)
    fields = schemas.load(streams()[stream])["properties"]
    never = NOT_NULL - set(NULL_BY_DOCUMENT.get(stream, ())) | set(streams()[stream].primary_keys)

    assert {name for name in rows[0] if any(row[name] is None for row in rows)} == {
        name for name in rows[0] if "null" in fields[name]["type"]
    } - never


def test_modified_on_is_null_only_in_records_that_never_changed(simulator: Simulator) -> None:
    before = {row["id"] for row in simulator.records("invoices") if row["modifiedOn"] is None}
    simulator.advance(new=0, changed=120, stream="invoices")

    assert before
    assert not any(row["modifiedOn"] is None for row in simulator.records("invoices"))


def test_mixed_fields_hold_0_beside_words(simulator: Simulator) -> None:
    methods = {row["landedCostMethod"] for row in simulator.records("purchase_order_types")}

    assert 0 in methods
    assert any(isinstance(method, str) for method in methods)

"""The joins beside the schema files: every field that holds an id leads to a stream or is listed with a reason."""

from __future__ import annotations

import pytest

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import joins, table
from tap_servicetitan.schemas.files import fields

FIELDS = {endpoint.name: dict(fields(schemas.load(endpoint))) for endpoint in table.TABLE}
"""The type of every field, by stream."""

IDS = [
    (stream, path)
    for stream, types in FIELDS.items()
    for path, words in types.items()
    if joins.is_id(path) and not words.startswith("array")
]

AS_TEXT = {("expense_transactions", "reversesExpenseTransactionId"), ("payments", "typeId")}
"""Numbers that the documents have as text: a warehouse needs a cast for these joins."""


def base_type(words: str) -> str:
    return words.split(" ", maxsplit=1)[0]


def test_every_id_joins_to_a_stream_or_is_listed_with_a_reason() -> None:
    known = {(stream, path): (joins.target(stream, path), joins.reason(stream, path)) for stream, path in IDS}

    assert len(known) > 800
    assert [field for field, (target, reason) in known.items() if target is None and reason is None] == []


def test_joins_lead_to_an_id_of_the_same_type() -> None:
    joined = {(stream, path): target for stream, path in IDS if (target := joins.target(stream, path))}
    differ = {
        (stream, path)
        for (stream, path), target in joined.items()
        if base_type(FIELDS[stream][path]) != base_type(FIELDS[target]["id"])
    }

    assert len(joined) > 400
    assert differ == AS_TEXT


def test_joins_and_reasons_are_of_fields_that_exist_and_of_one_kind() -> None:
    ends = {
        ".".join(parts[start:])
        for stream, path in IDS
        for parts in [[stream, *path.replace("[]", "").split(".")]]
        for start in range(len(parts))
    }

    assert sorted({*joins.JOINS, *joins.NO_JOIN} - ends) == []
    assert sorted(set(joins.JOINS) & set(joins.NO_JOIN)) == []


@pytest.mark.parametrize(
    ("stream", "path", "target"),
    [
        ("bookings", "jobId", "jobs"),
        ("bookings", "dismissingReasonId", "call_reasons"),
        ("customers", "customFields[].typeId", "customers_custom_fields"),
        ("invoices", "customer.id", "customers"),
        ("invoices", "items[].technicianId", "technicians"),
        ("jobs", "soldById", "technicians"),
        ("projects", "jobIds[]", "jobs"),
        ("service_agreements", "soldById", None),
        ("employees", "customFields[].typeId", None),
    ],
)
def test_joins_of_one_stream_come_before_those_of_all(stream: str, path: str, target: str | None) -> None:
    assert joins.target(stream, path) == target
    assert (joins.reason(stream, path) is None) == (target is not None)


def test_ids_are_known_by_their_name() -> None:
    paths = [
        "id",
        "tenant_id",
        "jobId",
        "job_id",
        "jobIds[]",
        "customer.id",
        "items[].id",
        "identifier",
        "valid",
        "paid",
    ]
    assert [path for path in paths if joins.is_id(path)] == ["jobId", "job_id", "jobIds[]", "customer.id", "items[].id"]

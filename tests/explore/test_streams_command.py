"""``--streams``: streams and fields by pattern, as a table and as JSON."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import click
import pytest
from helpers.support import TAP

from tap_servicetitan.endpoints import table
from tap_servicetitan.explore.stream_facts import fields
from tap_servicetitan.explore.streams_command import as_json, as_table, find


def streams(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAP, "--streams", *arguments], capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )


def facts(pattern: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(as_json(find(pattern, verbose=False)))}


def test_all_streams_are_listed_without_any_settings() -> None:
    lines = streams().stdout.splitlines()

    assert lines[0].split() == ["stream", "kind", "key", "replication", "key", "scope"]
    assert lines[-1] == f"{len(table.TABLE)} of {len(table.TABLE)} streams."
    assert [line.split()[0] for line in lines[1:-2]] == [endpoint.name for endpoint in table.TABLE]


def test_pattern_lists_the_streams_that_it_means() -> None:
    assert set(facts("booking*")) == {"bookings", "booking_contacts", "booking_provider_tags"}
    assert set(facts("jobs,leads")) == {"jobs", "leads"}


def test_facts_of_a_stream_are_those_of_the_table() -> None:
    assert facts("customer_notes") == {
        "customer_notes": {
            "name": "customer_notes",
            "api": "crm/v2",
            "kind": "nested over customers",
            "key": ["tenant_id", "customer_id", "id"],
            "replication_key": "modifiedOn",
            "scope": "tn.crm.customers:r",
            "cost": "a request for each parent, in each run",
            "rows_that_move": "ids",
            "selected_by_default": False,
        }
    }


def test_verbose_lists_fields_with_type_and_join() -> None:
    lines = list(as_table(find("bookings", verbose=True)))
    listed = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("    ")}
    (bookings,) = (endpoint for endpoint in table.TABLE if endpoint.name == "bookings")

    assert listed["jobId"] == ["integer", "->", "jobs"]
    assert listed["address.city"] == ["string"]
    assert len(listed) == sum(1 for field in fields(bookings) for _ in field.walk())


def test_json_and_fields_are_options() -> None:
    (leads,) = json.loads(streams("leads", "-v", "--format=json").stdout)

    assert {"path": "bookingId", "type": "integer", "joins_to": "bookings"} in leads["fields"]


def test_field_lists_the_streams_that_have_it() -> None:
    found = facts("*.callReasonId")

    assert set(found) == {"leads"}
    assert found["leads"]["fields"] == [{"path": "callReasonId", "type": "integer", "joins_to": "call_reasons"}]
    assert [field["path"] for field in facts("invoices.technicianId")["invoices"]["fields"]] == ["items[].technicianId"]


def test_pattern_without_streams_is_an_error() -> None:
    done = streams("jobz")

    assert (done.returncode, done.stdout) == (2, "")
    assert "No stream matches 'jobz'. Did you mean 'jobs'?" in done.stderr
    with pytest.raises(click.BadParameter, match="No stream matches"):
        find("*.jobIdd", verbose=False)

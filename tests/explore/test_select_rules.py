"""``--discover --select``: a catalog with just the streams and fields that the rules mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.support import Tap, config_of

from tap_servicetitan.errors import CatalogError
from tap_servicetitan.explore.select_rules import select
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

CATALOG = TapServiceTitan(validate_config=False).catalog_json_text


def selected(rules: str) -> dict[str, set[str]]:
    """Return the fields that a catalog selects beside keys, by selected stream."""
    found: dict[str, set[str]] = {}
    for entry in json.loads(select(CATALOG, rules))["streams"]:
        items: dict[str, Any] = {".".join(each["breadcrumb"][1::2]): each["metadata"] for each in entry["metadata"]}
        if items.pop("")["selected"]:
            found[entry["tap_stream_id"]] = {path for path, metadata in items.items() if metadata.get("selected")}
    return found


def test_rule_selects_a_stream_with_all_its_fields() -> None:
    all_fields = selected("bookings")["bookings"]

    assert {"jobId", "address", "address.city"} < all_fields
    assert selected("bookings.*") == {"bookings": all_fields}


def test_rules_select_single_fields_and_those_around_them() -> None:
    found = selected("bookings.jobId,bookings.address.city,jobs.job*")

    assert found["bookings"] == {"jobId", "address", "address.city"}
    assert {"jobNumber", "jobStatus", "jobGeneratedLeadSource.jobId"} < found["jobs"]
    assert "customerId" not in found["jobs"]


def test_rules_that_exclude_come_before_others() -> None:
    found = selected("*notes,!lead_notes,bookings,!bookings.address.city")

    assert {"customer_notes", "job_notes", "location_notes", "project_notes", "bookings"} == set(found)
    assert "address.zip" in found["bookings"]
    assert "address.city" not in found["bookings"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("bookingz", "No stream is named 'bookingz'. Did you mean 'bookings'? --streams lists them."),
        ("jobs,jobs.jobNumbr", "No field of 'jobs' is named 'jobNumbr'. Did you mean 'jobNumber'?"),
        ("!jobs", "The rules of --select, !jobs, select no stream."),
    ],
)
def test_rules_without_a_meaning_are_refused(rules: str, words: str) -> None:
    with pytest.raises(CatalogError) as raised:
        select(CATALOG, rules)

    assert words in str(raised.value)


def test_run_reads_what_the_rules_select(tap: Tap, simulator: Simulator) -> None:
    discovered = tap(config_of(simulator), "--discover", "--select", "bookings.name,leads")
    done = tap(config_of(simulator), catalog=json.loads(discovered.stdout))

    assert set(done.counts()) == {"bookings", "leads"}
    assert set(done.records("bookings")[0]) == {"tenant_id", "id", "name", "modifiedOn"}


def test_rule_that_means_nothing_is_one_line(tap: Tap, simulator: Simulator) -> None:
    done = tap(config_of(simulator), "--discover", "--select", "bookingz")

    assert (done.code, done.stdout) == (1, "")
    assert len(done.log.splitlines()) == 1

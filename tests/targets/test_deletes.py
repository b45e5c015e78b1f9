"""Rows that vanished from ServiceTitan, in a real PostgreSQL with target-postgres as it is by default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.support import Tap, config_of, days_ago, selecting
from helpers.targets import Pipeline, Postgres, Row

from tap_servicetitan.simulator import Simulator

CONTACTS = "customer_contacts"
DAYS = 8 * 86_400_000
"""In milliseconds: longer than between two full reads."""


@pytest.fixture
def pipeline(postgres: str, tap: Tap, tmp_path: Path) -> Pipeline:
    return Pipeline(tap, Postgres(postgres), tmp_path)


def rows(pipeline: Pipeline, stream: str) -> list[Row]:
    return pipeline.target.tables(stream)[stream]


def marked(pipeline: Pipeline, stream: str) -> set[Any]:
    """Return the ids of the rows that are marked as deleted."""
    return {row.get("id") for row in rows(pipeline, stream) if row["_sdc_deleted_at"]}


def test_contact_that_vanished_is_marked_and_unmarked_when_it_comes_back(
    pipeline: Pipeline, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(records=9, page_size=4)
    config = config_of(simulator, full_reads={CONTACTS: 7})
    gone, back, *others = (record["id"] for record in simulator.records(CONTACTS))
    collection = simulator.world.collection(1001, CONTACTS)
    _, log = collection.now()
    indices = {record_id: index for record_id in (gone, back) if (index := collection.find(str(record_id))) is not None}

    def run(days: int = 0) -> set[Any]:
        for partition in pipeline.state["bookmarks"][CONTACTS]["partitions"] if pipeline.state else ():
            partition["full_read"]["version"] -= days
        pipeline.run(config, selecting(CONTACTS))
        return marked(pipeline, CONTACTS)

    assert run() == set()
    log.removed.update(indices.values())
    simulator.advance(new=0, changed=0)
    assert run() == set(), "an ordinary run marks nothing"
    assert run(DAYS) == {gone, back}
    log.removed.discard(indices[back])
    simulator.advance(new=0, changed=0)
    assert run(DAYS) == {gone}
    assert {row["id"] for row in rows(pipeline, CONTACTS)} == {gone, back, *others}


@pytest.mark.long
def test_no_live_row_is_marked_whatever_the_run_left_out(
    pipeline: Pipeline, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(records=8)
    streams = ("leads", "zones", "costs", "customer_notes", "contact_relationships", "capacities")
    config = config_of(simulator, emit_activate_version_messages=True)
    encoding = {"format": "jsonl", "compression": "gzip"}
    batch = {"batch_config": {"encoding": encoding, "storage": {"root": tmp_path.as_uri()}}}
    catalog = selecting(*streams)
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"

    for settings in ({}, {"start_date": str(days_ago(100))}, batch):
        pipeline.run({**config, **settings}, catalog)
        simulator.advance(new=0, changed=3)
    pipeline.run(config_of(simulator), selecting(*streams))

    for stream in streams[:-1]:
        assert rows(pipeline, stream), stream
    assert {stream: found for stream in streams if (found := marked(pipeline, stream))} == {}

"""What is read by windows: there are records whenever a client reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from helpers.api_client import RECORDS, StreamReader

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Window
from tap_servicetitan.simulator.data.change_log import of_each_year
from tap_servicetitan.simulator.data.clock import START
from tap_servicetitan.simulator.fake import timestamps

YEAR = timedelta(days=365)
WINDOWS = [endpoint for endpoint in table.TABLE if isinstance(endpoint, Window)]


@pytest.mark.parametrize("endpoint", WINDOWS, ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("clock", ["simulator", "machine"])
def test_window_of_the_last_year_has_records_by_both_clocks(reader: StreamReader, endpoint: Window, clock: str) -> None:
    now = datetime.now(UTC) if clock == "machine" else datetime.fromisoformat(reader.simulator.now)
    window: dict[str, Any] = {
        endpoint.start: f"{now - YEAR:%Y-%m-%dT%H:%M:%SZ}",
        endpoint.end: f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }

    records = list(reader.read_pages(endpoint, **window))

    assert records
    assert records != [{"totalCost": 0.0}]
    dates = [row[endpoint.replication_key or ""] for row in reader.simulator.records(endpoint.name)]
    assert sum(now - YEAR <= datetime.fromisoformat(date) < now for date in dates) > RECORDS * 0.8


def test_window_after_the_present_is_empty(reader: StreamReader) -> None:
    tomorrow = max(datetime.now(UTC), datetime.fromisoformat(reader.simulator.now)) + timedelta(days=1)
    window = {"fromUtc": f"{tomorrow:%Y-%m-%d}", "toUtc": f"{tomorrow + YEAR:%Y-%m-%d}"}

    assert reader.data("marketingads/v2/attributed-leads", **window) == []


@pytest.mark.parametrize("years", [0, 1, 5])
def test_records_of_windows_are_as_many_each_year_and_stay_when_time_passes(years: int) -> None:
    now, later = (
        of_each_year(30, START, START + passed * timestamps.YEAR, Random(1)).created for passed in (years, years + 1)
    )

    assert len(now) == 30 * (years + 1)
    assert now == later[:-30]
    assert max(now) < START + years * timestamps.YEAR

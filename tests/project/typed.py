"""How code of others uses what is public, for mypy: each `assert_type` fails `make lint` if a type changes or is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_type

from singer_sdk import Stream, Tap

from tap_servicetitan import TapServiceTitan
from tap_servicetitan.simulator import Simulator


def read_the_simulator() -> None:
    with Simulator(records=3, rate_limit=0) as simulator:
        assert_type(simulator, Simulator)
        assert_type(simulator.url, str)
        assert_type(simulator.config, dict[str, Any])
        assert_type(simulator.records("bookings"), list[dict[str, Any]])
        assert_type(simulator.advance(new=1, changed=1), None)
        tap = TapServiceTitan(config=simulator.config, state={}, catalog={"streams": []})
        assert_type(tap, TapServiceTitan)
        assert_type(tap.name, str)
        streams: Mapping[str, Stream] = tap.streams
        found: Sequence[Stream] = tap.discover_streams()
        assert_type(tap.sync_all(), None)
        assert_type(streams["bookings"].name, str)
        assert_type([stream.name for stream in found], list[str])
        base: Tap = tap
        assert_type(base.catalog_json_text, str)

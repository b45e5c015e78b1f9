"""The SDK's standard tests for taps, and the SDK's private names that the tap relies on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.support import bring_up_to_date, selecting
from singer_sdk import Stream
from singer_sdk.helpers._batch import BatchConfig, SDKBatchMessage
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.helpers._typing import _conform_record_data_types
from singer_sdk.plugin_base import PluginBase, _ConfigInput
from singer_sdk.tap_base import Tap
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

_SIMULATOR = Simulator(records=30, page_size=10, rate_limit=0)
bring_up_to_date(_SIMULATOR, new=30)  # windows are read from a year ago

TestTapServiceTitan = get_tap_test_class(
    TapServiceTitan,
    config={**_SIMULATOR.config, "requests_per_second": 10_000},
    suite_config=SuiteConfig(max_records_limit=None),
    catalog=selecting(),
)


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    _SIMULATOR.close()


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_sdk_still_has_the_private_names_that_the_tap_relies_on() -> None:
    assert parameters(Stream._sync_records) == ["self", "context", "write_messages"]
    assert parameters(Stream._write_schema_message) == ["self"]
    assert "_stream_version" in inspect.getsource(Stream._generate_record_messages)
    assert parameters(PluginBase._validate_config) == ["self", "raise_errors"]
    assert parameters(Tap._handle_termination) == ["self", "signum", "frame"]
    assert parameters(Tap.sync_all) == ["self"]
    assert parameters(_ConfigInput) == ["config", "parse_env"]
    assert 'ctx.params.get("config"' in inspect.getsource(Tap.cb_discover)
    assert "self._handle_termination" in inspect.getsource(PluginBase._setup_signal_handlers)
    assert parameters(pop_deselected_record_properties) == ["record", "schema", "mask", "breadcrumb"]
    assert parameters(_conform_record_data_types) == ["input_object", "schema", "level", "parent"]
    assert parameters(SDKBatchMessage)[:3] == ["stream", "encoding", "manifest"]
    assert {"encoding", "storage", "batch_size"} <= set(parameters(BatchConfig))

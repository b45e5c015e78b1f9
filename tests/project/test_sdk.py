"""The SDK's standard tests for taps, and the SDK's private names that the tap relies on."""

from __future__ import annotations

import abc
import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import support
from helpers.support import SomeStreams, selecting
from singer_sdk import Stream
from singer_sdk.plugin_base import PluginBase, _ConfigInput
from singer_sdk.tap_base import Tap
from singer_sdk.testing import SuiteConfig, get_tap_test_class

import tap_servicetitan
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.tap import TapServiceTitan

_SIMULATOR = Simulator(records=30, page_size=10, rate_limit=0)

SAMPLE = (
    "bookings",
    "capacities",
    "campaign_performance",
    "customer_notes",
    "gl_accounts_well_known",
    "job_history",
    "payment_types",
    "reviews",
    "submissions",
    "zones",
)
"""Streams that the SDK's tests take without --long: one of each kind."""


class Sample(SomeStreams):
    """The tap with these streams only: the suite's tests of a stream that is not read would prove nothing."""

    streams_wanted = SAMPLE


TestTapServiceTitan = pytest.mark.xdist_group("sdk")(  # in one process: each would read all streams first
    get_tap_test_class(
        TapServiceTitan if support.LONG else Sample,
        config={**_SIMULATOR.config, "requests_per_second": 10_000},
        suite_config=SuiteConfig(max_records_limit=None),
        catalog=selecting(*() if support.LONG else SAMPLE),
    )
)


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    _SIMULATOR.close()


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


METHODS = {
    "_handle_termination": (Tap, ["self", "signum", "frame"]),
    "_sync_records": (Stream, ["self", "context", "write_messages"]),
    "_validate_config": (PluginBase, ["self", "raise_errors"]),
    "_write_activate_version_message": (Stream, ["self", "full_table_version"]),
}
"""Private methods of the SDK that the tap calls or overrides: where they are, and their parameters."""

ATTRIBUTES = {"_config": PluginBase}
"""Private attributes of the SDK that the tap uses, and whose they are."""

IMPORTED = {
    "singer_sdk.helpers._batch.BatchConfig": ["encoding", "storage", "batch_size"],
    "singer_sdk.helpers._batch.SDKBatchMessage": ["stream", "encoding", "manifest"],
    "singer_sdk.helpers._catalog.get_selected_schema": ["stream_name", "schema", "mask"],
    "singer_sdk.helpers._flattening.FlatteningOptions": ["enabled", "max_level", "separator", "max_key_length"],
    "singer_sdk.helpers._flattening.flatten_key": ["key_name", "parent_keys", "separator", "max_key_length"],
}
"""Names from private modules of the SDK, and their first parameters."""


def imported(source: str) -> Iterator[str]:
    """Yield what a module imports from the SDK that is private, or in a private module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "singer_sdk":
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if re.search(r"\._[a-z]", name))


def used(kind: type) -> set[str]:
    """Return the private names of the SDK that a class uses on itself or overrides."""
    of_sdk = [base for base in kind.__mro__ if base.__module__.startswith("singer_sdk.")]

    def names(one: type) -> set[str]:
        mentioned = re.findall(r"\b(?:self|super\(\))\.(_[a-z]\w*)", inspect.getsource(one))
        return {*mentioned, *(name for name in vars(one) if re.match(r"_[a-z]", name))} - {*vars(abc.ABC)}

    return names(kind) & set().union(*map(names, of_sdk))


def sources() -> list[Path]:
    return [file for file in Path(tap_servicetitan.__file__).parent.rglob("*.py") if "simulator" not in file.parts]


def classes() -> Iterator[type]:
    """Yield the classes of the tap."""
    for _, name, _ in pkgutil.walk_packages(tap_servicetitan.__path__, "tap_servicetitan."):
        if not name.endswith("__main__") and ".simulator" not in name:
            module = importlib.import_module(name)
            yield from (one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == name)


def test_every_private_name_of_the_sdk_that_the_tap_uses_is_listed_here() -> None:
    assert set().union(*map(used, classes())) == {*METHODS, *ATTRIBUTES}
    assert {name for file in sources() for name in imported(file.read_text())} == set(IMPORTED)


def test_private_name_that_is_not_listed_is_found() -> None:
    class Careless(Stream):
        def reset(self) -> None:
            self._write_record_message({})
            super()._write_schema_message()
            self._own = 1

    assert used(Careless) == {"_write_record_message", "_write_schema_message"}
    assert list(imported("from singer_sdk.helpers._util import utc_now\nfrom singer_sdk import Tap, _x")) == [
        "singer_sdk.helpers._util.utc_now",
        "singer_sdk._x",
    ]


@pytest.mark.parametrize("name", METHODS)
def test_private_methods_of_the_sdk_have_the_parameters_that_the_tap_expects(name: str) -> None:
    kind, expected = METHODS[name]

    assert parameters(getattr(kind, name)) == expected


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_private_attributes_of_the_sdk_exist(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(ATTRIBUTES[name])


@pytest.mark.parametrize("name", IMPORTED)
def test_imports_from_private_modules_of_the_sdk_take_the_parameters_that_the_tap_gives(name: str) -> None:
    module, _, attribute = name.rpartition(".")

    assert set(IMPORTED[name]) <= set(parameters(getattr(importlib.import_module(module), attribute)))


def test_sdk_still_does_what_the_tap_relies_on() -> None:
    assert parameters(Tap.sync_all) == ["self"]
    assert parameters(_ConfigInput) == ["config", "parse_env"]
    assert 'ctx.params.get("config"' in inspect.getsource(Tap.cb_discover)
    assert "self._handle_termination" in inspect.getsource(PluginBase._setup_signal_handlers)

"""The user's stream maps: mistakes are refused before the run, what passes through stays as it is."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import pytest
from helpers.raw import RawServer, feed
from helpers.support import SomeStreams, config_of, run_here

from tap_servicetitan.errors import ConfigError
from tap_servicetitan.output.maps.stream_maps import StreamMapper
from tap_servicetitan.simulator import Simulator

LOGGER = logging.getLogger("tests")


def mapped(simulator: Simulator, maps: dict[str, Any], *streams: str) -> Any:
    return run_here(config_of(simulator, stream_maps=maps), *(streams or ("bookings",)))


@pytest.mark.parametrize(
    ("maps", "problem"),
    [
        ({"bokings": {"name": None}}, "stream_maps.bokings: there is no stream bokings. Did you mean bookings?"),
        ({"x": {"__source__": "booking"}}, "stream_maps.x: there is no stream booking. Did you mean bookings?"),
        ({"x*": None}, "stream_maps.x*: there is no stream x*."),
        ({"bookings": {"nam": None}}, "stream_maps.bookings.nam: there is no such field. Did you mean name?"),
        (
            {"bookings": {"sumary": "md5(summary)"}},
            "stream_maps.bookings.sumary: there is no such field. Did you mean summary? If not, give the new field",
        ),
        (
            {"bookings": {"hash": "md5(sumary)"}},
            "stream_maps.bookings.hash: the expression uses sumary, which bookings does not have. Did you mean summary?",
        ),
        (
            {"bookings": {"hash": "md5(self)"}},
            "stream_maps.bookings.hash: self is the field's own value, and there is no such field.",
        ),
        (
            {"bookings": {"__filter__": "activ == True"}},
            "__filter__: the expression uses activ, which bookings does not have. Did you mean active?",
        ),
        ({"bookings": {"id": None}}, "stream_maps: Removing key property 'id' is not permitted"),
        (
            {"bookings": {"name": "name +"}},
            "stream_maps.bookings.name: the expression cannot be parsed: invalid syntax, character 7.",
        ),
    ],
)
def test_map_with_a_mistake_is_refused_with_a_suggestion(
    simulator: Simulator, maps: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        StreamMapper({"stream_maps": maps}, LOGGER).register_raw_streams_from_catalog(_catalog(simulator))

    assert problem in "\n".join(refused.value.errors)


def _catalog(simulator: Simulator) -> Any:
    kind = type("One", (SomeStreams,), {"streams_wanted": ("bookings", "leads")})
    return kind(config=config_of(simulator)).catalog


def test_map_with_fake_names_the_package_that_is_missing(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ConfigError) as refused:
        StreamMapper({"stream_maps": {"bookings": {"name": "fake.name()"}}}, LOGGER).register_raw_streams_from_catalog(
            _catalog(simulator)
        )

    assert refused.value.errors == [
        "stream_maps.bookings.name: fake needs the package faker. Install tap-servicetitan[faker]."
    ]


@pytest.mark.parametrize("expression", ["customerType", "str(id)", "[x for x in [1]]", "md5(name or '')", "'x'"])
def test_map_may_add_fields(simulator: Simulator, expression: str) -> None:
    run = mapped(simulator, {"bookings": {"added": expression, "customerTYPE": "customerType", "customerType": None}})

    assert run.code == 0
    assert all("added" in record and "customerType" not in record for record in run.records("bookings"))


def test_map_for_streams_that_are_not_selected_does_nothing(simulator: Simulator) -> None:
    catalog = _catalog(simulator)
    catalog["leads"].metadata.root.selected = False
    mapper = StreamMapper({"stream_maps": {"*": {"active": None}, "leads": {"id": "id"}}}, LOGGER)

    mapper.register_raw_streams_from_catalog(catalog)

    assert "active" not in mapper.stream_maps["bookings"][0].transformed_schema["properties"]
    assert "active" in mapper.stream_maps["leads"][0].transformed_schema["properties"]


def test_map_keeps_type_and_key_of_what_passes_through(simulator: Simulator) -> None:
    plain = mapped(simulator, {})
    run = mapped(
        simulator, {"bookings": {"__else__": None, "tenant_id": "tenant_id", "id": "id", "kind": "customerType"}}
    )

    (before,), (after,) = plain.of_type("SCHEMA"), run.of_type("SCHEMA")
    old, new = before["schema"]["properties"], after["schema"]["properties"]
    assert new == {"tenant_id": old["tenant_id"], "id": old["id"], "kind": old["customerType"]}
    assert after["schema"]["required"] == before["schema"]["required"] == ["tenant_id", "id"]
    assert after["key_properties"] == ["tenant_id", "id"]
    assert [set(record) for record in run.records("bookings")] == [set(new)] * len(plain.records("bookings"))


@pytest.mark.parametrize("names", [[], ["tenant_id", "externalId"]])
def test_map_may_change_the_key(simulator: Simulator, names: list[str]) -> None:
    run = mapped(simulator, {"bookings": {"__key_properties__": names}})

    (schema,) = run.of_type("SCHEMA")
    assert schema["key_properties"] == names
    assert run.records("bookings")


def test_map_that_removes_the_replication_key_does_not_announce_it(simulator: Simulator) -> None:
    (kept,) = mapped(simulator, {}).of_type("SCHEMA")
    (removed,) = mapped(simulator, {"bookings": {"modifiedOn": None}}).of_type("SCHEMA")

    assert kept["bookmark_properties"] == ["modifiedOn"]
    assert not removed.get("bookmark_properties")


def test_expression_that_fails_is_named_without_the_record() -> None:
    def run(expression: str, record: dict[str, Any]) -> Any:
        maps = {"customers": {"id": "id", "name": expression, "type": "type"}}
        with RawServer(lambda _: feed(record)).listening() as config:
            return run_here({**config, "stream_maps": maps}, "customers")

    failed = run("name.upper()", {"id": 1, "name": None, "type": "Jane"})

    assert failed.code == 1
    assert "The expression 'name.upper()' of stream_maps fails with AttributeDoesNotExist." in failed.log
    assert "Jane" not in failed.log
    assert run("name.upper() if name else None", {"id": 1}).records("customers")[0]["name"] is None
    assert run("md5(self) if self else 'none'", {"id": 1}).records("customers")[0]["name"] == "none"


def test_map_that_filters_out_everything_writes_no_record(simulator: Simulator) -> None:
    run = mapped(simulator, {"bookings": {"__filter__": "False"}, "copy": {"__source__": "bookings", "id": "id"}})

    assert run.code == 0
    assert not run.records("bookings")
    assert len(run.records("copy")) == len(simulator.records("bookings"))

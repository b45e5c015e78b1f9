"""The table of streams, held against the facts of ServiceTitan's API: one line of `facts.json` an operation."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import excluded, table
from tap_servicetitan.endpoints.kinds import (
    Capacity,
    Endpoint,
    Export,
    Listing,
    Nested,
    Paged,
    Singleton,
    Unpaged,
    Window,
)
from tap_servicetitan.schemas.files import fields

FACTS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "facts.json").read_text())
TABLE = list(table.endpoints())
PARENTS = [table.parent(endpoint) for endpoint in TABLE if isinstance(endpoint, Nested)]
ENTRIES = [*TABLE, *PARENTS]
"""Whatever is requested: streams, and the lists that nested streams page over."""


def shape(path: str) -> str:
    """Return a path without tenant and without names of placeholders."""
    return re.sub(r"{\w+}", "{}", path.replace("tenant/{tenant_id}/", "").lstrip("/"))


OPERATIONS = {shape(path): facts for path, facts in FACTS.items()}


def facts_of(endpoint: Endpoint) -> dict[str, Any]:
    return OPERATIONS[shape(endpoint.url_path)]


def query(endpoint: Endpoint) -> set[str]:
    """Every query parameter that the operation has."""
    return set(facts_of(endpoint).get("query", "").split())


def parameters(endpoint: Endpoint) -> set[str]:
    """Every query parameter that reading an entry may send."""
    names = set(endpoint.query)
    if isinstance(endpoint, Export):
        names |= {"from", "includeRecentChanges"}
    if isinstance(endpoint, Paged) and endpoint.page_size is not None:
        names |= {"page", "pageSize"} | ({"includeTotal"} if endpoint.has_total else set())
    if isinstance(endpoint, Window):
        names |= {endpoint.start, endpoint.end}
    elif isinstance(endpoint, Paged) and endpoint.replication_key:
        names.add(endpoint.since_param)
    if isinstance(endpoint, Nested):
        names |= set(endpoint.date_range_params or ())
    return names


def test_there_are_at_least_160_streams_of_24_apis() -> None:
    assert len(TABLE) >= 160
    assert len(table.APIS) == len(table.SCOPE_PREFIXES) == 24


def test_stream_names_are_unique_and_in_snake_case() -> None:
    names = [endpoint.name for endpoint in TABLE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_name_in_use_is_kept_for_its_collection() -> None:
    table = {endpoint.name: shape(endpoint.url_path) for endpoint in TABLE}
    same = {shape(path): stream for path, stream in excluded.SAME_AS.items()}
    in_use = [(name, path) for path, facts in OPERATIONS.items() for name in facts.get("name_in_use", "").split()]
    assert len(in_use) == 127
    assert [(name, path) for name, path in in_use if table.get(name) != path and same.get(path) != name] == []


def test_every_operation_is_a_stream_or_has_a_reason_not_to_be_one() -> None:
    streams = {shape(endpoint.url_path) for endpoint in TABLE}
    others = {shape(path) for path in excluded.reasons()}
    assert len(others) == len(excluded.SAME_AS) + sum(map(len, excluded.NOT_STREAMS.values()))
    assert not streams & others
    assert streams | others == set(OPERATIONS)


def test_what_is_the_same_as_a_stream_names_one_of_the_table() -> None:
    assert {endpoint.name for endpoint in TABLE} >= set(excluded.SAME_AS.values())


def test_every_feed_but_the_old_path_of_estimates_is_a_stream() -> None:
    feeds = {path for path, facts in OPERATIONS.items() if facts["kind"] == "export"}
    streams = {shape(endpoint.url_path) for endpoint in TABLE if isinstance(endpoint, Export)}
    assert feeds - streams == {"sales/v2/estimates/export"}
    assert len(streams) == 52


def test_every_list_and_array_without_a_feed_is_a_stream() -> None:
    lists = {path for path, facts in OPERATIONS.items() if facts["kind"] in {"list", "array"}}
    missing = lists - {shape(endpoint.url_path) for endpoint in TABLE} - {shape(path) for path in excluded.SAME_AS}
    assert missing == {"jpm/v2/jobs/cancel-reasons", "jpm/v2/jobs/hold-reasons"}  # these want ids of jobs


def test_scopes_are_those_that_the_operations_ask_for() -> None:
    wrong = {each.name: table.scope(each) for each in ENTRIES if table.scope(each) != facts_of(each)["scope"]}
    assert wrong == {}


def test_every_parameter_sent_exists() -> None:
    unknown = {each.name: parameters(each) - query(each) for each in ENTRIES}
    assert {name: parameters for name, parameters in unknown.items() if parameters} == {}


def test_every_required_parameter_is_sent() -> None:
    required = {each.name: set(facts_of(each).get("required", "").split()) for each in ENTRIES}
    always = {each.name: parameters(each) - {"includeTotal"} | set(each.query) for each in ENTRIES}
    assert {name: needed - always[name] for name, needed in required.items() if needed - always[name]} == {}


def test_inactive_records_are_asked_for_wherever_they_can_be() -> None:
    spellings = {"active": "Any", "activeOnly": "false", "activeState": "All", "includeInactive": "true"}
    sent = {(each.name, name): each.query.get(name) for each in ENTRIES for name in query(each) & set(spellings)}
    assert {key: value for key, value in sent.items() if value != spellings[key[1]]} == {}


def test_a_listing_that_can_be_asked_for_what_is_new_is() -> None:
    can = [each for each in TABLE if isinstance(each, Paged) and each.since_param in query(each)]
    full = {each.name for each in can if not each.replication_key and "modifiedOn" in schemas.load(each)["properties"]}
    assert full == {"estimate_templates", "proposal_templates"}  # these would miss edits


def test_pages_are_asked_for_and_counted_wherever_they_can_be() -> None:
    paged = {each.name: each for each in ENTRIES if isinstance(each, Paged) and each.page_size is not None}
    assert set(paged) == {each.name for each in ENTRIES if "page" in query(each)}
    assert {name for name, each in paged.items() if each.has_total} == {
        each.name for each in ENTRIES if "includeTotal" in query(each)
    }


def test_pages_are_no_larger_than_allowed() -> None:
    sizes = {
        each.name: (each.page_size, facts_of(each).get("max_page_size", 5000))
        for each in TABLE
        if isinstance(each, Paged)
    }
    assert {name: (size, largest) for name, (size, largest) in sizes.items() if (size or 0) > largest} == {}


def test_records_are_where_the_answers_have_them() -> None:
    known = [each for each in ENTRIES if facts_of(each)["kind"] not in {"other", "by id"}]  # these are whole objects
    assert [
        each.name
        for each in known
        if ("" if each.records_path is None else each.records_path) + "[]" != facts_of(each)["records"]
    ] == []


def test_each_kind_of_operation_is_read_by_its_kind_of_entry() -> None:
    kinds: dict[str, tuple[type[Endpoint], ...]] = {
        "export": (Export,),
        "list": (Listing, Window, Unpaged),
        "array": (Unpaged, Listing),
        "nested list": (Nested,),
        "nested array": (Nested,),
        "by id": (Nested,),
        "other": (Singleton, Window, Capacity),
    }
    assert [each.name for each in ENTRIES if not isinstance(each, kinds[facts_of(each)["kind"]])] == []
    assert [each.name for each in TABLE if facts_of(each).get("method") == "POST"] == ["capacities"]


def test_what_costs_a_request_per_record_or_a_scope_to_write_waits_to_be_selected() -> None:
    waiting = {each.name for each in TABLE if not each.selected}
    assert waiting == {each.name for each in TABLE if "{" in each.path or table.scope(each).endswith(":w")}


def test_nested_streams_find_their_ids_in_their_parents() -> None:
    for each in (each for each in TABLE if isinstance(each, Nested)):
        parent = table.parent(each)
        fields = set(schemas.load(parent)["properties"]) if parent in TABLE else {"id"}
        assert set(each.path_params.values()) <= fields, each.name
        assert set(each.path_params) <= set(schemas.load(each)["properties"]), each.name


def test_a_resource_is_named_only_where_the_path_does_not_name_it() -> None:
    named = {each.name: table.scope(replace(each, resource=None)) for each in TABLE if each.resource}
    assert [each.name for each in TABLE if each.resource and named[each.name] == table.scope(each)] == []


def test_lifted_fields_are_in_the_key_and_come_from_the_record() -> None:
    for each in (each for each in TABLE if each.derived_keys):
        assert set(each.derived_keys) <= set(each.keys), each.name
        documented = dict(fields(schemas.load(each)))
        assert {path for paths in each.derived_keys.values() for path in paths} <= set(documented), each.name

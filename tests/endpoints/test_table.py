"""The table of streams beside ``operations.json``: what the API offers, by its documents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

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
from tap_servicetitan.endpoints.operations import Operation, find, operations, shape
from tap_servicetitan.schemas.column_names import same_fields
from tap_servicetitan.schemas.files import fields

PARENTS = [table.parent(endpoint) for endpoint in table.TABLE if isinstance(endpoint, Nested)]
ENTRIES = [*table.TABLE, *PARENTS]
"""Whatever is requested: streams, and the lists that nested streams page over."""

NAMES_IN_USE: dict[str, str] = json.loads((Path(__file__).parent / "names_in_use.json").read_text())
"""Names of streams of tap-service-titan, each with the path that it reads."""


def operation(endpoint: Endpoint) -> Operation:
    found = find(endpoint)
    assert found is not None, f"{endpoint.name} has no operation"
    return found


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


def test_stream_names_are_unique_and_in_snake_case() -> None:
    names = [endpoint.name for endpoint in table.TABLE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_names_in_use_are_kept_for_their_collections() -> None:
    streams = {endpoint.name: shape(endpoint.url_path) for endpoint in table.TABLE}
    same = {shape(path): stream for path, stream in excluded.SAME_AS.items()}
    in_use = {name: shape(path) for name, path in NAMES_IN_USE.items()}
    assert set(in_use.values()) <= set(operations())
    assert {name: path for name, path in in_use.items() if streams.get(name) != path and same.get(path) != name} == {}


def test_operations_are_each_a_stream_or_excluded_for_a_reason() -> None:
    streams = {shape(endpoint.url_path) for endpoint in table.TABLE}
    others = {shape(path) for path in excluded.reasons()}
    assert len(others) == len(excluded.SAME_AS) + sum(map(len, excluded.NOT_STREAMS.values()))
    assert not streams & others
    assert streams | others == set(operations())


def test_excluded_paths_that_have_the_records_of_a_stream_name_one_of_the_table() -> None:
    assert {endpoint.name for endpoint in table.TABLE} >= set(excluded.SAME_AS.values())


def test_feeds_are_streams_except_the_old_path_of_estimates() -> None:
    feeds = {path for path, each in operations().items() if each.kind == "export"}
    streams = {shape(endpoint.url_path) for endpoint in table.TABLE if isinstance(endpoint, Export)}
    assert feeds - streams == {"sales/v2/estimates/export"}
    assert streams <= feeds


def test_lists_and_arrays_without_a_feed_are_streams() -> None:
    lists = {path for path, each in operations().items() if each.kind in {"list", "array"}}
    streams = {shape(endpoint.url_path) for endpoint in table.TABLE}
    assert lists - streams - {shape(path) for path in excluded.SAME_AS} == {
        *("jpm/v2/jobs/cancel-reasons", "jpm/v2/jobs/hold-reasons"),  # need ids of jobs
        *("fleetpro/v2/events", "fleetpro/v2/gps"),  # not yet
    }


def test_scopes_are_those_that_the_operations_ask_for() -> None:
    wrong = {each.name: table.scope(each) for each in ENTRIES if table.scope(each) != operation(each).scope}
    assert wrong == {}


def test_parameters_that_are_sent_exist() -> None:
    unknown = {each.name: parameters(each) - operation(each).query for each in ENTRIES}
    assert {name: parameters for name, parameters in unknown.items() if parameters} == {}


def test_streams_are_sorted_by_fields_of_the_documents() -> None:
    fields = {each.name: each.query["sort"].lstrip("+").lower() for each in ENTRIES if "sort" in each.query}
    documented = {each.name: operation(each).sort for each in ENTRIES}
    assert len(fields) > 40
    assert {name: field for name, field in fields.items() if field not in documented[name]} == {}


def test_required_parameters_are_sent() -> None:
    required = {each.name: operation(each).required for each in ENTRIES}
    always = {each.name: parameters(each) - {"includeTotal"} | set(each.query) for each in ENTRIES}
    assert {name: needed - always[name] for name, needed in required.items() if needed - always[name]} == {}


def test_inactive_records_are_requested_where_the_api_can() -> None:
    spellings = {"active": "Any", "activeOnly": "false", "activeState": "All", "includeInactive": "true"}
    sent = {
        (each.name, name): each.query.get(name) for each in ENTRIES for name in operation(each).query & set(spellings)
    }
    assert {key: value for key, value in sent.items() if value != spellings[key[1]]} == {}


def test_listings_are_incremental_where_the_api_can() -> None:
    can = [each for each in table.TABLE if isinstance(each, Paged) and each.since_param in operation(each).query]
    full = {each.name for each in can if not each.replication_key and "modifiedOn" in schemas.load(each)["properties"]}
    assert full == {"estimate_templates", "proposal_templates"}  # these would miss edits


def test_pages_are_requested_and_counted_where_the_api_can() -> None:
    paged = {each.name: each for each in ENTRIES if isinstance(each, Paged) and each.page_size is not None}
    assert set(paged) == {each.name for each in ENTRIES if "page" in operation(each).query}
    assert {name for name, each in paged.items() if each.has_total} == {
        each.name for each in ENTRIES if "includeTotal" in operation(each).query
    }


def test_pages_are_no_larger_than_allowed() -> None:
    sizes = {
        each.name: (each.page_size, operation(each).max_page_size) for each in table.TABLE if isinstance(each, Paged)
    }
    assert {name: (size, largest) for name, (size, largest) in sizes.items() if (size or 0) > largest} == {}


def test_records_are_where_the_answers_have_them() -> None:
    known = [each for each in ENTRIES if operation(each).kind not in {"other", "by id"}]  # one object
    assert [
        each.name
        for each in known
        if ("" if each.records_path is None else each.records_path) + "[]" != operation(each).records
    ] == []


def test_kinds_of_operations_are_read_by_their_kinds_of_entries() -> None:
    kinds: dict[str, tuple[type[Endpoint], ...]] = {
        "export": (Export,),
        "list": (Listing, Window, Unpaged),
        "array": (Unpaged, Listing),
        "nested list": (Nested,),
        "nested array": (Nested,),
        "by id": (Nested,),
        "other": (Singleton, Window, Capacity),
    }
    assert [each.name for each in ENTRIES if not isinstance(each, kinds[operation(each).kind])] == []
    assert [each.name for each in table.TABLE if operation(each).method == "POST"] == ["capacities"]


def test_streams_that_need_many_requests_or_a_scope_to_write_are_not_selected_by_default() -> None:
    waiting = {each.name for each in table.TABLE if not each.selected}
    assert waiting == {each.name for each in table.TABLE if "{" in each.path or table.scope(each).endswith(":w")}


def test_nested_streams_find_their_ids_in_their_parents() -> None:
    for each in (each for each in table.TABLE if isinstance(each, Nested)):
        parent = table.parent(each)
        fields = set(schemas.load(parent)["properties"]) if parent in table.TABLE else {"id"}
        assert set(each.path_params.values()) <= fields, each.name
        assert set(each.path_params) <= set(schemas.load(each)["properties"]), each.name


def test_fields_of_an_object_are_different_columns_in_every_database() -> None:
    same = {each.name: list(same_fields(schemas.load(each))) for each in table.TABLE}
    assert {name: groups for name, groups in same.items() if groups} == {}


def test_resources_are_named_only_where_the_path_does_not_name_them() -> None:
    named = {each.name: table.scope(replace(each, resource=None)) for each in table.TABLE if each.resource}
    assert [each.name for each in table.TABLE if each.resource and named[each.name] == table.scope(each)] == []


def test_derived_keys_are_in_the_key_and_come_from_the_record() -> None:
    for each in (each for each in table.TABLE if each.derived_keys):
        assert set(each.derived_keys) <= set(each.keys), each.name
        documented = dict(fields(schemas.load(each)))
        assert {path for paths in each.derived_keys.values() for path in paths} <= set(documented), each.name


def test_no_request_can_prove_that_a_list_read_in_full_has_not_changed() -> None:
    """With a date in the rows, and a filter or an order by it, one request for the newest row and the total could."""
    full = [each for each in table.TABLE if isinstance(each, Listing) and each.replication_key is None]
    could = {
        each.name
        for each in full
        if "modifiedOn" in schemas.load(each)["properties"] and {"modifiedOnOrAfter", "sort"} & operation(each).query
    }

    assert could == {"estimate_templates", "proposal_templates"}, "whose modifiedOn does not move with their items"

"""Write the stream explorer: one page, made from the table of streams, their schema files and the joins.

`python scripts/explorer.py PAGE` writes it and prints its size and the number of joins.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import erds
import streams

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.joins import is_id
from tap_servicetitan.endpoints.kinds import Capacity, Endpoint, Nested
from tap_servicetitan.explore import request_costs
from tap_servicetitan.explore.stream_facts import Field, fields, kind, moving_rows
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.streams.capacity import BUSINESS_UNITS

if TYPE_CHECKING:
    from tap_servicetitan.explore.request_costs import Cost

SOURCE = Path(__file__).parents[1] / "site" / "explorer"

MAX_BYTES = 1_500_000
"""A page that is larger takes too long on a phone."""


class Numbered(dict[str, int]):
    """Texts that occur often, each written once."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    target: Path = parser.parse_args().page
    html = page()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html)
    size = len(html.encode())
    if size > MAX_BYTES:
        parser.error(f"The explorer has {size:,} bytes: more than {MAX_BYTES:,}.")
    print(f"Explorer: {size:,} bytes, without a request to anywhere. {id_counts()}")


def page() -> str:
    """Return the page."""
    pictures = (f'<div data-area="{area}">{svg}</div>' for area, svg in erds.drawings())
    parts = {
        "/*{style}*/": (SOURCE / "explorer.css").read_text(),
        "<!--{drawings}-->": "".join(pictures),
        "/*{data}*/": json.dumps(data(), separators=(",", ":")).replace("<", "\\u003c"),
        "/*{script}*/": (SOURCE / "explorer.js").read_text(),
    }
    html = (SOURCE / "explorer.html").read_text()
    for mark, text in parts.items():
        html = html.replace(mark, text)
    return html


def data() -> dict[str, Any]:
    """Return what the page knows, as JSON."""
    types, reasons = Numbered(), Numbered()
    listed = [stream(endpoint, types, reasons) for endpoint in table.TABLE]
    return {
        "streams": listed,
        "types": list(types),
        "reasons": list(reasons),
        "guarantees": guarantees(),
        "feedPageSize": request_costs.FEED_PAGE_SIZE,
        "requestsPerSecond": CONFIG_JSONSCHEMA["properties"]["requests_per_second"]["default"],
    }


def stream(endpoint: Endpoint, types: Numbered, reasons: Numbered) -> dict[str, Any]:
    """Return what the page knows of a stream."""
    cost = request_costs.cost(endpoint)
    return {
        "name": endpoint.name,
        "api": endpoint.api,
        "kind": kind(endpoint),
        "keys": endpoint.primary_keys,
        "replicationKey": endpoint.replication_key,
        "scope": table.scope(endpoint),
        "parentScopes": parent_scopes(endpoint),
        "movingRows": moving_rows(endpoint),
        "selected": endpoint.selected,
        "cost": cost_data(cost),
        "costWords": cost.words,
        "fields": [field_data(field, types, reasons) for field in fields(endpoint)],
    }


def parent_scopes(endpoint: Endpoint) -> list[str]:
    """Return the scopes that reading the parents, or business units, needs."""
    if isinstance(endpoint, Capacity):
        return [table.scope(BUSINESS_UNITS)]
    if isinstance(endpoint, Nested):
        parent = table.parent(endpoint)
        return [table.scope(parent), *parent_scopes(parent)]
    return []


def cost_data(cost: Cost) -> dict[str, Any]:
    """Return a cost with the names that JavaScript uses."""
    camel = {"page_size": "pageSize", "lookback_days": "lookbackDays"}
    flat = {camel.get(name, name): value for name, value in asdict(cost).items() if value}
    return flat | ({"parent": cost_data(cost.parent)} if cost.parent else {})


def field_data(field: Field, types: Numbered, reasons: Numbered) -> list[Any]:
    """Return a field as a list: name, type, stream it joins to, why it joins to none, fields in it."""
    found = [
        field.name,
        types[field.type],
        field.joins_to,
        reasons[field.no_join] if field.no_join else None,
        [field_data(each, types, reasons) for each in field.fields] or None,
    ]
    while found[-1] is None:
        found.pop()
    return found


def guarantees() -> dict[str, str]:
    """Return what STREAMS.md says of the words for rows that move."""
    text = " ".join(streams.HEAD.split("* **Rows that move**")[1].split("* **Scope**")[0].split())
    said = re.findall(r"\*([a-z ]+)\*: (.*?)(?=\*|Nested|$)", text)
    return {word: f"{words.strip(' ;.')}{' counted' if words.endswith('otherwise ') else ''}" for word, words in said}


def id_counts() -> str:
    """Return how many ids there are and how many of them join to a stream."""
    all_fields = (each for endpoint in table.TABLE for field in fields(endpoint) for each in field.walk())
    ids = [field for field in all_fields if is_id(field.path)]
    joined = sum(field.joins_to is not None for field in ids)
    listed = sum(field.no_join is not None for field in ids)
    return f"{len(ids)} fields hold ids: {joined} join to a stream, {listed} are listed with the reason why not."


if __name__ == "__main__":
    main()

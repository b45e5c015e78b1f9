"""The tap in this process, against a server that returns one answer for each path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import strategies as st

from helpers.raw import RawServer, http
from helpers.support import Output, run_here


def served(answers: Callable[[str], bytes], *streams: str, writer: str = "fast", root: Path | None = None) -> Output:
    """Run the tap against a server that returns an answer for each path."""
    settings: dict[str, dict[str, Any]] = {
        "fast": {},
        "slow": {"stream_maps": {stream: {"mapped": "'yes'"} for stream in streams}},
        "batch": {"batch_config": {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": f"file://{root}"}}},
    }  # fmt: skip
    with RawServer(answers).listening() as config:
        return run_here({**config, "requests_per_second": 10_000, **settings[writer]}, *streams)


def page_of(path: str) -> int:
    """Return the number of the requested page."""
    return int(parse_qs(urlsplit(path).query)["page"][0])


def listing(*ids: int, more: bool | None, total: int | None = None) -> bytes:
    """Return an answer with a page of a listing."""
    rest = {"hasMore": more, "totalCount": total}
    return http(
        json.dumps({"data": [{"id": id_} for id_ in ids], **{k: v for k, v in rest.items() if v is not None}}).encode()
    )


LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "2025-01-01", "0001-01-01"])


JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner))


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with these fields, of which one is sometimes missing or of another type."""
    odd = st.dictionaries(st.sampled_from(sorted(fields)), JSON | st.just(...), max_size=1)
    broken = st.integers(0, 4).flatmap(lambda number: st.just({}) if number else odd)
    return st.tuples(st.fixed_dictionaries(fields), broken).map(
        lambda pair: {name: value for name, value in {**pair[0], **pair[1]}.items() if value is not ...}
    )

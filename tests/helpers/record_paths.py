"""A stream by any schema, its records, and the lines that each path from a page to RECORD messages makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from types import MappingProxyType
from typing import Any

import msgspec
from hypothesis import strategies as st

from tap_servicetitan.endpoints import table
from tap_servicetitan.output.decoder import FeedPage
from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.output.record_shape import RecordShape
from tap_servicetitan.output.writers import PageWriter
from tap_servicetitan.streams.base import EndpointStream
from tap_servicetitan.streams.stream_factory import stream_class
from tap_servicetitan.tap import TapServiceTitan

CONFIG = {"client_id": "cid.1", "client_secret": "cs2.1", "st_app_key": "ak1.1", "tenant_id": "1001"}
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8) | st.sampled_from(["\x00\x1f\n\u2028", "\U0001f4a7 drip", '"\\']),
    "integer": st.integers() | st.sampled_from([2**63 - 1, 2**64, -(2**63), 10**30]),
    "number": st.sampled_from(["12.10", "0.1", "1e5", "-0.0", "3", "1E+400", "0.1234567890123456789012345"]).map(
        Decimal
    ),
    "boolean": st.booleans(),
}
ANYTHING = st.recursive(
    st.none() | st.one_of(*SCALARS.values()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["id", "name", "class", "$type", "end-date", "f0", "a.b", "Ä", "self", "tenantId"])


def nullable(kind: str, extra: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{"type": [kind, "null"], **(extra or {})}, {"type": [kind], **(extra or {})}])


SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        *(nullable(kind) for kind in SCALARS),
        nullable("object", {"properties": {}, "additionalProperties": True}),
        nullable("object"),
        nullable("object", {"properties": {}}),
        nullable("array"),
        st.sampled_from([{"type": ["string", "integer", "null"]}, {"anyOf": [{"type": "boolean"}]}, {}]),
    ),
    lambda inner: st.one_of(
        inner.flatmap(lambda items: nullable("array", {"items": items})),
        st.dictionaries(NAMES, inner, min_size=1, max_size=3).flatmap(lambda p: nullable("object", {"properties": p})),
    ),
    max_leaves=5,
)
OBJECTS = st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=4).map(
    lambda properties: {"type": "object", "properties": {"tenant_id": {"type": "string"}, **properties}}
)


@st.composite
def fitting(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """A value of a schema; objects may lack properties and hold unknown ones."""
    if "type" not in schema:
        return draw(ANYTHING)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = draw(st.sampled_from(kinds))
    if kind == "null":
        return None
    if kind == "array":
        return draw(st.lists(fitting(schema.get("items", {"type": ["string"]})), max_size=3))
    if kind == "object":
        known = {
            key: draw(fitting(value))
            for key, value in schema.get("properties", {}).items()
            if key != "tenant_id" and draw(st.booleans())
        }
        unknown = draw(st.dictionaries(st.sampled_from(["unknown", "later"]), ANYTHING, max_size=1))
        return {**known, **unknown}
    return draw(SCALARS[kind])


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    schema = draw(OBJECTS)
    return schema, draw(st.lists(fitting(schema), min_size=1, max_size=3))


@st.composite
def wrong_cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    schema = draw(OBJECTS)
    keys = [key for key in schema["properties"] if key != "tenant_id"]
    wrong = st.dictionaries(st.sampled_from(keys), ANYTHING, max_size=3)
    return schema, draw(st.lists(fitting(schema) | wrong, min_size=1, max_size=3))


class OneStream(TapServiceTitan):
    """The tap with a single stream, which is made quickly."""

    def discover_streams(self) -> list[EndpointStream]:
        return [stream_class(endpoint)(self, self.context) for endpoint in table.TABLE if endpoint.name == "bookings"]


def stream_of(
    schema: dict[str, Any], config: Mapping[str, Any] = MappingProxyType({}), /, **selection: bool
) -> EndpointStream:
    """The stream of bookings, by another schema."""
    entry = {
        "tap_stream_id": "bookings",
        "stream": "bookings",
        "schema": schema,
        "key_properties": ["tenant_id"],
        "metadata": [
            {"breadcrumb": [], "metadata": {"selected": True, "inclusion": "available"}},
            *(
                {"breadcrumb": ["properties", *path.split("/")], "metadata": {"selected": chosen}}
                for path, chosen in selection.items()
            ),
        ],
    }
    tap = OneStream(config={**CONFIG, **config}, catalog={"streams": [entry]})
    stream = tap.streams["bookings"]
    assert isinstance(stream, EndpointStream)
    return stream


def shape_of(stream: EndpointStream, *, slow: bool = False) -> RecordShape:
    """The shape of a stream's records; the slow path takes dicts, as the SDK does."""
    return RecordShape(stream, MessageWriter(), stream.violations, added_fields=("tenant_id",), from_rows=slow)


def both_paths(
    schema: dict[str, Any],
    records: list[dict[str, Any]],
    config: Mapping[str, Any] = MappingProxyType({}),
    /,
    **selection: bool,
) -> tuple[list[str], list[str]]:
    """Write records on the fast and on the slow path; return the lines of each, time_extracted aside."""
    stream = stream_of(schema, config, **selection)
    fast, slow = (lines_of(stream, records, slow=slow) for slow in (False, True))
    return fast, slow


def lines_of(stream: EndpointStream, records: list[dict[str, Any]], *, slow: bool) -> list[str]:
    """Write records on one of the paths; return the lines, time_extracted aside."""
    body = msgspec.json.Encoder(decimal_format="number").encode(
        {"data": records, "hasMore": False, "continueFrom": "x"}
    )
    shape = shape_of(stream, slow=slow)
    return written(shape.writer("1001"), shape.decoder(FeedPage)(body).data)


def written(writer: PageWriter, records: list[Any]) -> list[str]:
    output = TextIOWrapper(BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        writer.write(records, RECEIVED, None)
    text = output.buffer.getvalue().decode()
    end = ',"time_extracted":"2026-01-01T00:00:00Z"}\n'
    assert text.count(end) == text.count("\n")
    return text.split(end)[:-1]


def without_nul(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as it is written: NUL becomes U+FFFD."""
    text = msgspec.json.Encoder(decimal_format="number").encode(record).replace(b"\\u0000", b"\\ufffd")
    return json.loads(text, parse_float=Decimal)  # type: ignore[no-any-return]  # an object

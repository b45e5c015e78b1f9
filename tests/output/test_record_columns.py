"""Records that are made of columns, as those of reports are: the same bytes as records that are read as dicts."""

from __future__ import annotations

from typing import Any

from helpers.record_paths import NAMES, SCALARS, nullable, shape_of, stream_of, written
from hypothesis import given, settings
from hypothesis import strategies as st

COLUMNS = st.dictionaries(NAMES, st.sampled_from([*SCALARS]), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(COLUMNS, st.sampled_from(["", '"quoted"']), st.booleans(), st.data())
def test_records_of_columns_are_the_same_bytes(
    kinds: dict[str, str],
    odd_name: str,
    lacks_one: bool,  # noqa: FBT001 -- drawn
    data: st.DataObject,
) -> None:
    kinds |= {odd_name: "string"} if odd_name else {}
    properties = {name: data.draw(nullable(kind)) for name, kind in kinds.items()}
    stream = stream_of({"type": "object", "properties": {"tenant_id": {"type": "string"}, **properties}})
    names = list(kinds)[1:] if lacks_one else list(kinds)
    row = st.tuples(*(SCALARS[kinds[name]] for name in names))
    rows = data.draw(st.lists(row, max_size=3))

    def lines(records: Any, *, slow: bool) -> list[str]:
        return written(shape_of(stream, slow=slow).writer("1001"), records)

    columns = {name: [one[number] for one in rows] for number, name in enumerate(names)}
    records = shape_of(stream).from_columns(columns, len(rows))

    assert len(records) == len(rows)
    assert lines(records, slow=False) == lines([dict(zip(names, one, strict=True)) for one in rows], slow=True)

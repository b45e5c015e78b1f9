"""Print STREAMS.md: `python scripts/streams.py > STREAMS.md`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Nested
from tap_servicetitan.endpoints.operations import find
from tap_servicetitan.explore.stream_facts import kind, moving_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.endpoints.kinds import Endpoint

HEAD = """# Streams

{count} streams of {apis} APIs. Every record has `tenant_id`, and every key begins with it.

* **Kind**: an *export* is a change feed, resumed by its own token. A *listing* comes in numbered pages. An *unpaged*
  collection and a *singleton* come in one response. *Nested* streams cost a request for each parent, so a catalog does
  not select them. *Changed* after it: later runs ask only for parents that changed, unless `nested_parents` says
  otherwise; see [nested streams](docs/expensive-streams.md#nested-streams). A *window* is read day by day, *capacity* for the next 14 days.
* **Replication key**: the date by which a later run requests what is new; without one, the stream is read in full each
  time, unless it is *changed*.
* **Rows that move**: what holds when rows are added or removed while a stream is read. *token*: the feed itself goes on
  where it was. *ids*: pages are compared by their ids, so that no row is skipped; rows between two pages are read again.
  *ids if sorted*: the same if the API returns rows in order of their ids, which its documents do not say; otherwise
  *counted*: fewer rows than the API announced keep the bookmark where it is. *one response*: rows cannot move. *windows*:
  figures of recent days are read again. Nested streams: what holds for their parents; the
  rows of one parent are read like a listing, if they need a second page.
* **Scope**: what to grant the app in ServiceTitan's developer portal.

`python scripts/streams.py` prints this page from the table in `tap_servicetitan/endpoints/table.py`.
"""

SECOND_HAND = """
## Known at second hand

The schemas come from ServiceTitan's OpenAPI documents, except for these fields. They were read in software that uses the
API, or were *inferred* from similar fields. The live API may differ.

| Stream | Fields |
| --- | --- |
"""


def row(endpoint: Endpoint) -> str:
    """Return an entry's line."""
    key = ", ".join(endpoint.primary_keys) or "none"
    selected = "yes" if endpoint.selected else "no"
    cells = (
        f"`{endpoint.name}`",
        kind(endpoint) + (", changed" if isinstance(endpoint, Nested) and endpoint.nested_parents == "changed" else ""),
        key,
        endpoint.replication_key or "",
        moving_rows(endpoint),
        f"`{table.scope(endpoint)}`",
        selected,
    )
    return f"| {' | '.join(cells)} |"


def second_hand() -> Iterator[str]:
    """Yield a line for each stream with fields that are not in ServiceTitan's own documents."""
    for endpoint in table.TABLE:
        operation = find(endpoint)
        known_from = operation.known_from if operation else {}
        fields = [
            (f"`{field}`" if field else "all") + (" (inferred)" if source == "inferred" else "")
            for field, source in known_from.items()
        ]
        if fields:
            yield f"| `{endpoint.name}` | {', '.join(fields)} |"


def main() -> None:
    """Print the page."""
    print(HEAD.format(count=len(table.TABLE), apis=len(table.APIS)), end="")
    for api, group in groupby(table.TABLE, key=lambda endpoint: endpoint.api):
        print(f"\n## {api}\n")
        print("| Stream | Kind | Key | Replication key | Rows that move | Scope | Selected by default |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for endpoint in group:
            print(row(endpoint))
    if lines := list(second_hand()):
        print(SECOND_HAND + "\n".join(lines))


if __name__ == "__main__":
    main()

"""Print STREAMS.md: `python scripts/streams.py > STREAMS.md`."""

from __future__ import annotations

from itertools import groupby

from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint, Nested

HEAD = """# Streams

{count} streams of {apis} APIs. Every record carries `tenant_id`, and every key begins with it.

* **Kind**: an *export* is a change feed, resumed by its own token. A *listing* comes in numbered pages. An *array* or a
  *single* object comes in one answer. *Nested* streams cost a request for each parent, so a catalog does not select them.
  *Windows* are read day by day, *capacity* for the next 14 days.
* **Cursor**: the date by which a later run asks for what is new; without one, the stream is read in full each time.
* **Scope**: what to grant the app in ServiceTitan's developer portal.

This page is printed by `python scripts/streams.py` from the table in `tap_servicetitan/endpoints/table.py`.
"""


def kind(endpoint: Endpoint) -> str:
    """Return the kind of an entry, in words."""
    if isinstance(endpoint, Nested):
        return f"nested over {endpoint.parent}"
    return type(endpoint).__name__.lower()


def row(endpoint: Endpoint) -> str:
    """Return an entry's line."""
    key = ", ".join(endpoint.primary_keys) or "none"
    selected = "yes" if endpoint.selected else "no"
    cells = (
        f"`{endpoint.name}`",
        kind(endpoint),
        key,
        endpoint.replication_key or "",
        f"`{table.scope(endpoint)}`",
        selected,
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the page."""
    entries = list(table.endpoints())
    print(HEAD.format(count=len(entries), apis=len(table.APIS)), end="")
    for api, group in groupby(entries, key=lambda endpoint: endpoint.api):
        print(f"\n## {api}\n")
        print("| Stream | Kind | Key | Cursor | Scope | Selected by default |")
        print("| --- | --- | --- | --- | --- | --- |")
        for endpoint in group:
            print(row(endpoint))


if __name__ == "__main__":
    main()

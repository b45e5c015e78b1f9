"""``--streams``: the facts of all streams, or of some, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from tap_servicetitan import text_table
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint
from tap_servicetitan.explore import request_costs, select_rules
from tap_servicetitan.explore.stream_facts import Field, fields, kind, moving_rows

Found = Sequence[tuple[Endpoint, Sequence[Field]]]
"""Streams, each with the fields that were asked for."""


def options() -> list[click.Option]:
    """Make the command line options."""
    return [
        click.Option(
            ["--streams"],
            is_flag=False,
            flag_value="*",
            metavar="[PATTERN]",
            expose_value=False,
            callback=_run,
            help="List streams with kind, key, replication key and scope: all, those like 'job*', or those with a field, "
            "'*.jobId'; -v lists fields, --format json is for programs.",
        ),
        click.Option(["-v", "--verbose"], is_flag=True, is_eager=True, expose_value=False, callback=_keep),
    ]


def find(pattern: str, *, verbose: bool) -> Found:
    """Return the streams that a pattern means, with all of their fields, those that it means, or none.

    Raises:
        click.BadParameter: There are none.
    """
    rules = select_rules.parse(pattern)
    by_field = any(rule.field != "*" for rule in rules)
    found: list[tuple[Endpoint, Sequence[Field]]] = []
    for endpoint in table.TABLE:
        if not select_rules.chosen(rules, endpoint.name):
            continue
        known = [each for field in fields(endpoint) for each in field.walk()] if by_field or verbose else []
        meant = [field for field in known if not by_field or _is_meant(rules, endpoint.name, field)]
        if meant or not by_field:
            found.append((endpoint, meant))
    if not found:
        names = [endpoint.name for endpoint in table.TABLE]
        msg = f"No stream matches '{pattern}'.{select_rules.suggestion(pattern, names)}"
        raise click.BadParameter(msg, param_hint="--streams")
    return found


def as_table(found: Found) -> Iterator[str]:
    """Yield the lines of a table; below a stream, its fields."""
    head = ["stream", "kind", "key", "replication key", "scope"]
    rows = [
        [
            endpoint.name,
            kind(endpoint),
            ", ".join(endpoint.primary_keys) or "none",
            endpoint.replication_key or "",
            table.scope(endpoint),
        ]
        for endpoint, _ in found
    ]
    first, *lines = text_table.lines(head, rows)
    yield first
    width = max((len(field.path) for _, listed in found for field in listed), default=0)
    for line, (_, listed) in zip(lines, found, strict=True):
        yield line
        for field in listed:
            yield f"    {field.path:{width}}  {_type(field)}"
    yield ""
    yield f"{len(found)} of {len(table.TABLE)} streams."


def as_json(found: Found) -> str:
    """Return a JSON array of objects, one for each stream."""
    return msgspec.json.format(msgspec.json.encode([_facts(*each) for each in found])).decode()


def _facts(endpoint: Endpoint, listed: Sequence[Field]) -> dict[str, Any]:
    facts = {
        "name": endpoint.name,
        "api": endpoint.api,
        "kind": kind(endpoint),
        "key": endpoint.primary_keys,
        "replication_key": endpoint.replication_key,
        "scope": table.scope(endpoint),
        "cost": request_costs.cost(endpoint).words,
        "rows_that_move": moving_rows(endpoint),
        "selected_by_default": endpoint.selected,
    }
    columns = [{"path": field.path, "type": field.type, "joins_to": field.joins_to} for field in listed]
    return {**facts, "fields": columns} if columns else facts


def _type(field: Field) -> str:
    return f"{field.type} -> {field.joins_to}" if field.joins_to else field.type


def _is_meant(rules: Sequence[select_rules.Rule], stream: str, field: Field) -> bool:
    """Whether a rule means a field: by its whole path, or, so that one finds it, by its name alone."""
    path = field.path.replace("[]", "")
    return any(select_rules.chosen(rules, stream, each) for each in (path, field.name))


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    context.meta[f"{__name__}.{option.name}"] = value


def _run(context: click.Context, _: click.Parameter, pattern: str | None) -> None:
    if pattern is None:
        return
    found = find(pattern, verbose=bool(context.meta.get(f"{__name__}.verbose")))
    if context.params.get("about_format") == "json":
        click.echo(as_json(found))
    else:
        for line in as_table(found):
            click.echo(line)
    context.exit()

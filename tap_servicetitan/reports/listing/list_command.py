"""``--list-reports``: the reports of all tenants, with ids and parameters."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
import msgspec

from tap_servicetitan.errors import NotFoundError, StreamError, shown
from tap_servicetitan.reports.discovery import SCOPE
from tap_servicetitan.reports.listing.list_entries import as_yaml
from tap_servicetitan.reports.listing.listed_reports import Category, ListEntry, Reports, Values
from tap_servicetitan.reports.metadata import Parameter, ReportMetadata, fetch_metadata, url
from tap_servicetitan.reports.report_parameters import accepted_values
from tap_servicetitan.runtime.progress_bar import progress_bar
from tap_servicetitan.streams.reading.bodies import ListPage
from tap_servicetitan.streams.reading.pagination import iter_pages

if TYPE_CHECKING:
    from tap_servicetitan.client.client import Client
    from tap_servicetitan.runtime.context import RunContext
    from tap_servicetitan.runtime.prefetch import Prefetcher

T = TypeVar("T")

PAGE_SIZE = 500
"""Categories or reports per request."""

CATEGORIES_SCOPE = "tn.rpr.reportcategories:r"

VALUES_SHOWN = 20
"""Values of a set that are printed: there may be thousands of technicians."""


class Connection(Protocol):
    """What listing needs of the tap."""

    @property
    def context(self) -> RunContext:
        """What a run shares."""


def option(connect: Callable[..., Connection]) -> click.Option:
    """Make the command line option.

    Args:
        connect: The tap's class.
    """

    def run(context: click.Context, _: click.Parameter, enabled: bool) -> None:  # noqa: FBT001 -- click's signature
        if not enabled:
            return
        source = context.params["config"]
        tap = connect(config=source.config, parse_env_config=source.parse_env, setup_mapper=False)
        tenants = gather(tap.context.clients, tap.context.prefetcher)
        match context.params.get("about_format"):
            case "json":
                click.echo(as_json(tenants))
            case "yaml":
                click.echo("\n".join(as_yaml(tenants)))
            case _:
                click.echo("\n".join(itertools.chain.from_iterable(map(lines, tenants))))
        context.exit(0 if all(reports.complete for reports in tenants) else 1)

    return click.Option(
        ["--list-reports"],
        is_flag=True,
        expose_value=False,
        callback=run,
        help="Print the ids, names and parameters of all reports; --format yaml: as entries of the setting custom_reports.",
    )


def gather(clients: Mapping[str, Client], prefetcher: Prefetcher) -> list[Reports]:
    """Request the categories, then their reports, then each report's metadata; of all tenants side by side."""
    tenants = [Reports(client) for client in clients.values()]
    for reports, categories in zip(tenants, prefetcher.map(_categories, tenants), strict=True):
        if isinstance(categories, StreamError):
            reports.failure = categories
        else:
            reports.categories = [Category(entry) for entry in categories]
    lists = [(reports, category) for reports in tenants for category in reports.categories]
    entries: list[tuple[Reports, Category, ListEntry]] = []
    for (reports, category), listed in zip(lists, prefetcher.map(_listed, lists), strict=True):
        if isinstance(listed, StreamError):
            category.failure = listed
        else:
            entries += [(reports, category, entry) for entry in listed]
    with progress_bar(len(entries), "Reports") as step:
        for (_, category, entry), metadata in zip(entries, prefetcher.map(_metadata, entries), strict=True):
            category.reports.append((entry, metadata))
            step()
    sets = [(reports, name) for reports in tenants for name in _sets(reports)]
    for (reports, name), values in zip(sets, prefetcher.map(_values, sets), strict=True):
        reports.values[name] = values
    return tenants


def as_json(tenants: Sequence[Reports]) -> str:
    """Return a JSON array with an object per tenant; ``error`` is there where something could not be read."""

    def report(entry: ListEntry, metadata: ReportMetadata | StreamError) -> dict[str, Any]:
        return {"id": entry.id, "name": entry.name} | (
            {"error": _reason(metadata, SCOPE)}
            if isinstance(metadata, StreamError)
            else {"parameters": metadata.parameters}
        )

    def error(failure: StreamError | None, scope: str) -> dict[str, str]:
        return {"error": _reason(failure, scope)} if failure else {}

    listed = [
        {
            "tenant_id": reports.client.tenant.tenant_id,
            "categories": [
                {
                    "id": category.entry.id,
                    "name": category.entry.name,
                    "reports": [report(*each) for each in category.reports],
                }
                | error(category.failure, SCOPE)
                for category in reports.categories
            ],
            "values": {
                name: {"error": _reason(values, SCOPE)} if isinstance(values, StreamError) else values.data
                for name, values in reports.values.items()
            },
        }
        | error(reports.failure, CATEGORIES_SCOPE)
        for reports in tenants
    ]
    text = msgspec.json.format(msgspec.json.encode(listed)).decode()
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)


def lines(reports: Reports) -> Iterator[str]:
    """Yield a tenant's reports as text."""
    yield f"Tenant {reports.client.tenant.tenant_id}"
    if reports.failure:
        yield f"  {_reason(reports.failure, CATEGORIES_SCOPE)}"
    for category in reports.categories:
        yield ""
        yield f"  {shown(category.entry.id)}  ({shown(category.entry.name)})"
        if category.failure:
            yield f"    {_reason(category.failure, SCOPE)}"
        for entry, metadata in category.reports:
            yield f"    {shown(entry.id)}  {shown(entry.name)}"
            if isinstance(metadata, NotFoundError):
                yield f"        cannot be a stream: {metadata}"
            elif isinstance(metadata, StreamError):
                yield f"        {_reason(metadata, SCOPE)}"
            else:
                yield from _parameters(metadata.parameters)
    if reports.values:
        yield ""
        yield "  Values of parameters"
    for name, values in reports.values.items():
        yield f"    {shown(name)}: {_values_text(values)}"
    yield ""


def _parameters(parameters: list[Parameter]) -> Iterator[str]:
    if not parameters:
        yield "        no parameters"
        return
    width = max(len(shown(parameter.name)) for parameter in parameters)
    for one in parameters:
        value_type = shown(one.dataType or "String")
        data_type = f"list of {value_type}" if one.isArray else value_type
        required = "required" if one.isRequired else ""
        yield f"        {shown(one.name):{width}}  {data_type:14}  {required:8}  {_accepted(one)}".rstrip()


def _accepted(parameter: Parameter) -> str:
    accepted = parameter.acceptValues
    if accepted is None:
        return ""
    if accepted.dynamicSetId:
        return f"see {shown(accepted.dynamicSetId)} below"
    return accepted_values(accepted.values or [])


def _values_text(values: Values | StreamError) -> str:
    if isinstance(values, StreamError):
        return _reason(values, "tn.rpr.dynamicvaluesets:r")
    return accepted_values(values.data) + (", ..." if values.hasMore else "")


def _reason(error: StreamError, scope: str) -> str:
    return f"{error} {error.remedy_with(scope)}"


def _sets(reports: Reports) -> list[str]:
    """Return the dynamic value sets that a tenant's parameters refer to."""
    all_metadata = [
        one for category in reports.categories for _, one in category.reports if isinstance(one, ReportMetadata)
    ]
    accepted = [parameter.acceptValues for one in all_metadata for parameter in one.parameters]
    return sorted({one.dynamicSetId for one in accepted if one and one.dynamicSetId})


def _or_error(request: Callable[[], T]) -> T | StreamError:
    try:
        return request()
    except StreamError as error:
        return error


def _categories(reports: Reports) -> list[ListEntry] | StreamError:
    return _or_error(lambda: _all(reports.client, url(reports.client, "report-categories")))


def _listed(one: tuple[Reports, Category]) -> list[ListEntry] | StreamError:
    reports, category = one
    path = url(reports.client, "report-category/{category}/reports", category=str(category.entry.id))
    return _or_error(lambda: _all(reports.client, path))


def _metadata(one: tuple[Reports, Category, ListEntry]) -> ReportMetadata | StreamError:
    reports, category, entry = one
    return _or_error(lambda: fetch_metadata(reports.client, str(category.entry.id), str(entry.id), reports.budget))


def _values(one: tuple[Reports, str]) -> Values | StreamError:
    reports, name = one
    decode = msgspec.json.Decoder(Values).decode
    params = {"page": "1", "pageSize": str(VALUES_SHOWN)}
    path = url(reports.client, "dynamic-value-sets/{name}", name=name)
    return _or_error(lambda: reports.client.request(path, params, decode))


def _all(client: Client, path: str) -> list[ListEntry]:
    decode = msgspec.json.Decoder(ListPage[ListEntry]).decode
    pages = (
        client.request(path, {"page": str(number), "pageSize": str(PAGE_SIZE)}, decode) for number in itertools.count(1)
    )
    return [entry for page, _ in iter_pages(pages) for entry in page.data]

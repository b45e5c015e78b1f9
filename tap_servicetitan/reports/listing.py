"""``--list-reports``: every report that the tenants have, with its ids and parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import NotFoundError, StreamError
from tap_servicetitan.reports.description import Description, Parameter, Rows, describe, url
from tap_servicetitan.reports.discovery import SCOPE
from tap_servicetitan.reports.parameters import accepted_values
from tap_servicetitan.streams.pagination import ListPage, iter_pages

if TYPE_CHECKING:
    from tap_servicetitan.client.client import Client
    from tap_servicetitan.tap import TapServiceTitan

T = TypeVar("T")

PAGE_SIZE = 500
"""Categories or reports asked for at once."""

VALUES_SHOWN = 20
"""Values of a set that are shown: there may be thousands of technicians."""


class Entry(msgspec.Struct):
    """A category or a report in its list."""

    id: str | int
    name: str = ""


Values = Rows[list[Any]]


@dataclass
class Category:
    """A category and its reports, each described as far as it can be."""

    entry: Entry
    reports: list[tuple[Entry, Description | StreamError]] = field(default_factory=list)
    failure: StreamError | None = None


@dataclass
class Reports:
    """All reports of a tenant."""

    client: Client
    categories: list[Category] = field(default_factory=list)
    values: dict[str, Values | StreamError] = field(default_factory=dict)
    """Of each dynamic value set that a parameter refers to."""

    failure: StreamError | None = None
    budget: RateLimiter = field(default_factory=RateLimiter)

    @property
    def complete(self) -> bool:
        """Whether all could be listed; a report that the API does not know is no failure."""
        described = (one for category in self.categories for _, one in category.reports)
        failures = [
            self.failure,
            *(category.failure for category in self.categories),
            *self.values.values(),
            *described,
        ]
        return not any(isinstance(one, StreamError) and not isinstance(one, NotFoundError) for one in failures)


def option(tap_class: type[TapServiceTitan]) -> click.Option:
    """Make the command line's option."""

    def run(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 -- click's signature
        if not wanted:
            return
        given = context.params["config"]
        tap = tap_class(config=given.config, parse_env_config=given.parse_env, setup_mapper=False)
        found = gather(tap)
        for reports in found:
            for line in lines(reports):
                click.echo(line)
        context.exit(0 if all(reports.complete for reports in found) else 1)

    return click.Option(
        ["--list-reports"],
        is_flag=True,
        expose_value=False,
        callback=run,
        help="Print the ids, names and parameters of all reports, for the setting custom_reports.",
    )


def gather(tap: TapServiceTitan) -> list[Reports]:
    """Ask for the categories, then their reports, then what each report takes; of all tenants side by side."""
    found = [Reports(client) for client in tap.clients.values()]
    for reports, categories in zip(found, tap.prefetcher.map(_categories, found), strict=True):
        if isinstance(categories, StreamError):
            reports.failure = categories
        else:
            reports.categories = [Category(entry) for entry in categories]
    lists = [(reports, category) for reports in found for category in reports.categories]
    entries: list[tuple[Reports, Category, Entry]] = []
    for (reports, category), listed in zip(lists, tap.prefetcher.map(_listed, lists), strict=True):
        if isinstance(listed, StreamError):
            category.failure = listed
        else:
            entries += [(reports, category, entry) for entry in listed]
    for (_, category, entry), described in zip(entries, tap.prefetcher.map(_described, entries), strict=True):
        category.reports.append((entry, described))
    sets = [(reports, name) for reports in found for name in _sets(reports)]
    for (reports, name), values in zip(sets, tap.prefetcher.map(_values, sets), strict=True):
        reports.values[name] = values
    return found


def lines(reports: Reports) -> Iterator[str]:
    """Yield what a tenant has, for people to read."""
    yield f"Tenant {reports.client.tenant.tenant_id}"
    if reports.failure:
        yield f"  {_reason(reports.failure, 'tn.rpr.reportcategories:r')}"
    for category in reports.categories:
        yield ""
        yield f"  {category.entry.id}  ({category.entry.name})"
        if category.failure:
            yield f"    {_reason(category.failure, SCOPE)}"
        for entry, described in category.reports:
            yield f"    {entry.id}  {entry.name}"
            if isinstance(described, NotFoundError):
                yield f"        cannot be a stream: {described}"
            elif isinstance(described, StreamError):
                yield f"        {_reason(described, SCOPE)}"
            else:
                yield from _parameters(described.parameters)
    if reports.values:
        yield ""
        yield "  Values of parameters"
    for name, values in reports.values.items():
        yield f"    {name}: {_shown(values)}"
    yield ""


def _parameters(parameters: list[Parameter]) -> Iterator[str]:
    if not parameters:
        yield "        no parameters"
        return
    width = max(len(parameter.name) for parameter in parameters)
    for one in parameters:
        kind = f"list of {one.dataType or 'String'}" if one.isArray else one.dataType or "String"
        required = "required" if one.isRequired else ""
        yield f"        {one.name:{width}}  {kind:14}  {required:8}  {_accepted(one)}".rstrip()


def _accepted(parameter: Parameter) -> str:
    accepted = parameter.acceptValues
    if accepted is None:
        return ""
    if accepted.dynamicSetId:
        return f"see {accepted.dynamicSetId} below"
    return accepted_values(accepted.values or [])


def _shown(values: Values | StreamError) -> str:
    if isinstance(values, StreamError):
        return _reason(values, "tn.rpr.dynamicvaluesets:r")
    return accepted_values(values.data) + (", ..." if values.hasMore else "")


def _reason(error: StreamError, scope: str) -> str:
    return f"{error} {error.remedy_with(scope)}"


def _sets(reports: Reports) -> list[str]:
    """Name the dynamic value sets that a tenant's parameters refer to."""
    described = [one for category in reports.categories for _, one in category.reports if isinstance(one, Description)]
    accepted = [parameter.acceptValues for one in described for parameter in one.parameters]
    return sorted({one.dynamicSetId for one in accepted if one and one.dynamicSetId})


def _tried(ask: Callable[[], T]) -> T | StreamError:
    try:
        return ask()
    except StreamError as error:
        return error


def _categories(reports: Reports) -> list[Entry] | StreamError:
    return _tried(lambda: _all(reports.client, url(reports.client, "report-categories")))


def _listed(one: tuple[Reports, Category]) -> list[Entry] | StreamError:
    reports, category = one
    path = url(reports.client, "report-category/{category}/reports", category=str(category.entry.id))
    return _tried(lambda: _all(reports.client, path))


def _described(one: tuple[Reports, Category, Entry]) -> Description | StreamError:
    reports, category, entry = one
    return _tried(lambda: describe(reports.client, str(category.entry.id), str(entry.id), reports.budget))


def _values(one: tuple[Reports, str]) -> Values | StreamError:
    reports, name = one
    decode = msgspec.json.Decoder(Values).decode
    params = {"page": "1", "pageSize": str(VALUES_SHOWN)}
    path = url(reports.client, "dynamic-value-sets/{name}", name=name)
    return _tried(lambda: reports.client.ask(path, params, decode))


def _all(client: Client, path: str) -> list[Entry]:
    decode = msgspec.json.Decoder(ListPage[Entry]).decode
    answers = (
        client.ask(path, {"page": str(number), "pageSize": str(PAGE_SIZE)}, decode) for number in itertools.count(1)
    )
    return [entry for page, _ in iter_pages(answers) for entry in page.data]

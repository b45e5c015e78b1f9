"""Discovery of custom reports: requests the metadata of each report from each tenant."""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import APIError, NotFoundError, ReportError, shown_names
from tap_servicetitan.failures import Failure
from tap_servicetitan.reports.endpoint import ROW, Report, TenantReport
from tap_servicetitan.reports.metadata import REPORT, ReportMetadata, fetch_metadata
from tap_servicetitan.reports.query import QuerySupport
from tap_servicetitan.reports.report_parameters import validate_parameters
from tap_servicetitan.schemas.column_names import same_names
from tap_servicetitan.settings.custom_reports import DATE_RANGE_PARAMS, CustomReport, by_tenant

if TYPE_CHECKING:
    from singer_sdk.singerlib import Catalog

    from tap_servicetitan.client.client import Client
    from tap_servicetitan.runtime.prefetch import Prefetcher
    from tap_servicetitan.settings import Settings

MAX_WAIT = 60.0
"""Seconds that discovery waits when the API asks for it, before it leaves a report out."""

SCOPE = "tn.rpr.reports:r"
"""Required for the metadata and the data of reports."""

_log = logging.getLogger("tap-servicetitan.reports")


class _Wanted(NamedTuple):
    tenant_id: str
    report: CustomReport


def discover(
    settings: Settings,
    clients: Mapping[str, Client],
    prefetcher: Prefetcher,
    started: datetime,
    catalog: Catalog | None,
) -> tuple[list[Report], list[Failure]]:
    """Return the custom reports whose metadata is available, and a failure for each other one, with a warning.

    Args:
        settings: Contain the reports.
        clients: By tenant id.
        prefetcher: Sends the requests side by side.
        started: When the run began, for relative dates.
        catalog: The input catalog: reports that it does not select are not requested.
    """
    wanted = [
        _Wanted(tenant.tenant_id, report)
        for tenant in settings.tenants
        for report in by_tenant(settings.custom_reports, tenant.tenant_id).values()
        if _is_selected(catalog, report.stream)
    ]
    waits = {tenant.tenant_id: RateLimiter(max_wait=MAX_WAIT) for tenant in settings.tenants}
    runs: defaultdict[tuple[str, str], RateLimiter] = defaultdict(
        functools.partial(RateLimiter.per_minute, settings.reports_per_minute)
    )

    support: defaultdict[str, QuerySupport] = defaultdict(QuerySupport)

    def request(one: _Wanted) -> ReportMetadata | APIError:
        try:
            client = clients[one.tenant_id]
            return fetch_metadata(client, one.report.category, one.report.report_id, waits[one.tenant_id])
        except APIError as error:
            return error

    tenant_reports: defaultdict[str, dict[str, TenantReport]] = defaultdict(dict)
    failures: list[Failure] = []
    for one, metadata in zip(wanted, prefetcher.map(request, wanted), strict=True):
        if isinstance(metadata, APIError):
            for_all_tenants = one.report.tenant_id is None and len(settings.tenants) > 1
            failures.append(_left_out(one, metadata, for_all_tenants=for_all_tenants))
        else:
            budget = runs[one.tenant_id, one.report.report_id]
            tenant_reports[one.report.stream][one.tenant_id] = TenantReport(
                one.report, metadata, budget, support[one.tenant_id]
            )
    reports = [_endpoint(name, found, catalog) for name, found in tenant_reports.items()]
    days = {tenant.tenant_id: tenant.day(started) for tenant in settings.tenants}
    for report in reports:
        _warn_of_parameters(report, days)
        _warn_of_columns(report)
    return reports, failures


def _is_selected(catalog: Catalog | None, stream: str) -> bool:
    if catalog is None:
        return True
    entry = catalog.get_stream(stream)
    return entry is not None and entry.metadata.resolve_selection()[()]


def _endpoint(name: str, tenant_reports: dict[str, TenantReport], catalog: Catalog | None) -> Report:
    some = next(iter(tenant_reports.values())).report
    entry = catalog and catalog.get_stream(name)
    columns = entry.schema.to_dict().get("properties", {}) if entry else {}
    dates = _stepped_dates(some.backfill, tenant_reports.values(), columns)
    return Report(
        name,
        f"{REPORT}/data",
        tenant_reports=tenant_reports,
        dates=dates,
        typed=some.typed,
        replication_key=dates[0] if dates else None,
    )


def _stepped_dates(
    backfill: str | None, tenant_reports: Iterable[TenantReport], columns: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the date parameters to step through: both bounds if the catalog, else every tenant, has both.

    The tenants that answered must not decide in place of the catalog, since its keys contain these dates.
    """
    if backfill not in DATE_RANGE_PARAMS:
        return (backfill,) if backfill else ()
    if ROW in columns:
        is_range = all(columns.get(name, {}).get("format") == "date" for name in DATE_RANGE_PARAMS)
    else:
        is_range = all(one.has_date_range for one in tenant_reports)
    return DATE_RANGE_PARAMS if is_range else (backfill,)


def _left_out(one: _Wanted, error: APIError, *, for_all_tenants: bool) -> Failure:
    remedy = error.remedy_with(SCOPE)
    if isinstance(error, NotFoundError):
        remedy = "Check its category and id with --list-reports; the API does not have all reports of the website."
        if for_all_tenants:
            remedy += " Ids differ between tenants: set tenant_id in the entry."
    failure = Failure(one.tenant_id, one.report.stream, str(error), remedy, error.verdict)
    _log.warning("%s of tenant %s is left out: no metadata. %s %s", one.report, one.tenant_id, error, remedy)
    return failure


def _warn_of_parameters(report: Report, today: Mapping[str, date]) -> None:
    """Warn of parameters with which a run will fail."""
    for tenant_id, tenant_report in report.tenant_reports.items():
        entry = tenant_report.report
        try:
            validate_parameters(entry.parameters, tenant_report.metadata, report.stepped(tenant_id), today[tenant_id])
        except ReportError as error:
            _log.warning("%s of tenant %s cannot be run: %s", entry, tenant_id, error)
        if entry.lookback_days and not report.dates:
            text = "%s: lookback_window_days has no effect without backfill_date_parameter."
            _log.warning(text, entry)


def _warn_of_columns(report: Report) -> None:
    """Warn of columns that tenants spell differently; those of one tenant have distinct names."""
    for names in same_names(report.schema["properties"]):
        _log.warning(
            "Stream %s: the columns %s of different tenants are one column in many databases. To keep them apart, give "
            "each tenant's report a report_name of its own.",
            report.name,
            shown_names(names),
        )

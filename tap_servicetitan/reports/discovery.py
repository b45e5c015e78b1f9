"""From the setting ``custom_reports`` to streams: every report is described by its tenants, side by side."""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from tap_servicetitan.client.rate_limit import RateLimiter
from tap_servicetitan.errors import APIError, Failure, NotFoundError, ReportError
from tap_servicetitan.reports.config import CustomReport, by_tenant
from tap_servicetitan.reports.description import REPORT, Description, describe
from tap_servicetitan.reports.endpoint import Report, TenantReport
from tap_servicetitan.reports.parameters import checked

if TYPE_CHECKING:
    from tap_servicetitan.tap import TapServiceTitan

MAX_WAIT = 60.0
"""Seconds that discovery waits, because the API says so, before a report is left out."""

SCOPE = "tn.rpr.reports:r"
"""What describing and running a report need."""

_log = logging.getLogger("tap-servicetitan.reports")


class _Wanted(NamedTuple):
    tenant_id: str
    report: CustomReport


def discover(tap: TapServiceTitan, wants: Callable[[str], bool]) -> tuple[list[Report], list[Failure]]:
    """Describe custom reports; return those that could be, and what could not, each told in a warning.

    Args:
        tap: Whose setting is read.
        wants: Tells by a stream's name whether it is wanted: each is a request for each tenant.
    """
    wanted = [
        _Wanted(tenant.tenant_id, report)
        for tenant in tap.settings.tenants
        for report in by_tenant(tap.settings.custom_reports, tenant.tenant_id).values()
        if wants(report.stream)
    ]
    waits = {tenant.tenant_id: RateLimiter(max_wait=MAX_WAIT) for tenant in tap.settings.tenants}
    runs: defaultdict[tuple[str, str], RateLimiter] = defaultdict(
        functools.partial(RateLimiter.per_minute, tap.settings.reports_per_minute)
    )

    def ask(one: _Wanted) -> Description | APIError:
        try:
            return describe(tap.clients[one.tenant_id], one.report.category, one.report.report_id, waits[one.tenant_id])
        except APIError as error:
            return error

    tenant_reports: defaultdict[str, dict[str, TenantReport]] = defaultdict(dict)
    failures: list[Failure] = []
    for one, answer in zip(wanted, tap.prefetcher.map(ask, wanted), strict=True):
        if isinstance(answer, APIError):
            shared = one.report.tenant_id is None and len(tap.settings.tenants) > 1
            failures.append(_left_out(one, answer, shared=shared))
        else:
            budget = runs[one.tenant_id, one.report.report_id]
            tenant_reports[one.report.stream][one.tenant_id] = TenantReport(one.report, answer, budget)
    reports = [_endpoint(name, found) for name, found in tenant_reports.items()]
    today = datetime.fromtimestamp(tap.initialized_at / 1000, UTC).date()
    for report in reports:
        _check(report, today)
    return reports, failures


def _endpoint(name: str, tenant_reports: dict[str, TenantReport]) -> Report:
    some = next(iter(tenant_reports.values())).report
    report = Report(
        name,
        f"{REPORT}/data",
        tenant_reports=tenant_reports,
        backfill=some.backfill,
        typed=some.typed,
        replication_key=None,
    )
    return replace(report, replication_key=report.dates[0]) if report.dates else report


def _left_out(one: _Wanted, error: APIError, *, shared: bool) -> Failure:
    remedy = error.remedy_with(SCOPE)
    if isinstance(error, NotFoundError):
        remedy = "Check its category and id with --list-reports; the API does not know all reports of the website."
        if shared:
            remedy += " Ids differ between tenants: an entry's tenant_id says whose it is."
    failure = Failure(one.tenant_id, one.report.stream, str(error), remedy, error.verdict)
    _log.warning("%s of tenant %s cannot be described and is left out: %s %s", one.report, one.tenant_id, error, remedy)
    return failure


def _check(report: Report, today: date) -> None:
    """Warn of parameters with which reading will fail."""
    for tenant_id, edition in report.tenant_reports.items():
        try:
            checked(edition.report.parameters, edition.description, report.dates, today)
        except ReportError as error:
            _log.warning("%s of tenant %s cannot be run: %s", edition.report, tenant_id, error)
        if edition.report.lookback_days and not report.dates:
            text = "%s: lookback_window_days has no effect without backfill_date_parameter."
            _log.warning(text, edition.report)

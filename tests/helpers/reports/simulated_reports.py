"""The simulator's reports as custom reports."""

from __future__ import annotations

import json
from typing import Any

from helpers.support import Output
from tap_servicetitan.simulator import Simulator

DATE_RANGE_PARAMS = [{"name": "From", "value": "2025-10-15"}, {"name": "To", "value": "2025-12-31"}]


CREATED = {"name": "DateType", "value": 1}


UNLIMITED = {"reports_per_minute": 60_000}


def entry(simulator: Simulator, report: str, *, tenant_id: int = 1001, **settings: Any) -> dict[str, Any]:
    """Return what a user writes about one of the simulator's reports."""
    (found,) = [one for one in simulator.records("reports", tenant_id) if one["name"] == report]
    return {"report_category": found["report_category"], "report_id": str(found["id"]), **settings}


def every_report(simulator: Simulator) -> list[dict[str, Any]]:
    return [
        entry(simulator, "Revenue", report_name="plain", parameters=DATE_RANGE_PARAMS),
        entry(simulator, "Revenue 2", report_name="typed", parameters=DATE_RANGE_PARAMS, typed=True),
        entry(simulator, "Job Numbers", report_name="untrue"),
        entry(simulator, "Job Numbers 2", report_name="untrue_typed", typed=True),
        entry(
            simulator,
            "Jobs",
            report_name="windows",
            parameters=[CREATED, *DATE_RANGE_PARAMS],
            backfill_date_parameter="From",
        ),
        entry(
            simulator,
            "Jobs to Date",
            report_name="daily",
            parameters=[{"name": "AsOfDate", "value": "today-3"}],
            backfill_date_parameter="AsOfDate",
        ),
        entry(simulator, "Dashboard", report_name="unknown"),
        entry(simulator, "Revenue 3", report_name="misspelt", parameters=[{"name": "Form", "value": "today"}]),
    ]


def just(discovery: Output, *names: str) -> dict[str, Any]:
    """Return a discovered catalog with just these reports selected; with all of them if none is named."""
    catalog: dict[str, Any] = json.loads(discovery.stdout)
    catalog["streams"] = [one for one in catalog["streams"] if one["tap_stream_id"].startswith("custom_report_")]
    for one in catalog["streams"]:
        root = next(item for item in one["metadata"] if item["breadcrumb"] == [])
        root["metadata"]["selected"] = not names or one["tap_stream_id"].removeprefix("custom_report_") in names
    return catalog


def streams(catalog: dict[str, Any]) -> dict[str, Any]:
    return {one["tap_stream_id"].removeprefix("custom_report_"): one for one in catalog["streams"]}


def runs(simulator: Simulator, since: int = 0) -> list[dict[str, Any]]:
    """Return the parameters of each run of a report."""
    return [
        {one["name"]: one["value"] for one in json.loads(request.body)["parameters"]}
        for request in simulator.requests[since:]
        if request.stream == "report_query"
    ]


def warnings(output: Output) -> list[str]:
    return [line.split("| ", 3)[-1].strip() for line in output.log.splitlines() if "WARNING" in line]

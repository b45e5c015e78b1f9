"""Custom reports, from the setting to the records, against the simulator."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from helpers.support import Output, Tap, config_of

from tap_servicetitan.endpoints.table import TABLE
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


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(records=60, rate_limit=0, reports_per_minute=0) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def discovery(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Output:
    config = config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED)
    return Tap(tmp_path_factory.mktemp("discovery"))(config, "--discover")


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


@pytest.fixture(scope="module")
def run(simulator: Simulator, discovery: Output, tmp_path_factory: pytest.TempPathFactory) -> Output:
    config = config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED)
    return Tap(tmp_path_factory.mktemp("run"))(config, catalog=just(discovery))


def runs(simulator: Simulator, since: int = 0) -> list[dict[str, Any]]:
    """Return the parameters of each run of a report."""
    return [
        {one["name"]: one["value"] for one in json.loads(request.body)["parameters"]}
        for request in simulator.requests[since:]
        if request.stream == "report_query"
    ]


def warnings(output: Output) -> list[str]:
    return [line.split("| ", 3)[-1].strip() for line in output.log.splitlines() if "WARNING" in line]


# Discovery


def test_a_report_is_a_stream_with_the_columns_of_its_description_as_text(discovery: Output) -> None:
    assert discovery.code == 0
    found = streams(just(discovery))["plain"]

    assert found["key_properties"] == []
    assert list(found["schema"]["properties"]) == ["tenant_id", "JobNumber", "CreatedDate", "Total", "Total_2"]
    assert found["schema"]["properties"]["Total"] == {"type": ["string", "null"]}


def test_typed_columns_have_the_declared_types(discovery: Output) -> None:
    properties = streams(just(discovery))["typed"]["schema"]["properties"]

    assert properties["Total"] == {"type": ["number", "null"]}
    assert properties["CreatedDate"] == {"type": ["string", "null"], "format": "date-time"}
    assert properties["JobNumber"] == {"type": ["string", "null"]}


def test_a_report_without_metadata_is_left_out_with_one_warning(discovery: Output) -> None:
    assert "unknown" not in streams(just(discovery))
    (line,) = [line for line in warnings(discovery) if "'unknown'" in line]
    assert "of category operations) of tenant 1001 is left out: no metadata. The API answered 404" in line
    assert line.endswith(
        "Check its category and id with --list-reports; the API does not have all reports of the website."
    )


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        ({"deny_scopes": ["tn.rpr.reports:r"]}, None, "Grant the scope tn.rpr.reports:r to the app"),
        ({}, {"kind": "rate_limit", "seconds": 100}, "The API answered 429: Rate limit is exceeded"),
    ],
)
def test_no_reason_breaks_the_discovery_of_the_rest(
    tap: Tap, simulate: Callable[..., Simulator], options: dict[str, Any], fault: dict[str, Any] | None, words: str
) -> None:
    simulator = simulate(**options)
    if fault:
        simulator.misbehave(**fault, stream="report_description")
    reports = [
        entry(simulator, "Revenue", report_name="first", parameters=DATE_RANGE_PARAMS),
        entry(simulator, "Revenue 2", report_name="second", parameters=DATE_RANGE_PARAMS),
    ]

    output = tap(config_of(simulator, concurrency=1, custom_reports=reports), "--discover")

    assert output.code == 0
    assert len(json.loads(output.stdout)["streams"]) >= len(TABLE) + bool(fault)
    (line, *others) = warnings(output)
    assert "Custom report 'first'" in line or "Custom report 'second'" in line
    assert words in line
    assert len(others) == (0 if fault else 1)


def test_without_custom_reports_discovery_asks_for_nothing(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate()

    assert tap(config_of(simulator), "--discover").code == 0
    assert tap(config_of(simulator, custom_reports=every_report(simulator)), "--about").code == 0

    assert simulator.requests == []


def test_discovery_with_reports_needs_a_valid_config(tap: Tap, simulator: Simulator) -> None:
    output = tap({"custom_reports": every_report(simulator)}, "--discover")

    assert output.code == 1
    assert "Setting 'st_app_key' is missing." in output.log
    assert "Traceback" not in output.log


# Records


def test_cells_are_unchanged_text_and_null_stays_null(simulator: Simulator, run: Output) -> None:
    jobs = {job["jobNumber"]: job for job in simulator.records("jobs") if job["createdOn"] >= "2025-10-15"}
    records = run.records("custom_report_plain")

    assert len(records) == len(jobs) > 3
    for record in records:
        job = jobs[record["JobNumber"]]
        assert record["Total"] == (None if job["total"] is None else str(job["total"]))
        assert record["Total_2"] == (None if job["noCharge"] else "USD")
        assert record["CreatedDate"] == job["createdOn"][:10] + "T00:00:00-07:00"
    assert {record["tenant_id"] for record in records} == {"1001"}


def test_a_number_column_with_text_in_it_is_read_as_text(run: Output) -> None:
    numbers = [record["Number"] for record in run.records("custom_report_untrue") if record["Number"]]

    assert any(number.endswith("-R") for number in numbers)
    assert any(number.isdecimal() for number in numbers)


def test_typed_records_are_valid_and_the_same(run: Output) -> None:
    (schema,) = [one["schema"] for one in run.of_type("SCHEMA") if one["stream"] == "custom_report_typed"]
    typed = run.records("custom_report_typed")

    for record in typed:
        jsonschema.validate(record, schema)
    totals = [record["Total"] for record in run.records("custom_report_plain")]
    assert [None if record["Total"] is None else str(record["Total"]) for record in typed] == totals


def test_a_typed_column_that_lies_is_named_and_stops_no_other_report(run: Output) -> None:
    assert run.code == 1
    assert run.records("custom_report_untrue_typed") == []
    assert "Column Number is declared a Number, but holds text in row 7." in run.log
    assert "2 of 7 streams could not be read to the end" in run.log
    assert len(run.records("custom_report_plain")) > 3


def test_an_unknown_parameter_is_reported_with_the_known_ones(discovery: Output, run: Output) -> None:
    words = "It has no parameter Form; it has From (required), To (required), Status."

    assert [words in line for line in warnings(discovery)].count(True) == 1
    assert f"Failed: tenant 1001, stream custom_report_misspelt: {words}" in run.log


def test_pages_are_asked_for_in_the_query_and_the_body_holds_parameters_alone(
    simulator: Simulator, tap: Tap, discovery: Output
) -> None:
    before = len(simulator.requests)
    tap(
        config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED),
        catalog=just(discovery, "plain"),
    )

    (asked,) = [request for request in simulator.requests[before:] if request.stream == "report_query"]
    assert asked.query == {"page": "1", "pageSize": "25000"}
    assert json.loads(asked.body) == {"parameters": DATE_RANGE_PARAMS}


def test_a_column_that_the_catalog_lacks_is_named(simulator: Simulator, tap: Tap, discovery: Output) -> None:
    catalog = just(discovery, "plain")
    properties = streams(catalog)["plain"]["schema"]["properties"]
    del properties["Total"]
    properties["Profit"] = {"type": ["string", "null"]}

    output = tap(config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED), catalog=catalog)

    assert output.code == 0
    assert "Total" not in output.records("custom_report_plain")[0]
    assert [line for line in warnings(output) if "column" in line] == [
        "Tenant 1001, stream custom_report_plain: column Total is not in the catalog and is ignored. Discover again to have it.",
        "Tenant 1001, stream custom_report_plain: the report has no column Profit any more.",
    ]


def test_a_selected_report_without_metadata_fails_the_run(simulator: Simulator, tap: Tap, discovery: Output) -> None:
    catalog = just(discovery, "plain", "unknown")
    streams(catalog)["plain"] |= {"tap_stream_id": "custom_report_unknown", "stream": "custom_report_unknown"}

    output = tap(config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED), catalog=catalog)

    assert output.code == 1
    assert "tenant 1001, stream custom_report_unknown: The API answered 404" in output.log


def test_stream_maps_and_batches_bring_the_same_rows(
    simulator: Simulator, tap: Tap, discovery: Output, run: Output, tmp_path: Path
) -> None:
    config = config_of(simulator, custom_reports=every_report(simulator)[:1], **UNLIMITED)
    maps = {"custom_report_plain": {"JobNumber": "JobNumber", "__else__": None}}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": tmp_path.as_uri()}}

    mapped = tap({**config, "stream_maps": maps}, catalog=just(discovery, "plain"))
    batched = tap({**config, "batch_config": batches}, catalog=just(discovery, "plain"))

    expected = run.records("custom_report_plain")
    assert [record["JobNumber"] for record in mapped.records("custom_report_plain")] == [
        record["JobNumber"] for record in expected
    ]
    (batch,) = batched.of_type("BATCH")
    with gzip.open(Path(batch["manifest"][0].removeprefix("file://"))) as file:
        assert [json.loads(line) for line in file] == expected


# Dates


def today() -> date:
    return datetime.now(UTC).date()


def test_a_date_parameter_is_stepped_through_by_day_and_kept_with_a_number_for_each_row(run: Output) -> None:
    records = run.records("custom_report_daily")
    days = [(today() - timedelta(days=ago)).isoformat() for ago in (3, 2, 1, 0)]

    assert list(dict.fromkeys(record["AsOfDate"] for record in records)) == days
    (schema,) = [one for one in run.of_type("SCHEMA") if one["stream"] == "custom_report_daily"]
    assert schema["key_properties"] == ["tenant_id", "AsOfDate", "_row"]
    keys = [(record["AsOfDate"], record["_row"]) for record in records]
    assert keys == [(day, row) for day in days for row in range(1, 61)]


def test_a_pair_of_dates_runs_in_calendar_months(simulator: Simulator, run: Output) -> None:
    asked = [one for one in runs(simulator) if "DateType" in one]
    bounds = [("2025-10-01", "2025-10-31"), ("2025-11-01", "2025-11-30"), ("2025-12-01", "2025-12-31")]
    records = run.records("custom_report_windows")

    assert [(one["From"], one["To"]) for one in asked[:3]] == bounds
    assert asked[0]["DateType"] == 1
    assert {(record["From"], record["To"]) for record in records} <= set(bounds)
    assert all(record["From"] <= record["CreatedDate"][:10] <= record["To"] for record in records)
    (schema,) = [one for one in run.of_type("SCHEMA") if one["stream"] == "custom_report_windows"]
    assert schema["key_properties"] == ["tenant_id", "From", "_row"]


def test_the_next_run_resumes_at_the_last_finished_date_less_the_look_back(
    simulator: Simulator, tap: Tap, discovery: Output, run: Output
) -> None:
    yesterday = today() - timedelta(days=1)
    assert run.bookmark("custom_report_daily")["replication_key_value"] == f"{yesterday}T00:00:00.000000Z"
    assert run.bookmark("custom_report_windows")["replication_key_value"] == "2025-12-31T00:00:00.000000Z"
    reports = every_report(simulator)
    daily, windows = reports[5], reports[4]
    windows["lookback_window_days"] = 31
    run.bookmark("custom_report_windows")["replication_key_value"] = "2025-12-15T00:00:00.000000Z"
    before = len(simulator.requests)

    second = tap(
        config_of(simulator, custom_reports=[daily, windows], **UNLIMITED),
        catalog=just(discovery, "daily", "windows"),
        state=run.state,
    )

    asked = runs(simulator, before)
    assert second.code == 0
    assert [one["AsOfDate"] for one in asked if "AsOfDate" in one] == [str(yesterday), str(today())]
    assert [one["From"] for one in asked if "From" in one] == ["2025-11-01", "2025-12-01"]
    assert second.bookmark("custom_report_daily") == run.bookmark("custom_report_daily")
    assert second.bookmark("custom_report_windows")["replication_key_value"] == "2025-12-31T00:00:00.000000Z"


def test_a_finished_backfill_costs_no_run(simulator: Simulator, tap: Tap, discovery: Output) -> None:
    config = config_of(simulator, custom_reports=[every_report(simulator)[4]], **UNLIMITED)
    catalog = just(discovery, "windows")
    first = tap(config, catalog=catalog)
    before = len(simulator.requests)

    second = tap(config, catalog=catalog, state=first.state)

    assert (second.code, runs(simulator, before)) == (0, [])
    assert second.state == first.state


def test_a_bookmark_of_another_tap_is_continued_from_even_before_a_relative_start(
    simulator: Simulator, tap: Tap, discovery: Output
) -> None:
    date = f"{today() - timedelta(days=5)}T00:00:00-00:00"
    state = {"bookmarks": {"custom_report_daily": {"replication_key": "AsOfDate", "replication_key_value": date}}}
    before = len(simulator.requests)

    config = config_of(simulator, custom_reports=every_report(simulator)[5:6], **UNLIMITED)
    assert tap(config, catalog=just(discovery, "daily"), state=state).code == 0

    days = [today() - timedelta(days=ago) for ago in range(5, -1, -1)]
    assert [one["AsOfDate"] for one in runs(simulator, before)] == [str(day) for day in days]


def test_a_date_that_failed_is_where_the_next_run_begins(
    tap: Tap, simulate: Callable[..., Simulator], discovery: Output
) -> None:
    simulator = simulate()
    config = config_of(simulator, custom_reports=[every_report(simulator)[4]], **UNLIMITED)
    simulator.misbehave("redirect", stream="report_query", after=2, times=1)

    first = tap(config, catalog=just(discovery, "windows"))
    before = len(simulator.requests)
    second = tap(config, catalog=just(discovery, "windows"), state=first.state)

    assert first.code == 1
    assert first.bookmark("custom_report_windows")["replication_key_value"] == "2025-11-30T00:00:00.000000Z"
    assert [one["From"] for one in runs(simulator, before)] == ["2025-11-01", "2025-12-01"]
    assert second.code == 0


def test_a_trial_asks_for_one_date_only(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(records=6)
    reports = every_report(simulator)[4:6]

    tap(config_of(simulator, custom_reports=reports, **UNLIMITED), "--test")

    assert [one.get("To") or one["AsOfDate"] for one in runs(simulator)] == [str(today()), "2025-12-31"]


# Limits


def test_maintenance_and_rate_limits_are_waited_out_with_a_line_in_the_log(
    tap: Tap, simulate: Callable[..., Simulator], discovery: Output
) -> None:
    simulator = simulate()
    config = config_of(simulator, custom_reports=every_report(simulator)[4:5], **UNLIMITED)
    simulator.misbehave("maintenance", stream="report_query", retry_after=0.1, times=1)
    simulator.misbehave("rate_limit", stream="report_query", retry_after=0.1, after=1, times=1)

    output = tap(config, catalog=just(discovery, "windows"))

    assert output.code == 0
    assert warnings(output) == [
        "Tenant 1001, stream custom_report_windows: suspended for maintenance, waiting 0.1s.",
        "Tenant 1001, stream custom_report_windows: rate limit reached, waiting 0.1s.",
    ]
    assert [one["From"] for one in runs(simulator)] == ["2025-10-01"] * 3 + ["2025-11-01", "2025-12-01"]


# Many tenants


def test_each_tenant_may_have_another_id_and_other_columns(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2, records=12)
    pair = [{"name": "From", "value": "2024-01-01"}, {"name": "To", "value": "today"}]
    jobs = entry(simulator, "Jobs", report_name="jobs", parameters=[CREATED, *pair])
    revenue = entry(simulator, "Revenue", tenant_id=1002, report_name="jobs", parameters=pair)
    reports = [jobs, {**revenue, "tenant_id": 1002}]
    config = config_of(simulator, custom_reports=reports, **UNLIMITED)

    found = tap(config, "--discover")
    output = tap(config, catalog=just(found))

    assert output.code == 0
    assert {"CustomerPO", "Total", "Total_2"} <= set(streams(just(found))["jobs"]["schema"]["properties"])
    records = output.records("custom_report_jobs")
    assert {"CustomerPO" in record for record in records if record["tenant_id"] == "1001"} == {True}
    assert {"CustomerPO" in record for record in records if record["tenant_id"] == "1002"} == {False}
    assert {"Total_2" in record for record in records if record["tenant_id"] == "1002"} == {True}
    assert "column" not in "".join(warnings(output))


# The list


def test_all_reports_are_listed_with_ids_names_and_parameters(tap: Tap, simulator: Simulator) -> None:
    output = tap(config_of(simulator), "--list-reports")

    assert output.code == 0
    lines = [" ".join(line.split()) for line in output.stdout.splitlines()]
    assert lines[0] == "Tenant 1001"
    assert "accounting (Accounting)" in lines
    for report in simulator.records("reports"):
        assert f"{report['id']} {report['name']}" in lines
    assert "DateType Number required 1 (Creation Date), 2 (Completion Date)" in lines
    assert "BusinessUnitIds list of Number see business-units below" in lines
    assert [line for line in lines if line.startswith("cannot be a stream: The API answered 404")]
    (values,) = [line for line in lines if line.startswith("business-units: ")]
    assert "HVAC Service" in values


def test_listing_names_the_missing_scope(tap: Tap, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(tenants=2, deny_scopes=["tn.rpr.reportcategories:r"])

    output = tap(config_of(simulator), "--list-reports")

    assert output.code == 1
    assert output.stdout.count("Grant the scope tn.rpr.reportcategories:r to the app in") == 2

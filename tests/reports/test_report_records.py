"""Records of custom reports, from the simulator."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
from helpers.reporting import OnlyReports
from helpers.reports.simulated_reports import (
    CREATED,
    DATE_RANGE_PARAMS,
    UNLIMITED,
    entry,
    every_report,
    just,
    runs,
    streams,
    warnings,
)
from helpers.support import Output, Tap, config_of, run_here

from tap_servicetitan.simulator import Simulator


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


def test_number_column_with_text_in_it_is_read_as_text(run: Output) -> None:
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


def test_typed_column_with_other_values_is_reported_and_stops_no_other_report(run: Output) -> None:
    assert run.code == 1
    assert run.records("custom_report_untrue_typed") == []
    assert "Column Number is declared a Number, but holds text in row 7." in run.log
    assert "2 of 7 streams could not be read to the end" in run.log
    assert len(run.records("custom_report_plain")) > 3


def test_unknown_parameter_is_reported_with_the_known_ones(discovery: Output, run: Output) -> None:
    words = "It has no parameter Form; it has From (required), To (required), Status."

    assert [words in line for line in warnings(discovery)].count(True) == 1
    assert f"Failed: tenant 1001, stream custom_report_misspelt: {words}" in run.log


def test_page_is_in_the_query_and_the_body_has_parameters_only(simulator: Simulator, discovery: Output) -> None:
    before = len(simulator.requests)
    run_here(
        config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED),
        base=OnlyReports,
        catalog=just(discovery, "plain"),
    )

    (asked,) = [request for request in simulator.requests[before:] if request.stream == "report_query"]
    assert asked.query == {"page": "1", "pageSize": "25000"}
    assert json.loads(asked.body) == {"parameters": DATE_RANGE_PARAMS}


def test_column_that_the_catalog_lacks_is_named(simulator: Simulator, tap: Tap, discovery: Output) -> None:
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


def test_selected_report_without_metadata_fails_the_run(simulator: Simulator, discovery: Output) -> None:
    catalog = just(discovery, "plain", "unknown")
    streams(catalog)["plain"] |= {"tap_stream_id": "custom_report_unknown", "stream": "custom_report_unknown"}

    config = config_of(simulator, custom_reports=every_report(simulator), **UNLIMITED)
    output = run_here(config, base=OnlyReports, catalog=catalog)

    assert output.code == 1
    assert "tenant 1001, stream custom_report_unknown: The API answered 404" in output.log


def test_stream_maps_and_batches_have_the_same_rows(
    simulator: Simulator, discovery: Output, run: Output, tmp_path: Path
) -> None:
    config = config_of(simulator, custom_reports=every_report(simulator)[:1], **UNLIMITED)
    maps = {"custom_report_plain": {"JobNumber": "JobNumber", "__else__": None}}
    batches = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": tmp_path.as_uri()}}

    mapped = run_here({**config, "stream_maps": maps}, base=OnlyReports, catalog=just(discovery, "plain"))
    batched = run_here({**config, "batch_config": batches}, base=OnlyReports, catalog=just(discovery, "plain"))

    expected = run.records("custom_report_plain")
    assert [record["JobNumber"] for record in mapped.records("custom_report_plain")] == [
        record["JobNumber"] for record in expected
    ]
    (batch,) = batched.of_type("BATCH")
    with gzip.open(Path(batch["manifest"][0].removeprefix("file://"))) as file:
        assert [json.loads(line) for line in file] == expected


def test_report_waits_during_maintenance_and_rate_limits_with_a_line_in_the_log(
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

"""Dagster: an asset with a partition for each tenant, which is updated every quarter of an hour."""

from collections.abc import Iterator

import dagster as dg
import pipeline

TENANTS = dg.StaticPartitionsDefinition(sorted(pipeline.tenants()))


@dg.asset(partitions_def=TENANTS, retry_policy=dg.RetryPolicy(max_retries=2, delay=60))
def servicetitan(context: dg.AssetExecutionContext) -> None:
    """One tenant's records, in the warehouse."""
    pipeline.run(context.partition_key)


@dg.schedule(target=servicetitan, cron_schedule="*/15 * * * *")
def every_quarter(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request a run of each tenant whose last run has ended."""
    under_way = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    runs = context.instance.get_runs(dg.RunsFilter(statuses=under_way))
    busy = {run.tags.get("dagster/partition") for run in runs}
    for tenant_id in TENANTS.get_partition_keys():
        if tenant_id not in busy:
            yield dg.RunRequest(f"{tenant_id} at {context.scheduled_execution_time}", partition_key=tenant_id)


defs = dg.Definitions(assets=[servicetitan], schedules=[every_quarter])

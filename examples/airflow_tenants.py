"""Airflow 3: a DAG with a mapped task for each tenant, run every quarter of an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pipeline
from airflow.sdk import dag, task


@dag(schedule="*/15 * * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1)
def servicetitan() -> None:
    """Every tenant's records, in the warehouse."""

    @task(retries=2, retry_delay=timedelta(minutes=1), max_active_tis_per_dag=8, map_index_template="{{ tenant_id }}")
    def sync(tenant_id: str) -> None:
        pipeline.run(tenant_id)

    sync.expand(tenant_id=sorted(pipeline.tenants()))


servicetitan()

"""Collections below each record of another one."""

from __future__ import annotations

import json

import pytest
from helpers.raw import RawServer, http
from helpers.support import run_here


@pytest.mark.parametrize("sent", [{}, {"jobId": None}, {"jobId": 7}])
def test_record_has_the_parents_id_from_the_path_in_its_own_field(sent: dict[str, int | None]) -> None:
    jobs = http(json.dumps({"data": [{"id": 7}], "page": 1, "pageSize": 1, "totalCount": 1, "hasMore": False}).encode())
    log = http(json.dumps({"id": 1, **sent}).encode())

    with RawServer(lambda path: log if "booked-log" in path else jobs).listening() as config:
        run = run_here(config, "job_booked_log")

    assert run.code == 0, run.log
    assert run.records("job_booked_log") == [{"tenant_id": "1001", "jobId": 7, "id": 1}]
    (schema,) = run.of_type("SCHEMA")
    assert schema["key_properties"] == ["tenant_id", "jobId", "id"]
    assert not run.lines_with("does not fit")
    assert not run.lines_with("jobId")

"""Control of the simulator: log, control paths and program."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from helpers.api_client import ApiClient

from tap_servicetitan.simulator import Simulator


def test_log_has_the_whole_request(client: ApiClient) -> None:
    client.get(from_="2025-01-01")
    request = client.simulator.requests[-1]

    assert (request.method, request.path, request.status) == ("GET", "/crm/v2/tenant/1001/export/bookings", 200)
    assert (request.query, request.tenant_id, request.stream) == ({"from": "2025-01-01"}, 1001, "bookings")
    assert request.headers["st-app-key"] == "ak1.simulator"


def test_log_counts_the_requests_in_flight() -> None:
    with Simulator(records=1, latency=0.3) as simulator, ThreadPoolExecutor(4) as pool:
        client = ApiClient(simulator)
        with client.session:
            statuses = list(pool.map(lambda _: client.get().status_code, range(4)))

    assert statuses == [200] * 4
    assert simulator.max_in_flight == 4


def test_config_of_several_tenants_is_a_list_of_credentials() -> None:
    with Simulator(records=1, tenants=[7, 8]) as simulator:
        config = simulator.config
    assert config["tenants"] == [
        {"tenant_id": "7", "client_id": "cid.7", "client_secret": "cs2.7"},
        {"tenant_id": "8", "client_id": "cid.8", "client_secret": "cs2.8"},
    ]
    assert "client_id" not in config


def test_control_paths_do_what_the_methods_do(client: ApiClient) -> None:
    def control(method: str, route: str, body: object = None) -> Any:
        url = f"{client.simulator.url}/simulator/{route}"
        return requests.request(method, url, data=json.dumps(body) if body else None, timeout=10).json()

    assert control("GET", "config") == client.simulator.config
    assert control("POST", "advance", {"minutes": 30, "new": 1, "changed": 0}) == {"now": "2026-01-01T00:30:00Z"}
    assert control("POST", "misbehave", {"kind": "error", "stream": "bookings", "times": None})["times"] is None
    assert client.get().status_code == 500
    assert control("POST", "behave") == {}
    assert client.get().status_code == 200
    assert len(control("GET", "records?stream=bookings&tenant=1001")) == 121
    summary = control("GET", "requests")
    assert summary["requests"] == {"/connect/token": {"200": 1}, "bookings": {"500": 1, "200": 1}}
    assert (summary["token_requests"], summary["max_in_flight"]) == (1, 1)
    assert "No stream 'nothing'" in control("GET", "records?stream=nothing")["error"]
    assert "unknown field" in control("POST", "advance", {"hours": 1})["error"]
    assert "POST /simulator/advance" in control("GET", "nothing")["error"]
    assert "POST only" in control("GET", "advance")["error"]


SIMULATOR = str(Path(sys.executable).parent / "servicetitan-simulator")
"""The console script, beside the interpreter that it belongs to."""


def start(*arguments: str, command: Sequence[str] = (SIMULATOR,)) -> subprocess.Popen[str]:
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("command", "number"),
    [((SIMULATOR,), signal.SIGTERM), ((sys.executable, "-m", "tap_servicetitan.simulator"), signal.SIGINT)],
)
def test_program_prints_its_address_and_ends_on_a_signal(command: Sequence[str], number: signal.Signals) -> None:
    arguments = ("--port", "0", "--records", "5", "--size", "leads=7", "--page-size", "3", "--tenants", "2")
    with start(*arguments, command=command) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.match(r"ServiceTitan simulator on (http://127\.0\.0\.1:\d+) ", line)
        assert match, line
        with requests.Session() as session:
            leads = session.get(f"{match[1]}/simulator/records?stream=leads&tenant=1002", timeout=10).json()
            assert len(leads) == 7
            os.kill(process.pid, number)
            output, errors = process.communicate(timeout=10)

    assert (process.returncode, output, errors) == (0, "", "")


def test_program_lets_time_run() -> None:
    with start("--port", "0", "--records", "5", "--live", "36000") as process, requests.Session() as session:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]

        def overview() -> tuple[Any, dict[str, Any]]:
            shown = session.get(f"{url}/simulator/overview", timeout=10).json()
            return shown, {one["stream"]: one for one in shown["collections"]}

        first, before = overview()
        later, after = next(seen for seen in iter(overview, None) if seen[1]["bookings"] != before["bookings"])
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=10)

    assert first["live"] == 36_000
    assert first["now"] < later["now"] < "2026-01-01T00:01"
    changed = {stream for stream in after if before[stream] != after[stream]}
    assert changed <= {"bookings", "jobs", "job_booked_log", "appointments", "invoices", "invoice_items", "payments"}


def test_program_reports_in_one_line_that_a_port_is_in_use(simulator: Simulator) -> None:
    port = simulator.url.rpartition(":")[2]
    with start("--port", port) as process:
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output == ""
    assert errors.count("\n") == 1
    assert f"127.0.0.1:{port}" in errors


def test_program_reports_in_one_line_an_invalid_option() -> None:
    with start("--port", "0", "--deny-scope", "tn.crm.bookngs:r") as process:
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors.startswith("No scope tn.crm.bookngs:r: there are tn.acc.apbills:r,")


def test_added_field_is_in_every_record_and_in_the_objects_of_a_list(client: ApiClient) -> None:
    simulator = client.simulator
    before = simulator.records("invoices")

    simulator.add_field("invoices", "later")
    simulator.add_field("invoices", "items.extra")

    after = simulator.records("invoices")
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert new.pop("later").startswith("later ")
        extras = [item.pop("extra") for item in new["items"] or () if item]
        assert all(extra.startswith("extra ") for extra in extras)
        assert new == old, number


def test_added_field_is_on_pages_that_were_served_before(client: ApiClient) -> None:
    assert not any("later" in record for record in client.page()["data"])

    client.simulator.add_field("bookings", "later")

    assert all("later" in record for record in client.page()["data"])


@pytest.mark.parametrize(("kind", "path"), [("export", "export/pets"), ("listing", "pets"), ("unpaged", "pets")])
def test_added_collection_is_served(client: ApiClient, kind: str, path: str) -> None:
    client.simulator.add_collection("pets", api="zoo/v9", path=path, kind=kind, like="bookings")

    data: list[dict[str, Any]] = client.data(f"/zoo/v9/tenant/1001/{path}")

    assert data
    assert all(record in client.simulator.records("pets") for record in data)
    assert {record["id"] for record in data}.isdisjoint(record["id"] for record in client.simulator.records("bookings"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "feed"}, "there are export, listing, unpaged"),
        ({"name": "bookings"}, "already"),
        ({"like": "cats"}, "cats"),
    ],
)
def test_collection_that_cannot_be_added_is_refused(client: ApiClient, change: dict[str, str], message: str) -> None:
    options = {"name": "pets", "api": "zoo/v9", "path": "pets", "kind": "export", "like": "bookings", **change}

    with pytest.raises(ValueError, match=message):
        client.simulator.add_collection(**options)

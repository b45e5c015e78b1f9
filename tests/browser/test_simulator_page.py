"""The simulator's page for people: what it shows, sets and copies."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from helpers.api_client import ApiClient

from tap_servicetitan.endpoints import table
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.api.faults import FaultKind

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.site

Open = Callable[..., "Page"]


@pytest.fixture
def open_simulator(open_at: Open, simulator: Simulator) -> Open:
    return functools.partial(open_at, f"{simulator.url}/")


@pytest.fixture
def client(simulator: Simulator) -> Iterator[ApiClient]:
    with ApiClient(simulator) as client:
        yield client


def rows(page: Page, body: str, number: int | None = None) -> list[list[str]]:
    """Return the texts of a table's cells, once it has so many rows."""
    if number is not None:
        page.wait_for_function(
            "([id, number]) => document.getElementById(id).querySelectorAll('tr > td:nth-child(2)').length === number",
            arg=[body, number],
        )
    texts: list[list[str]] = page.locator(f"#{body} tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return texts


def copied(page: Page, what: str) -> str:
    page.locator(f"[data-copy={what}]").click()
    page.get_by_text("Copied.").wait_for()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_collections_are_shown_with_their_counts(open_simulator: Open, simulator: Simulator) -> None:
    page = open_simulator()

    shown = {row[0]: row for row in rows(page, "collections", len(table.TABLE))}
    assert list(shown) == [endpoint.name for endpoint in table.TABLE]
    newest = simulator.records("bookings")[-1]["modifiedOn"]
    assert shown["bookings"][1:3] == ["60", newest[:19].replace("T", " ")]

    page.get_by_role("searchbox", name="Find").fill("export/bookings")
    assert [row[0] for row in rows(page, "collections", 1)] == ["bookings"]
    assert page.locator("#found").inner_text() == f"1 of {len(table.TABLE)}"


def test_an_hour_passes_by_a_button_that_the_keyboard_reaches(open_simulator: Open, simulator: Simulator) -> None:
    page = open_simulator()
    page.get_by_role("searchbox", name="Find").fill("export/bookings")
    page.get_by_role("button", name="An hour passes").focus()
    page.keyboard.press("Enter")

    page.get_by_text("It is 2026-01-01 01:00:00 UTC now.").wait_for()
    assert page.locator("#now").inner_text() == "2026-01-01 01:00:00 UTC"
    assert rows(page, "collections", 1)[0][1] == "80"
    assert len(simulator.records("bookings")) == 80


def test_requests_appear_with_their_status_while_one_looks(open_simulator: Open, client: ApiClient) -> None:
    page = open_simulator()
    rows(page, "collections", len(table.TABLE))
    assert not page.get_by_label("Show tenant").is_visible()  # There is one tenant.

    client.get()
    client.get("crm/v2/export/nothing")

    newest, before, token = rows(page, "requests", 3)
    assert [row[1] for row in (newest, before, token)] == ["404", "200", "200"]
    assert before[3] == "GET /crm/v2/tenant/1001/export/bookings"
    assert before[2].endswith(" ms")


def test_every_fault_has_a_button_that_sets_it(open_simulator: Open, client: ApiClient) -> None:
    page = open_simulator()
    kinds = page.locator("#kinds button")
    kinds.first.wait_for()
    assert kinds.evaluate_all("all => all.map((one) => one.dataset.kind)") == list(get_args(FaultKind))

    page.get_by_label("Stream").select_option("bookings")
    page.get_by_label("Requests", exact=True).fill("2")
    page.locator("[data-kind=maintenance]").click()

    assert rows(page, "faults", 1) == [["maintenance", "bookings", "any", "2"]]
    assert page.get_by_role("status").inner_text() == "maintenance: the next 2 requests of bookings."
    assert client.get().status_code == 409
    page.get_by_role("button", name="End all faults").click()
    page.get_by_text("All faults are ended.").wait_for()
    assert rows(page, "faults") == [["None: every request is answered as it should be."]]
    assert client.get().status_code == 200


def test_what_the_simulator_refuses_is_said(open_simulator: Open) -> None:
    page = open_simulator()
    page.get_by_label("Requests", exact=True).fill("-1")
    page.locator("[data-kind=error]").click()

    page.locator("#message.bad").wait_for()
    assert page.get_by_role("status").inner_text() == "Expected `int` >= 0 - at `$.times`"


def test_what_is_copied_works(open_simulator: Open, simulator: Simulator) -> None:
    page = open_simulator()

    assert json.loads(copied(page, "config")) == simulator.config
    lines = f"{copied(page, 'curl-token')}\n{copied(page, 'curl-page')}\n"
    done = subprocess.run(["/bin/bash", "-ec", lines], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["data"]) == 20


def test_stories_move_the_page(open_at: Open, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(live=600)
    page = open_at(f"{simulator.url}/")
    rows(page, "collections", len(table.TABLE))
    assert page.get_by_text("600 changes an hour").is_visible()
    page.get_by_role("searchbox", name="Find").fill("export/bookings")
    before = int(rows(page, "collections", 1)[0][1])

    simulator.advance(minutes=30, new=0, changed=0)

    page.wait_for_function("n => Number(document.querySelector('#collections td.number').textContent) > n", arg=before)


def test_tenants_are_shown_one_by_one(open_at: Open, simulate: Callable[..., Simulator]) -> None:
    page = open_at(f"{simulate(tenants=2).url}/")
    page.get_by_label("Show tenant").select_option("1002")
    page.get_by_text("Tenant 1002.").wait_for()

    assert rows(page, "collections")[0][4].startswith("/accounting/v2/tenant/1002/")


def test_an_end_of_the_simulator_is_said(browser: Browser) -> None:
    with Simulator(records=1) as simulator:
        page = browser.new_page()
        page.goto(simulator.url)
        page.locator("#collections tr").first.wait_for()

    page.get_by_text("The simulator does not answer. Is it still running?").wait_for()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_page_is_accessible_and_not_wider_than_the_window(
    open_simulator: Open, client: ApiClient, width: int, scheme: str, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 -- only in the environment of the site

    client.simulator.misbehave("error", stream="bookings", times=2)
    client.get()
    page = open_simulator("", width, scheme)
    rows(page, "collections", len(table.TABLE))
    page.screenshot(path=tmp_path / "page.png", full_page=True)

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_how_to_connect_comes_before_the_faults(open_simulator: Open) -> None:
    page = open_simulator()
    connect, faults = page.get_by_role("region", name="Connect"), page.get_by_role("region", name="Faults", exact=True)

    places = [each.evaluate("each => [each.offsetLeft, each.offsetTop]") for each in (connect, faults)]

    assert places[0][0] == places[1][0]
    assert places[0][1] < places[1][1]


def test_the_option_live_is_not_cut_in_two_at_any_width(open_simulator: Open) -> None:
    page = open_simulator()
    option = page.get_by_text("--live", exact=True)
    cut = []
    for width in range(320, 1300, 10):
        page.set_viewport_size({"width": width, "height": 900})
        if option.evaluate("option => option.getClientRects().length") > 1:
            cut.append(width)

    assert cut == []

"""The stream explorer in a browser: what one finds, picks and copies."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from helpers.support import TAP

from tap_servicetitan.endpoints import table
from tap_servicetitan.explore.request_costs import cost
from tap_servicetitan.explore.select_rules import select
from tap_servicetitan.explore.stream_facts import fields
from tap_servicetitan.tap import TapServiceTitan

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.site

Open = Callable[..., "Page"]


def pick(page: Page) -> None:
    """Tick bookings, leads and three fields of jobs."""
    page.get_by_label("Select bookings", exact=True).check()
    page.get_by_label("Select leads", exact=True).check()
    page.locator("#open-jobs").click()
    for field in ("jobNumber", "customerId", "jobStatus"):
        page.locator(f"#field-jobs-{field}").check()


def copied(page: Page, what: str) -> str:
    page.locator(f"[data-copy={what}]").click()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_search_finds_the_streams_that_have_a_field(open_page: Open) -> None:
    page = open_page("explorer/")
    page.get_by_role("searchbox").fill("jobid")

    shown = set(page.locator(".stream .name").all_inner_texts())
    paths = {
        endpoint.name: [each.path for field in fields(endpoint) for each in field.walk()] for endpoint in table.TABLE
    }
    assert shown == {name for name, all_paths in paths.items() if any("jobid" in path.lower() for path in all_paths)}
    assert len(shown) > 20
    assert "jobId integer → jobs" in page.locator("#stream-bookings").inner_text()


def test_all_streams_are_there(open_page: Open) -> None:
    assert open_page("explorer/").locator(".stream .name").all_inner_texts() == [each.name for each in table.TABLE]


def meltano_select(meltano: Path, folder: Path, block: str) -> dict[str, set[str]]:
    """Return what `meltano select --list` takes from a project with a block of rules: fields by stream."""
    head = "plugins:\n  extractors:\n  - name: tap-servicetitan\n    namespace: tap_servicetitan\n"
    text = f"version: 1\nproject_id: picked\nsend_anonymous_usage_stats: false\n{head}"
    text += f"    executable: {TAP}\n    capabilities: [catalog, discover, state]\n{block}"
    (folder / "meltano.yml").write_text(text)
    done = subprocess.run(
        [meltano, "select", "tap-servicetitan", "--list"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, set[str]] = {}
    for stream, field in re.findall(r"\[(?:selected|automatic) *\] (\w+)\.(\S+)", done.stdout):
        found.setdefault(stream, set()).add(field)
    return found


def catalog_select(rules: str) -> dict[str, set[str]]:
    """Return what `--discover --select` takes: fields by stream."""
    catalog: dict[str, Any] = json.loads(select(TapServiceTitan(validate_config=False).catalog_json_text, rules))
    found: dict[str, set[str]] = {}
    for entry in catalog["streams"]:
        items = {".".join(each["breadcrumb"][1::2]): each["metadata"] for each in entry["metadata"]}
        if items.pop("")["selected"]:
            found[entry["tap_stream_id"]] = {
                path
                for path, metadata in items.items()
                if metadata.get("selected") or metadata["inclusion"] == "automatic"
            }
    return found


def test_what_is_copied_selects_the_same_in_meltano_and_without_it(
    open_page: Open, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    page = open_page("explorer/")
    pick(page)
    (rules,) = re.findall(r"--select '([^']*)'", copied(page, "command"))

    without_meltano = catalog_select(rules)
    with_meltano = meltano_select(
        pytestconfig.rootpath / ".venv-meltano" / "bin" / "meltano", tmp_path, copied(page, "meltano")
    )

    assert set(without_meltano) == {"bookings", "jobs", "leads"}
    assert without_meltano["jobs"] == {"tenant_id", "id", "modifiedOn", "jobNumber", "customerId", "jobStatus"}
    assert with_meltano == without_meltano
    assert copied(page, "scopes").split() == ["tn.crm.bookings:r", "tn.crm.leads:r", "tn.jpm.jobs:r"]


@pytest.mark.parametrize("project", ["meltano.yml", "examples/meltano.yml"])
def test_what_is_copied_fits_into_the_meltano_yml_of_a_checkout(
    open_page: Open, pytestconfig: pytest.Config, project: str
) -> None:
    page = open_page("explorer/")
    pick(page)
    (rules,) = re.findall(r"--select '([^']*)'", copied(page, "command"))
    text = (pytestconfig.rootpath / project).read_text()

    pasted, places = re.subn(r"(?m)^ +select:.*\n( +- .*\n)*", copied(page, "meltano"), text)

    assert places == 1
    (tap,) = yaml.safe_load(pasted)["plugins"]["extractors"]
    assert tap["select"] == rules.split(",")


@pytest.mark.parametrize(("rows", "days"), [(0, 1), (10_000, 365), (123_456, 31)])
def test_the_page_estimates_the_requests_that_the_tap_estimates(open_page: Open, rows: int, days: int) -> None:
    page = open_page("explorer/")
    script = "([rows, days]) => data.streams.map((s) => [firstRun(s.cost, rows, days), laterRun(s.cost, rows, days)])"

    costs = [cost(endpoint) for endpoint in table.TABLE]
    expected = [[each.first_run(rows, days), each.later_run(rows, days)] for each in costs]
    assert page.evaluate(script, [rows, days]) == expected


def test_the_address_holds_the_choice(open_page: Open) -> None:
    page = open_page("explorer/")
    pick(page)
    page.get_by_role("searchbox").fill("customerId")
    before = page.locator("#meltano").inner_text()
    fragment = page.evaluate("location.hash")

    again = open_page(f"explorer/{fragment}")

    assert again.locator("#meltano").inner_text() == before
    assert again.get_by_role("searchbox").input_value() == "customerId"
    assert again.locator("#open-jobs").get_attribute("aria-expanded") == "true"


def test_on_a_phone_a_button_leads_to_the_selection_and_keeps_the_address(open_page: Open) -> None:
    page = open_page("explorer/#s=bookings", 390)
    page.locator("#jump").click()
    page.locator("#jump").wait_for(state="hidden")

    assert page.locator("#count").inner_text() == "1 stream"
    assert page.evaluate("location.hash") == "#s=bookings"


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page("explorer/")
    page.keyboard.press("/")
    page.keyboard.type("appointment_assignments")
    page.locator("#tick-appointment_assignments").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert "- appointment_assignments.*" in page.locator("#meltano").inner_text()
    assert page.locator("#detail-appointment_assignments").is_visible()


def test_a_stream_in_a_picture_opens_it(open_page: Open) -> None:
    page = open_page("explorer/")
    for area in page.locator("#areas button").all():
        area.click()
        names = page.locator("#map .node").evaluate_all("nodes => nodes.map((node) => node.id.slice(5))")
        assert len(names) > 10
        assert page.locator("#map .edge").count() >= len(names) - 4
    page.locator("#areas button", has_text="Memberships").click()
    page.locator("#map #node-memberships_export a").click()

    assert page.locator("#detail-memberships_export").is_visible()

"""All pages of the site in a browser: links, accessibility, size, search; and nothing from another host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag

import pytest
import yaml

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.site

Open = Callable[..., "Page"]

PAGES = ("", "explorer/#map=Jobs&open=jobs&s=bookings,jobs(customerId)", "STREAMS/", "docs/data/")

LINKS = """() => [...document.querySelectorAll("a[href]")].map((a) => a.href.animVal ?? a.href).filter(Boolean)"""
IDS = """() => [...document.querySelectorAll("[id], [name]")].flatMap((one) => [one.id, one.getAttribute("name")])"""


def test_links_lead_to_pages_and_headings_that_exist(open_page: Open, site: str) -> None:
    page = open_page()
    ids: dict[str, set[str]] = {}
    links: set[str] = set()
    waiting = [site]
    while waiting:
        address = waiting.pop()
        answer = page.goto(address)
        assert answer is not None
        assert answer.ok, address
        ids[address] = set(page.evaluate(IDS))
        for link in page.evaluate(LINKS):
            target = urldefrag(link)[0]
            if not link.startswith(site):
                continue
            links.add(link)
            if target not in ids and target not in waiting:
                waiting.append(target)

    assert len(ids) > 15
    explorer = f"{site}explorer/"
    missing = [
        link
        for link in sorted(links)
        for target, fragment in [urldefrag(link)]
        if fragment and "=" not in fragment and unquote(fragment) not in ids[target] and target != explorer
    ]
    assert missing == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_accessible_and_not_wider_than_the_window(
    open_page: Open, path: str, width: int, scheme: str, record: Callable[[str, Any], None]
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 -- only in the environment of the site

    page = open_page(path, width, scheme)
    found = Axe().run(page).response["violations"]
    record("axe", found)

    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_page_leads_to_the_explorer(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("article").get_by_role("link", name="stream explorer").click()

    page.get_by_role("heading", name="Stream explorer").wait_for()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("docs/settings/", "--config=ENV"),
        ("STREAMS/", "tn.acc.bankdeposits:r"),
        ("explorer/", "expense_transactions_custom_fields"),
    ],
)
def test_names_are_not_cut_in_two_on_a_phone(open_page: Open, path: str, name: str) -> None:
    shown = open_page(path, 390).get_by_text(name, exact=True).first
    shown.wait_for()
    if name.startswith("--"):
        shown.and_(shown.page.locator(".whole")).wait_for()

    assert shown.evaluate("shown => shown.getClientRects().length") == 1
    assert shown.evaluate("shown => shown.offsetHeight") < 30


def test_the_search_finds_a_page(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.get_by_role("combobox", name="Search").fill("continuation token")

    page.get_by_text("results").wait_for(timeout=10_000)
    assert page.get_by_text("The journey of a page").is_visible()


def test_the_explorer_is_small_and_one_file(folder: Path, open_page: Open) -> None:
    requested: list[str] = []
    page = open_page("explorer/")
    page.on("request", lambda request: requested.append(request.url))
    page.reload()

    assert [url for url in requested if not url.startswith("data:")] == [page.url]
    assert (folder / "explorer" / "index.html").stat().st_size < 1_500_000


def test_every_document_is_in_the_navigation(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    listed = set(str(yaml.safe_load((root / "mkdocs.yml").read_text())["nav"]).replace("'", " ").split())
    assert [file.name for file in sorted(root.glob("docs/*.md")) if f"docs/{file.name}" not in listed] == []

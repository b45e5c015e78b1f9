"""The built site on localhost, and a headless Chromium that may request nothing else."""

from __future__ import annotations

import functools
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
"""Options without which Chromium requests pages of its own."""

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")

foreign: list[str] = []
"""Every request of a test that left the site."""


class Handler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name in the standard library
        pass


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    built = pytestconfig.rootpath / "build" / "site"
    assert built.is_dir(), "Run `make docs` first."
    return built


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[str]:
    """The address of the built site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- only in the environment of the site

    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    assert path, f"No Chromium is installed: one of {', '.join(CHROMIUMS)} must be on the PATH."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIET.split())
        yield started
        started.close()


@pytest.fixture
def open_page(open_at: Callable[..., Page], site: str) -> Callable[..., Page]:
    """Open a page of the site."""
    return functools.partial(open_at, site)


@pytest.fixture
def open_at(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page of a site; after the test, it must have requested nothing else and logged no error."""
    contexts, problems = [], []

    def opened(site: str, path: str = "", width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        context.on("request", lambda request: _check(request.url, site))
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(site + path)
        return page

    before = len(foreign)
    yield opened
    for context in contexts:
        context.close()
    assert (foreign[before:], problems) == ([], [])


def _check(url: str, site: str) -> None:
    if not url.startswith((site, "data:", "blob:")):
        foreign.append(url)


_findings: dict[str, list[Any]] = {}


@pytest.fixture
def record() -> Callable[[str, list[Any]], None]:
    """Keep findings for the summary."""
    return lambda name, found: _findings.setdefault(name, []).extend(found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    page = config.rootpath / "build" / "site" / "explorer" / "index.html"
    if "axe" in _findings and page.exists():
        impacts = Counter(str(each["impact"]) for each in _findings["axe"])
        terminalreporter.write_line(
            f"Explorer: {page.stat().st_size:,} bytes. Requests to other hosts: {len(foreign)}. "
            f"Findings of axe: {dict(impacts) or 'none'}."
        )
        for text in sorted({f"  {each['impact']}: {each['id']}, {each['help']}" for each in _findings["axe"]}):
            terminalreporter.write_line(text)

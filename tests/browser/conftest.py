"""A real server with two years of data, and the system's Chromium looking at it.

Not pytest-playwright's own fixtures: they keep Playwright's event loop running for the whole session, and no async test
could run after them in the same process. These end with their module.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, ViewportSize, sync_playwright
from pydantic import SecretStr

from app.db import Database, open_database
from app.main import create_app
from app.settings import Settings
from tests.browser.data import fill
from tests.conftest import NOW
from tests.requirements import need_program

DESKTOP = ViewportSize(width=1180, height=900)
ADMIN_TOKEN = "an-admin-token-for-tests"
_FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with `tests.browser.data` in it."""
    path = tmp_path_factory.mktemp("browser") / "filled.db"
    shutil.copy(sqlite_template, path)
    with ThreadPoolExecutor(1) as pool:  # a thread has no running event loop, whatever runs here
        pool.submit(asyncio.run, fill(f"sqlite:///{path}", NOW)).result()
    return path


@pytest.fixture(scope="module")
def address(filled: Path) -> Iterator[str]:
    """Where uvicorn serves the application on a free loopback port."""
    database = open_database(f"sqlite:///{filled}")
    token, key = SecretStr(ADMIN_TOKEN), SecretStr("a-secret-key-for-tests")
    settings = Settings(_env_file=None, admin_token=token, secret_key=key, demo=True)
    app = create_app(settings, database, clock=lambda: NOW)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=asyncio.run, args=(_serve(server, database),), name="uvicorn")
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(10)


async def _serve(server: uvicorn.Server, database: Database) -> None:
    """The server's whole life in one loop, which the database's connections belong to."""
    try:
        await server.serve()
    finally:
        await database.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window and without its own errands on the network."""
    need_program("chromium")
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield launched
        launched.close()


@dataclass
class Tab:
    """A page that was watched: `errors` are console errors, script errors and requests to elsewhere."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a path of ours."""
        self.page.goto(self.address + path)
        return self.page


Open = Callable[..., Tab]


@pytest.fixture
def new_tab(browser: Browser, address: str) -> Iterator[Open]:
    """Make tabs with options of Playwright's contexts; at the end none may have seen an error."""
    opened: list[tuple[BrowserContext, Tab]] = []

    def make(**options: object) -> Tab:
        context = browser.new_context(reduced_motion="reduce", **options)  # type: ignore[arg-type]  # passed through
        tab = Tab(context.new_page(), address)
        _watch(context, tab)
        opened.append((context, tab))
        return tab

    yield make
    for context, _ in opened:
        context.close()
    assert [error for _, tab in opened for error in tab.errors] == []


@pytest.fixture(scope="module")
def kept_tab(browser: Browser, address: str) -> Iterator[Tab]:
    """One tab for many tests: a context of its own for each takes as long as the test."""
    context = browser.new_context(reduced_motion="reduce")
    tab = Tab(context.new_page(), address)
    _watch(context, tab)
    yield tab
    context.close()


@pytest.fixture
def tab(kept_tab: Tab) -> Iterator[Tab]:
    """A tab of a desktop in a light theme that remembers nothing; at the end it may not have seen an error."""
    page = kept_tab.page
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light")
    page.mouse.move(0, 0)
    page.context.clear_cookies()
    if page.url.startswith(kept_tab.address):
        page.evaluate("localStorage.clear()")
    kept_tab.errors.clear()
    yield kept_tab
    assert kept_tab.errors == []


def _watch(context: BrowserContext, tab: Tab) -> None:
    def only_ours(route: Route) -> None:
        if route.request.url.startswith(tab.address):
            route.continue_()
            return
        tab.errors.append(f"asked for {route.request.url}")
        route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            tab.errors.append(f"{message.type}: {message.text}")

    context.route("**/*", only_ours)
    tab.page.on("console", heard)
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))

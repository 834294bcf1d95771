"""Fixtures of the browser tests: they share one running Grux and one Chromium."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.browser_fixture import BrowserTab
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack, quiet, running

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INVITE = "https://discord.gg/example"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests, with the reason, if there is no Chromium."""
    if CHROMIUM is None:
        missing = pytest.mark.skip(reason=f"no Chromium on the PATH ({', '.join(NAMES)})")
        for item in items:
            if "tests/browser/" in item.path.as_posix():
                item.add_marker(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """All services, with 80 simulated users whose presence only the tests change."""
    settings = {"PROFILE_SOURCE": "upstream", "DISCORD_INVITE": INVITE, "EXAMPLE_USERS": ROBIN}
    async with running(quiet(members=80), ("api", "ws", "gateway", "cards"), env=settings) as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(stack: Stack, site: Site, browser: Browser) -> AsyncIterator[BrowserTab]:
    """A tab in a browser profile of its own, in which no error may occur."""
    stack.simulator.world.set_presence(ROBIN, "online", [], {"desktop": "online"})
    async with BrowserTab.open(stack, site, browser) as tab:
        yield tab
        # Before the tab is closed: that aborts requests.
        assert tab.errors == []
        assert tab.foreign_requests == []

"""Fixtures of the browser's tests: one running Grux and one Chromium for all of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.browser_fixture import Visitor
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
    """A machine without Chromium says so, and runs the rest."""
    if CHROMIUM is None:
        missing = pytest.mark.skip(reason=f"no Chromium on the PATH ({', '.join(NAMES)})")
        for item in items:
            if "tests/browser/" in item.path.as_posix():
                item.add_marker(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """All parts, as they run; 80 people, of whom none does anything by themselves."""
    settings = {"PROFILE_SOURCE": "upstream", "DISCORD_INVITE": INVITE, "EXAMPLE_USERS": ROBIN}
    async with running(quiet(members=80), env=settings) as stack:
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
async def visitor(stack: Stack, site: Site, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody with a browser of their own, in which nothing may go wrong."""
    stack.simulator.world.set_presence(ROBIN, "online", [], {"desktop": "online"})
    async with Visitor.comes(stack, site, browser) as visitor:
        yield visitor
        # Before the tab is closed: what that cuts off is nobody's fault.
        assert visitor.complaints == []
        assert visitor.strangers == []

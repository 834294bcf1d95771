"""Nothing moves while the start page loads."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Route

from tests.browser.browser_fixture import BrowserTab
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHIFTS = """() => new Promise((resolve) => new PerformanceObserver((list) => resolve(
  list.getEntries().reduce((sum, entry) => sum + (entry.hadRecentInput ? 0 : entry.value), 0)
)).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => resolve(0), 500))"""


async def test_nothing_moves_while_the_page_loads(
    stack: Stack, site: Site, browser: Browser
) -> None:
    """On a phone, where the card is below the names of five examples."""
    users = [person.user for person in stack.simulator.world.people.values() if not person.user.bot]
    ids = " ".join([ROBIN, *(user.id for user in users if user.id != ROBIN)][:5])

    async def with_five_examples(route: Route) -> None:
        answer = await route.fetch()
        text = await answer.text()
        body = text.replace(f'data-examples="{ROBIN}"', f'data-examples="{ids}"')
        await route.fulfill(response=answer, body=body)

    async with BrowserTab.open(stack, site, browser, width=390, height=844) as tab:
        await tab.page.route(f"{tab.api}/?five", with_five_examples)
        await tab.goto("/?five")
        await tab.until("() => document.querySelectorAll('#people .dot[data-status]').length === 5")
        await tab.wait_for_text("Robin")
        assert await tab.page.evaluate(SHIFTS) < 0.05

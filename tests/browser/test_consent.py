"""The simulator's consent page, which a demo shows first."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser

from tests.browser.accessibility import violations
from tests.e2e.stack import Stack
from tests.simulator.browser import QUERY

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_consent_page_is_for_everybody(stack: Stack, browser: Browser) -> None:
    """axe finds nothing in either colour scheme, and nothing is wider than a phone."""
    url = f"{stack.simulator.authorize_url}?{urlencode(QUERY)}"
    for is_dark, width in ((False, 1280), (True, 320)):
        page = await browser.new_page(
            color_scheme="dark" if is_dark else "light",
            viewport={"width": width, "height": 800},
        )
        await page.goto(url)
        assert await violations(page) == ""
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.get_by_role("button", name="Authorise as Robin").is_visible()
        await page.close()

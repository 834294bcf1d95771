"""The documents at /docs and /docs/websocket, as a reader clicks through them."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from playwright.async_api import Browser

from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_request_is_made_from_the_page(tab: BrowserTab) -> None:
    """Filled in, sent to this very server, and answered with a presence."""
    await tab.goto("/docs")
    form = tab.page.get_by_role("form", name="Try getUser", exact=True)
    await form.get_by_label("user_id").fill(ROBIN)
    await form.get_by_role("button", name="Send").click()
    answer = tab.page.locator(".answer")
    await tab.wait_for_text(f"GET {tab.api}/user/{ROBIN}", answer)
    await tab.wait_for_text("200 OK", answer)
    body = msgspec.json.decode(await answer.locator("pre").inner_text())
    assert body["data"]["profile"]["id"] == ROBIN


@pytest.mark.parametrize(
    ("operation", "query"),
    [("getCard", "theme=light"), ("getAvatarAsPng", "size=64"), ("getBadge", "")],
)
async def test_a_picture_is_shown_on_the_page(tab: BrowserTab, operation: str, query: str) -> None:
    """A card, an avatar that is a redirect to the CDN, and a badge."""
    await tab.goto("/docs")
    form = tab.page.get_by_role("form", name=f"Try {operation}", exact=True)
    await form.locator("input").first.fill(ROBIN)
    if query:
        await form.get_by_label("query").fill(query)
    await form.get_by_role("button", name="Send").click()
    source = await tab.until("() => document.querySelector('.answer img')?.src")
    assert source.endswith(f"?{query}" if query else ".svg")
    await tab.until("() => document.querySelector('.answer img').naturalWidth > 0")


@pytest.mark.parametrize(
    "path",
    ["/docs", "/docs/websocket", "/privacy", "/docs/guides", "/docs/card", "/docs/failures"],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_are_accessible(
    stack: Stack, site: Site, browser: Browser, path: str, scheme: Literal["light", "dark"]
) -> None:
    """axe finds nothing, on a phone and on a desktop; and nothing is wider than the screen."""
    for width in (360, 1280):
        async with BrowserTab.open(stack, site, browser, width=width, scheme=scheme) as tab:
            await tab.goto(path)
            assert await violations(tab.page) == ""
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert await tab.page.evaluate(wide) is False
            assert tab.errors == []


async def test_the_theme_is_that_of_the_start_page(tab: BrowserTab) -> None:
    """A choice that was made there holds here."""
    await tab.goto("/")
    await tab.page.get_by_role("button", name="Dark theme").click()
    await tab.goto("/docs")
    assert await tab.page.evaluate("document.documentElement.dataset.theme") == "dark"
    await tab.page.get_by_role("button", name="Dark theme").click()
    assert await tab.page.evaluate("document.documentElement.dataset.theme") == "light"


async def test_the_sockets_frames(tab: BrowserTab) -> None:
    """Each message of /asyncapi.json has its name and an example on the page."""
    await tab.goto("/docs/websocket")
    answer = await tab.page.request.get(f"{tab.api}/asyncapi.json")
    messages = (await answer.json())["components"]["messages"]
    assert messages
    await tab.wait_for_text("Grux", tab.page.locator("body"))
    text = await tab.page.locator("body").inner_text()
    for name in messages:
        assert name in text


async def test_the_guides(tab: BrowserTab) -> None:
    """From the start page to a guide, its pictures, another guide, and its Markdown."""
    await tab.goto("/docs")
    await tab.page.get_by_role("link", name="Guides").click()
    await tab.page.get_by_role("link", name="Cards, badges and avatars").click()
    assert tab.page.url == f"{tab.api}/docs/card"
    await tab.until("() => [...document.images].every(({ naturalWidth }) => naturalWidth > 0)")
    await tab.page.get_by_role("link", name="widget", exact=True).first.click()
    assert tab.page.url == f"{tab.api}/docs/widget"
    await tab.page.get_by_role("link", name="widget.md").click()
    assert await tab.page.evaluate("() => document.contentType") == "text/markdown"

"""/u/:id in a browser."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest

from testing.eventually import eventually_async
from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import GAME, show
from tests.browser.test_page import UNKNOWN_ID
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_of_a_person_is_live(tab: BrowserTab) -> None:
    """The name, the card, and links to more, for all readers."""
    show(tab, "online", GAME)
    await tab.goto(f"/u/{ROBIN}")
    await tab.wait_for_text("Starfall Arena")
    heading = tab.page.get_by_role("heading", level=1)
    assert await heading.text_content() == "Robin"
    assert await tab.page.title() == "Grux: Robin"
    show(tab, "dnd")
    await tab.wait_for_text("Do not disturb")
    assert await violations(tab.page) == ""
    await tab.page.get_by_role("link", name="Put this on your site").click()
    await tab.wait_for_text("Robin")
    assert tab.page.url == f"{tab.api}/?user={ROBIN}"
    await tab.page.get_by_role("link", name="Page to share").click()
    await tab.wait_for_text("Robin")
    assert tab.page.url == f"{tab.api}/u/{ROBIN}"


async def test_its_preview_is_the_card(tab: BrowserTab) -> None:
    """The address in og:image is that of a picture."""
    await tab.goto(f"/u/{ROBIN}")
    content = await tab.page.locator("meta[property='og:image']").get_attribute("content")

    async def is_a_card() -> bool:
        picture = await tab.page.request.get(urljoin(tab.page.url, content or ""))
        if picture.status == 503 or "x-grux-problem" in picture.headers:
            return False  # a busy machine
        assert picture.headers["content-type"] == "image/png"
        return (await picture.body()).startswith(b"\x89PNG\r\n")

    await eventually_async(is_a_card)


async def test_somebody_who_is_not_shown(tab: BrowserTab) -> None:
    """The card says what to do."""
    tab.allow_errors("status of 404")
    await tab.goto(f"/u/{UNKNOWN_ID}")
    await tab.wait_for_text("Not monitored")
    heading = tab.page.get_by_role("heading", level=1)
    assert await heading.text_content() == "Discord presence"

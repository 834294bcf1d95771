"""The page at / says why nobody is shown, or little."""

from __future__ import annotations

import re

import pytest

from tests.browser.browser_fixture import BrowserTab
from tests.browser.conftest import INVITE
from tests.browser.demo_user import GAME, show
from tests.browser.test_page import UNKNOWN_ID

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("robin", "This looks like a username."),
        ("", "Type a Discord id first"),
        ("123", "This is too short for an id."),
        ("discord.gg/example", "This is an invitation to a server."),
        ("<b>1274150219482660897</b>", "This is an address, not an id"),
    ],
)
async def test_an_invalid_id(tab: BrowserTab, typed: str, said: str) -> None:
    """What it is, beside the input and for screen readers; the typed text stays."""
    await tab.goto()
    await tab.wait_for_text("Robin")
    input_field = tab.page.get_by_label("Discord user id")
    await input_field.fill(typed)
    await tab.page.keyboard.press("Enter")
    hint = tab.page.locator("#hint")
    await tab.wait_for_text(re.compile("Copy User ID"), hint)
    await tab.wait_for_text(re.compile(re.escape(said)), hint)
    assert await input_field.get_attribute("aria-invalid") == "true"
    assert await input_field.input_value() == typed
    assert await tab.page.locator("#announce").inner_text()
    assert await tab.page.evaluate("() => document.activeElement.id") == "user"


async def test_it_says_why_a_card_is_empty(tab: BrowserTab) -> None:
    """On request for a user without activities, and at once for one who is not shown."""
    why = tab.page.locator("#why")
    show(tab, "online")
    await tab.goto()
    await tab.wait_for_text("Why is no activity shown?", why)
    await why.locator("summary").click()
    await tab.wait_for_text(re.compile("Discord shares activities server by server"), why)
    show(tab, "dnd", GAME)
    await tab.until("() => document.querySelector('#why').dataset.question === ''")
    assert not await why.is_visible()
    show(tab, "offline")
    await tab.wait_for_text("Why is this user shown as offline?", why)
    await tab.goto(f"/?user={UNKNOWN_ID}")
    await tab.wait_for_text(re.compile("Grux shows nobody with this id"), why)
    assert INVITE in await why.inner_text()

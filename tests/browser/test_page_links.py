"""What is accepted as an id, in the field and after ?user= in a link."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browser.browser_fixture import BrowserTab
from tests.browser.test_page import TABS, UNKNOWN_ID, another
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    "form",
    ["{}", " {} ", "<@{}>", "<@!{}>", "https://discord.com/users/{}", "discord://-/users/{}/"],
)
async def test_every_form_of_an_id(tab: BrowserTab, form: str) -> None:
    """What one copies in Discord: an id, a mention, the URL of a profile."""
    await tab.goto(f"/?user={UNKNOWN_ID}")
    await tab.wait_for_text("Not monitored")
    await tab.page.get_by_label("Discord user id").fill(form.format(ROBIN))
    await tab.page.keyboard.press("Enter")
    await tab.wait_for_text("Robin")


@pytest.mark.parametrize(
    "text", ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "robin", "1" * 20]
)
async def test_a_shared_url_that_is_no_id(tab: BrowserTab, text: str) -> None:
    """The value of ?user= is shown in the field, with an error. Card and code show an example."""
    await tab.goto(f"/?user={quote(text)}")
    await tab.until("() => document.querySelector('#hint').dataset.wrong === 'true'")
    await tab.wait_for_text("Robin")
    assert await tab.page.get_by_label("Discord user id").input_value() == text
    assert await tab.page.locator("#json").get_attribute("href") == f"user/{ROBIN}"
    assert await tab.page.locator("#share").get_attribute("href") == f"u/{ROBIN}"
    for name in TABS:
        await tab.page.get_by_role("tab", name=name).click()
        code = await tab.page.locator("#code").text_content()
        assert text not in str(code)
        assert ROBIN in str(code)
    assert await tab.page.locator("main :is(img[src=x], script)").count() == 0


async def test_a_shared_url_may_have_a_mention(tab: BrowserTab) -> None:
    """Whatever the field takes."""
    other = another(tab)
    await tab.goto(f"/?user={quote(f'<@{other}>')}")
    await tab.until("(id) => document.querySelector('#card').data?.profile.id === id", other)

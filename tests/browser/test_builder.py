"""The builder on the page at /: options, a live preview, code to copy, and an address to share."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.accessibility import violations
from tests.browser.browser_fixture import PATIENCE_MS, BrowserTab
from tests.browser.demo_user import GAME, show, song
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE = """() => {
  const address = document.querySelector("#preview img")?.getAttribute("src");
  return address?.replace(/[?&]at=[0-9]+$/, "");
}"""


async def code_is(tab: BrowserTab, code: str | re.Pattern[str]) -> None:
    await expect(tab.page.locator("#code")).to_have_text(code, timeout=PATIENCE_MS)


async def test_a_card_is_built(tab: BrowserTab) -> None:
    """Picture and code follow the options; each step back undoes one of them."""
    page = tab.page
    await tab.goto(f"/?user={ROBIN}")
    await tab.wait_for_text("Robin")
    await page.get_by_role("tab", name="Card").click()
    await page.get_by_text("Options and preview").click()
    await tab.until(f"() => ({PICTURE})() === 'card/{ROBIN}.svg'")
    await page.locator("#card-theme").select_option("light")
    await page.get_by_role("checkbox", name="Badges").check()
    wanted = f"card/{ROBIN}.svg?theme=light&hideBadges=true"
    await tab.until("(path) => (" + PICTURE + ")() === path", wanted)
    await tab.until("() => document.querySelector('#preview img').naturalWidth > 0")
    link = f"https://discord.com/users/{ROBIN}"
    await code_is(tab, f"[![Discord presence]({tab.api}/{wanted})]({link})")
    assert page.url == f"{tab.api}/?user={ROBIN}&make=card&theme=light&hideBadges=true"
    await page.get_by_role("radio", name="URL").check()
    await code_is(tab, f"{tab.api}/{wanted}")
    for code in (wanted, wanted.partition("&")[0], f"card/{ROBIN}.svg"):
        await page.go_back()
        await code_is(tab, f"[![Discord presence]({tab.api}/{code})]({link})")
    assert await page.locator("#card-theme").input_value() == "dark"
    await page.go_back()
    await code_is(tab, re.compile("<grux-presence"))
    await tab.wait_for_text("Robin")
    assert await page.locator("#stage").get_attribute("data-status") == "online"


async def test_what_plays_is_built(tab: BrowserTab) -> None:
    """Its picture takes the options of a card that apply to it."""
    show(tab, "online", song())
    await tab.goto(f"/?user={ROBIN}&make=now-playing&theme=light&nameplate=true&lang=de")
    wanted = f"now-playing/{ROBIN}.svg?theme=light&lang=de"
    await tab.until("(path) => (" + PICTURE + ")() === path", wanted)
    await code_is(tab, re.compile(re.escape(f"({tab.api}/{wanted})")))


async def test_an_address_is_shared(tab: BrowserTab) -> None:
    """It opens with the same options, and survives a reload."""
    await tab.goto(f"/?user={ROBIN}&make=badge&as=html&show=spotify&label=&style=flat-square")
    show(tab, "online", song())
    wanted = f"{tab.api}/badge/{ROBIN}.svg?show=spotify&label=&style=flat-square"
    escaped = wanted.replace("&", "&amp;")
    code = (
        f'<a href="https://discord.com/users/{ROBIN}"><img src="{escaped}"'
        ' alt="Discord presence"></a>'
    )
    await code_is(tab, code)
    assert await tab.page.get_by_label("Left half").input_value() == ""
    await tab.page.get_by_role("button", name="Reset").click()
    assert tab.page.url == f"{tab.api}/?user={ROBIN}&make=badge&as=html"
    await tab.page.reload()
    await code_is(tab, code.replace(escaped, f"{tab.api}/badge/{ROBIN}.svg"))


async def test_another_user_with_the_same_options(tab: BrowserTab) -> None:
    """Whoever is typed next gets the code that was built."""
    other = next(id for id in sorted(tab.stack.member_ids()) if id != ROBIN)
    await tab.goto(f"/?user={other}&make=overlay&theme=midnight")
    await code_is(tab, f"{tab.api}/overlay/{other}?theme=midnight")
    await tab.page.locator("#people a").click()
    await code_is(tab, f"{tab.api}/overlay/{ROBIN}?theme=midnight")
    assert tab.page.url == f"{tab.api}/?user={ROBIN}&make=overlay&theme=midnight"


async def test_the_widget_is_live(tab: BrowserTab) -> None:
    """The preview is a widget with the chosen attributes, over the socket that is there already."""
    await tab.goto(f"/?user={ROBIN}&make=widget&theme=dark&hide=clan,badges")
    preview = tab.page.locator("#preview grux-presence")
    await tab.wait_for_text("Robin", preview)
    show(tab, "dnd", GAME)
    await tab.wait_for_text("Starfall Arena", preview)
    assert await preview.get_attribute("theme") == "dark"
    assert await preview.get_attribute("hide") == "clan badges"
    assert await preview.locator("[part~=clan]").count() == 0
    assert len(tab.sockets) == 1


async def test_pictures_are_live(tab: BrowserTab) -> None:
    """As the widget is, over the same socket: each is loaded again when the presence changes."""
    await tab.goto(f"/?user={ROBIN}&make=badge&as=url&style=flat-square")
    width = "document.querySelector('#preview img')?.naturalWidth"
    await tab.until(f"() => {width} < 110")  # "online", also where the test before said otherwise
    show(tab, "dnd")
    await tab.until(f"() => {width} > 130")  # "do not disturb"
    assert await tab.page.evaluate(PICTURE) == f"badge/{ROBIN}.svg?style=flat-square"
    await code_is(tab, f"{tab.api}/badge/{ROBIN}.svg?style=flat-square")
    await tab.page.get_by_role("tab", name="Now playing").click()
    await tab.until(f"() => ({PICTURE})() === 'now-playing/{ROBIN}.svg'")
    source = "document.querySelector('#preview img').getAttribute('src')"
    before = await tab.page.evaluate(f"() => {source}")
    show(tab, "online", song())
    await tab.until(f"(before) => {source} !== before", before)
    assert len(tab.sockets) == 1


async def test_invalid_text(tab: BrowserTab) -> None:
    """It stays in its field, and is in neither code nor picture. A chosen colour replaces it."""
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    await tab.goto(f"/?user={ROBIN}&make=card&bg={hostile}&width=9999&accent=5865f2")
    wanted = f"card/{ROBIN}.svg?accent=5865f2"
    await tab.until("(path) => (" + PICTURE + ")() === path", wanted)
    await code_is(tab, re.compile(re.escape(f"({tab.api}/{wanted})")))
    background = tab.page.locator("#card-bg")
    assert await background.input_value() == '"><script>alert(1)</script>'
    assert not await background.evaluate("(field) => field.validity.valid")
    await background.locator("+ input[type=color]").fill("#0d1117")
    await code_is(tab, re.compile(r"\?bg=0d1117&accent=5865f2\)"))


async def test_a_picture_that_fails(tab: BrowserTab) -> None:
    """The preview says so, and the next option loads it."""
    tab.allow_errors("ERR_FAILED")
    await tab.page.route("**/card/**", lambda route: route.abort())
    await tab.goto(f"/?user={ROBIN}&make=card&theme=light")
    await tab.wait_for_text(re.compile("cannot be loaded"), tab.page.locator("#preview"))
    await tab.page.unroute_all()
    await tab.page.locator("#card-theme").select_option("auto")
    await tab.until("(path) => (" + PICTURE + ")() === path", f"card/{ROBIN}.svg?theme=auto")


async def test_by_keyboard(tab: BrowserTab) -> None:
    """From the tabs to the first option, without a mouse."""
    await tab.goto(f"/?user={ROBIN}")
    await tab.wait_for_text("Robin")
    await tab.page.get_by_role("tab", name="Widget").focus()
    keys = tab.page.keyboard
    await keys.press("ArrowRight")  # the card
    for stop in ("json", "share", "pre", "copy", "forms", "summary"):
        await keys.press("Tab")
        focused = "() => document.activeElement.id || document.activeElement.name || "
        focused += "document.activeElement.localName"
        found = await tab.page.evaluate(focused)
        assert found == {"forms": "form"}.get(stop, stop)
    await keys.press("Enter")
    await tab.until(f"() => ({PICTURE})() === 'card/{ROBIN}.svg'")
    await keys.press("Tab")
    await keys.press("End")
    assert await tab.page.locator("#card-file").input_value() == "png"
    await code_is(tab, re.compile(rf"/card/{ROBIN}\.png"))


@pytest.mark.parametrize(
    ("kind", "scheme"), [("widget", "dark"), ("card", "light"), ("card", "dark")]
)
async def test_fits_and_is_accessible(tab: BrowserTab, kind: str, scheme: str) -> None:
    """Opened, on a desktop and on a phone: axe finds nothing, and nothing scrolls sideways."""
    await tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await tab.goto(f"/?user={ROBIN}&make={kind}&theme=light&show=activity")
    await tab.wait_for_text("Robin")
    await tab.until("() => document.querySelector('#preview').children.length > 0")
    fonts = "() => ['body', '#options select', '#options input'].map((selector) =>"
    fonts += " getComputedStyle(document.querySelector(selector)).fontFamily)"
    assert len(set(await tab.page.evaluate(fonts))) == 1
    for width in (1280, 360):
        await tab.page.set_viewport_size({"width": width, "height": 844})
        widths = "() => [document.documentElement.scrollWidth, innerWidth]"
        assert len(set(await tab.page.evaluate(widths))) == 1
        assert await violations(tab.page) == ""

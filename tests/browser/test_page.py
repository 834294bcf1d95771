"""The page at /: a live card and code to copy for a user id."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser

from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.conftest import INVITE
from tests.browser.demo_user import CUSTOM, GAME, show, song
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNKNOWN_ID = "1274150219482660897"
COPIED = (
    "async (code) => { const it = await navigator.clipboard.readText(); return it === code && it }"
)
TABS = ["Widget", "Card", "Badge", "Now playing", "Embed", "Overlay", "Data"]


def another(tab: BrowserTab) -> str:
    return next(id for id in sorted(tab.stack.member_ids()) if id != ROBIN)


async def test_it_is_live_at_once(tab: BrowserTab) -> None:
    """An example user's card, the health, and the background in the colour of the status."""
    await tab.goto()
    await tab.wait_for_text("Robin")
    health = tab.page.locator("#health")
    await tab.wait_for_text(re.compile(r"^Live, \d+ users$"), health)
    show(tab, "dnd", GAME)
    await tab.wait_for_text("Starfall Arena")
    await tab.until("() => document.querySelector('#stage').dataset.status === 'dnd'")
    assert await tab.page.title() == "Robin · Grux"
    assert len(tab.sockets) == 1


async def test_the_card_of_any_id(tab: BrowserTab) -> None:
    """An id can be typed and shared, and "back" works."""
    other = another(tab)
    await tab.goto()
    await tab.wait_for_text("Robin")
    await tab.page.get_by_label("Discord user id").fill(f" {other} ")
    await tab.page.keyboard.press("Enter")
    shown = "(id) => document.querySelector('#card').data?.profile.id === id"
    await tab.until(shown, other)
    assert tab.page.url == f"{tab.api}/?user={other}"
    assert await tab.page.locator("#json").get_attribute("href") == f"user/{other}"
    await tab.page.reload()
    await tab.until(shown, other)
    await tab.page.locator("#people a").click()
    await tab.until(shown, ROBIN)
    await tab.page.go_back()
    await tab.until(shown, other)


async def test_a_user_who_is_not_monitored_gets_the_invite(tab: BrowserTab) -> None:
    """Card and page link to the invite."""
    await tab.goto(f"/?user={UNKNOWN_ID}")
    await tab.wait_for_text("Not monitored")
    assert await tab.card.locator("a[part=join]").get_attribute("href") == INVITE
    assert await tab.page.locator(".join a").get_attribute("href") == INVITE


async def test_code_for_the_id(tab: BrowserTab) -> None:
    """Every tab, also by keyboard, each with the id and the server's address, to copy."""
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    other = another(tab)
    await tab.goto(f"/?user={other}")
    tabs = tab.page.get_by_role("tab")
    await tabs.first.focus()
    for name in TABS:
        chosen = tab.page.get_by_role("tab", selected=True)
        assert await chosen.inner_text() == name
        code = await tab.page.locator("#code").text_content()
        await tab.page.locator("#copy").click()
        copied = await tab.until(COPIED, code)
        await tab.until("() => document.querySelector('#announce').textContent === 'Copied'")
        assert other in copied
        assert tab.api in copied
        await chosen.focus()
        await tab.page.keyboard.press("ArrowRight")
    assert await tab.page.get_by_role("tab", selected=True).inner_text() == TABS[0]
    await tab.page.keyboard.press("ArrowLeft")
    assert await tab.page.get_by_role("tab", selected=True).inner_text() == TABS[-1]


async def test_the_code_works(tab: BrowserTab) -> None:
    """The copied code works on another site."""
    await tab.goto()
    await tab.wait_for_text("Robin")
    code: dict[str, str] = {}
    code["Widget"] = await tab.page.locator("#code").text_content() or ""
    await tab.page.get_by_role("tab", name="Data").click()
    for name in ("fetch", "WebSocket", "EventSource"):
        await tab.page.get_by_role("radio", name=name).check()
        code[name] = await tab.page.locator("#code").text_content() or ""
    assert tab.stack.env["PUBLIC_WS_URL"] in code["WebSocket"]
    await tab.page.get_by_role("tab", name="Card").click()
    picture = re.findall(r"!\[.*?\]\((.*?)\)", await tab.page.locator("#code").inner_text())
    answer = await tab.page.request.get(*picture)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    tab.site.html = f"<!doctype html><html lang=en><title>A site</title>{code['Widget']}"
    await tab.page.goto(tab.site.url)
    await tab.wait_for_text("Robin")
    said = """(code) => new Promise((done) => {
      const heard = [];
      const console = { log: (...words) => { heard.push(words); done(words); } };
      new (Object.getPrototypeOf(async () => {}).constructor)("console", code)(console);
    })"""
    assert (await tab.page.evaluate(said, code["fetch"]))[0] == "online"
    for name in ("WebSocket", "EventSource"):
        assert (await tab.page.evaluate(said, code[name]))[:2] == ["initial_data", "online"]


async def test_dark_and_light(tab: BrowserTab) -> None:
    """The theme of the system, until the button changes it; that is remembered."""
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    await tab.goto()
    light = await tab.page.evaluate(ground)
    await tab.page.emulate_media(color_scheme="dark")
    dark = await tab.page.evaluate(ground)
    assert dark != light
    button = tab.page.get_by_role("button", name="Dark theme")
    await tab.until("() => document.querySelector('#theme').ariaPressed === 'true'")
    await button.click()
    assert await tab.page.evaluate(ground) == light
    await tab.page.reload()
    assert await tab.page.evaluate(ground) == light
    assert await button.get_attribute("aria-pressed") == "false"


async def test_blocked_storage(tab: BrowserTab) -> None:
    """Browsers that block storage show the page; a chosen theme lasts until a reload."""
    await tab.page.add_init_script("""
      const get = () => { throw new DOMException("Access is denied.", "SecurityError"); };
      Object.defineProperty(window, "localStorage", { get });
    """)
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    await tab.goto()
    await tab.wait_for_text("Robin")
    light = await tab.page.evaluate(ground)
    button = tab.page.get_by_role("button", name="Dark theme")
    await button.click()
    assert await tab.page.evaluate(ground) != light
    assert await button.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_fits_and_is_accessible(tab: BrowserTab, scheme: str) -> None:
    """No width scrolls sideways, and axe finds no violation."""
    show(tab, "idle", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    await tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await tab.goto()
    await tab.wait_for_text("Paper Lanterns")
    await tab.wait_for_text(re.compile("^Live"), tab.page.locator("#health"))
    for width in (1280, 768, 390, 320):
        await tab.page.set_viewport_size({"width": width, "height": 844})
        widths = "() => [document.documentElement.scrollWidth, innerWidth]"
        assert len(set(await tab.page.evaluate(widths))) == 1
        if width in (1280, 390):
            assert await violations(tab.page) == ""


OVERLAPS = """([one, other]) => {
  const [a, b] = [one, other].map((id) => document.querySelector(id).getBoundingClientRect());
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}"""


async def test_nothing_overlaps(tab: BrowserTab) -> None:
    """Card and caption, code and Copy button, at any width, with long code."""
    show(tab, "dnd", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    await tab.goto()
    await tab.wait_for_text("Paper Lanterns")
    await tab.page.get_by_role("tab", name="Card").click()
    await tab.wait_for_text(re.compile("^Live over"), tab.page.locator("#caption"))
    for width in (1280, 900, 390, 360, 320):
        await tab.page.set_viewport_size({"width": width, "height": 844})
        for pair in (["#card", "#caption"], ["#panel pre", "#copy"]):
            assert not await tab.page.evaluate(OVERLAPS, pair), (width, pair)


async def test_the_time_of_a_change(tab: BrowserTab) -> None:
    """The caption names a change only when there was one: loading the page is none."""
    await tab.goto()
    await tab.wait_for_text("Robin")
    caption = tab.page.locator("#caption")
    await tab.wait_for_text(re.compile("^Live over one WebSocket$"), caption)
    show(tab, "dnd", GAME)
    await tab.wait_for_text(re.compile("WebSocket, changed (just now|[0-9]+ s ago)$"), caption)
    await tab.page.reload()
    await tab.wait_for_text(re.compile("^Live over one WebSocket$"), caption)


async def test_one_screen(tab: BrowserTab) -> None:
    """On a laptop the page needs no scrolling."""
    show(tab, "online", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    await tab.goto()
    await tab.wait_for_text("Paper Lanterns")
    assert await tab.page.evaluate("() => document.documentElement.scrollHeight") <= 860


async def test_keyboard_alone(tab: BrowserTab) -> None:
    """From the address bar to the input, every focus is visible."""
    await tab.goto()
    await tab.wait_for_text("Robin")
    stops: list[str] = []
    for _ in range(7):
        await tab.page.keyboard.press("Tab")
        stops.append(
            await tab.page.evaluate(
                "() => document.activeElement.id || document.activeElement.textContent.trim()"
            )
        )
        outlined = "() => [document.activeElement, document.activeElement.parentNode].some("
        outlined += "(node) => getComputedStyle(node).outlineStyle !== 'none')"
        assert await tab.page.evaluate(outlined), stops
    wanted = ["Skip to the content", "Grux", "health", "Docs", "Source", "theme", "user"]
    assert stops == wanted


async def test_the_json_link(tab: BrowserTab) -> None:
    """It opens the user as JSON."""
    await tab.goto()
    await tab.page.locator("#json").click()
    await tab.page.wait_for_url(f"{tab.api}/user/{ROBIN}")
    assert await tab.page.evaluate("() => document.contentType") == "application/json"


async def test_without_scripts(stack: Stack, site: Site, browser: Browser) -> None:
    """Without JavaScript the page shows a curl command and links to the JSON."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{stack.api_port}/")
    assert await page.locator("#code").inner_text() == (
        f"curl http://localhost:{stack.api_port}/user/{ROBIN}"
    )
    assert await page.locator("#json").get_attribute("href") == f"user/{ROBIN}"
    await context.close()


async def test_shows_the_health(tab: BrowserTab) -> None:
    """An open page shows that Discord is silent, or the server unreachable."""
    tab.allow_errors("ERR_FAILED")
    await tab.page.clock.install()
    await tab.goto()
    health = tab.page.locator("#health")
    await tab.wait_for_text(re.compile("^Live"), health)
    answer = {"status": "ok", "redis": True, "gateway_silent_for": 42}
    await tab.page.route(
        "**/health", lambda route: route.fulfill(json={"data": answer, "success": True})
    )
    await tab.page.clock.fast_forward(15_000)
    await tab.wait_for_text("No data from Discord for 42 s", health)
    await tab.page.unroute_all()
    await tab.page.route("**/health", lambda route: route.abort())
    await tab.page.clock.fast_forward(15_000)
    await tab.wait_for_text("Server unreachable", health)

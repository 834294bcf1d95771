"""The page at /: an id in, a live card and code to copy out."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser

from tests.browser.browser_fixture import Visitor
from tests.browser.conftest import INVITE
from tests.browser.demo_person import CUSTOM, GAME, does, song
from tests.browser.rules import broken_rules
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODY = "1274150219482660897"
COPIED = (
    "async (code) => { const it = await navigator.clipboard.readText(); return it === code && it }"
)
TABS = ["Widget", "fetch", "WebSocket", "React", "Markdown"]


def another(visitor: Visitor) -> str:
    return next(id for id in sorted(visitor.stack.everybody()) if id != ROBIN)


async def test_it_is_alive_at_once(visitor: Visitor) -> None:
    """Somebody's card, which moves; how the service is; and the stage in the status' colour."""
    await visitor.opens()
    await visitor.sees("Robin")
    health = visitor.page.locator("#health")
    await visitor.sees(re.compile(r"^Live, \d+ users$"), health)
    does(visitor, "dnd", GAME)
    await visitor.sees("Starfall Arena")
    await visitor.until("() => document.querySelector('#stage').dataset.status === 'dnd'")
    assert await visitor.page.title() == "Robin · Grux"
    assert len(visitor.sockets) == 1


async def test_the_card_of_any_id(visitor: Visitor) -> None:
    """Typed, shareable, and back again."""
    other = another(visitor)
    await visitor.opens()
    await visitor.sees("Robin")
    await visitor.page.get_by_label("Discord user id").fill(f" {other} ")
    await visitor.page.keyboard.press("Enter")
    shown = "(id) => document.querySelector('#card').data?.profile.id === id"
    await visitor.until(shown, other)
    assert visitor.page.url == f"{visitor.api}/?user={other}"
    assert await visitor.page.locator("#json").get_attribute("href") == f"user/{other}"
    await visitor.page.reload()
    await visitor.until(shown, other)
    await visitor.page.locator("#people a").click()
    await visitor.until(shown, ROBIN)
    await visitor.page.go_back()
    await visitor.until(shown, other)


@pytest.mark.parametrize("typed", ["robin", "", "123", "<b>1274150219482660897</b>"])
async def test_what_is_no_id(visitor: Visitor, typed: str) -> None:
    """Clear words, beside the box and for those who cannot see; what was typed stays."""
    await visitor.opens()
    await visitor.sees("Robin")
    box = visitor.page.get_by_label("Discord user id")
    await box.fill(typed)
    await visitor.page.keyboard.press("Enter")
    hint = visitor.page.locator("#hint")
    await visitor.sees(re.compile("Copy User ID"), hint)
    await visitor.sees(re.compile("not a Discord id|Type a Discord id"), hint)
    assert await box.get_attribute("aria-invalid") == "true"
    assert await box.input_value() == typed
    assert await visitor.page.locator("#announce").inner_text()
    assert await visitor.page.evaluate("() => document.activeElement.id") == "user"


async def test_who_is_not_monitored_is_told_how_to_be(visitor: Visitor) -> None:
    """The card says so, with the way in; the page has it as well."""
    await visitor.opens(f"/?user={NOBODY}")
    await visitor.sees("Not monitored")
    assert await visitor.card.locator("a[part=join]").get_attribute("href") == INVITE
    assert await visitor.page.locator(".join a").get_attribute("href") == INVITE


async def test_a_shared_address_with_nonsense(visitor: Visitor) -> None:
    """Whatever stands behind ?user=, it is text."""
    await visitor.opens("/?user=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    await visitor.sees("Not a Discord id")
    assert await visitor.page.locator("main img").count() == 0


async def test_code_for_that_very_id(visitor: Visitor) -> None:
    """Five tabs, also by keyboard; each with the id and this place's address; copied whole."""
    await visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    other = another(visitor)
    await visitor.opens(f"/?user={other}")
    tabs = visitor.page.get_by_role("tab")
    await tabs.first.focus()
    for name in TABS:
        chosen = visitor.page.get_by_role("tab", selected=True)
        assert await chosen.inner_text() == name
        code = await visitor.page.locator("#code").text_content()
        await visitor.page.locator("#copy").click()
        copied = await visitor.until(COPIED, code)
        await visitor.until("() => document.querySelector('#announce').textContent === 'Copied'")
        assert other in copied
        socket = visitor.stack.env["PUBLIC_WS_URL"]
        assert (socket if name == "WebSocket" else visitor.api) in copied
        await chosen.focus()
        await visitor.page.keyboard.press("ArrowRight")
    assert await visitor.page.get_by_role("tab", selected=True).inner_text() == TABS[0]
    await visitor.page.keyboard.press("ArrowLeft")
    assert await visitor.page.get_by_role("tab", selected=True).inner_text() == TABS[-1]


async def test_the_code_works(visitor: Visitor) -> None:
    """As it was copied, on another site."""
    await visitor.opens()
    await visitor.sees("Robin")
    code: dict[str, str] = {}
    for name in TABS[:3]:
        await visitor.page.get_by_role("tab", name=name).click()
        code[name] = await visitor.page.locator("#code").text_content() or ""
    await visitor.page.get_by_role("tab", name="Markdown").click()
    picture = re.findall(r"!\[.*?\]\((.*?)\)", await visitor.page.locator("#code").inner_text())
    answer = await visitor.page.request.get(*picture)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    visitor.site.html = f"<!doctype html><html lang=en><title>A site</title>{code['Widget']}"
    await visitor.page.goto(visitor.site.url)
    await visitor.sees("Robin")
    said = """(code) => new Promise((done) => {
      const heard = [];
      const console = { log: (...words) => { heard.push(words); done(words); } };
      new (Object.getPrototypeOf(async () => {}).constructor)("console", code)(console);
    })"""
    assert (await visitor.page.evaluate(said, code["fetch"]))[0] == "online"
    assert (await visitor.page.evaluate(said, code["WebSocket"]))[:2] == ["initial_data", "online"]


async def test_dark_and_light(visitor: Visitor) -> None:
    """As the system is, until the button says otherwise; that is remembered."""
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    await visitor.opens()
    light = await visitor.page.evaluate(ground)
    await visitor.page.emulate_media(color_scheme="dark")
    dark = await visitor.page.evaluate(ground)
    assert dark != light
    button = visitor.page.get_by_role("button", name="Dark theme")
    assert await button.get_attribute("aria-pressed") == "true"
    await button.click()
    assert await visitor.page.evaluate(ground) == light
    await visitor.page.reload()
    assert await visitor.page.evaluate(ground) == light
    assert await button.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_fits_and_can_be_used_by_everybody(visitor: Visitor, scheme: str) -> None:
    """No width scrolls sideways, and axe finds nothing."""
    does(visitor, "idle", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    await visitor.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await visitor.opens()
    await visitor.sees("Paper Lanterns")
    await visitor.sees(re.compile("^Live"), visitor.page.locator("#health"))
    for width in (1280, 768, 390, 320):
        await visitor.page.set_viewport_size({"width": width, "height": 844})
        widths = "() => [document.documentElement.scrollWidth, innerWidth]"
        assert len(set(await visitor.page.evaluate(widths))) == 1
        if width in (1280, 390):
            assert await broken_rules(visitor.page) == ""


async def test_one_screen(visitor: Visitor) -> None:
    """On a laptop everything is there without scrolling."""
    does(visitor, "online", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    await visitor.opens()
    await visitor.sees("Paper Lanterns")
    assert await visitor.page.evaluate("() => document.documentElement.scrollHeight") <= 860


async def test_keyboard_alone(visitor: Visitor) -> None:
    """From the address bar to the box, and every stop can be seen."""
    await visitor.opens()
    await visitor.sees("Robin")
    stops: list[str] = []
    for _ in range(7):
        await visitor.page.keyboard.press("Tab")
        stops.append(
            await visitor.page.evaluate(
                "() => document.activeElement.id || document.activeElement.textContent.trim()"
            )
        )
        outlined = "() => [document.activeElement, document.activeElement.parentNode].some("
        outlined += "(node) => getComputedStyle(node).outlineStyle !== 'none')"
        assert await visitor.page.evaluate(outlined), stops
    wanted = ["Skip to the content", "Grux", "health", "Docs", "Source", "theme", "user"]
    assert stops == wanted


async def test_a_user_opened_by_hand_stays_json(visitor: Visitor) -> None:
    """The link on the page leads there."""
    await visitor.opens()
    await visitor.page.locator("#json").click()
    await visitor.page.wait_for_url(f"{visitor.api}/user/{ROBIN}")
    assert await visitor.page.evaluate("() => document.contentType") == "application/json"


async def test_without_scripts(stack: Stack, site: Site, browser: Browser) -> None:
    """What it is, and where the JSON is, for those who run none."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{stack.api_port}/")
    assert await page.locator("#code").inner_text() == (
        f"curl http://localhost:{stack.api_port}/user/{ROBIN}"
    )
    assert await page.locator("#json").get_attribute("href") == f"user/{ROBIN}"
    await context.close()


async def test_says_when_the_service_is_away(visitor: Visitor) -> None:
    """The page that is open already notices."""
    visitor.expects("ERR_FAILED")
    await visitor.page.clock.install()
    await visitor.opens()
    health = visitor.page.locator("#health")
    await visitor.sees(re.compile("^Live"), health)
    answer = {"status": "ok", "redis": True, "gateway_silent_for": 42}
    await visitor.page.route(
        "**/health", lambda route: route.fulfill(json={"data": answer, "success": True})
    )
    await visitor.page.clock.fast_forward(15_000)
    await visitor.sees("No data from Discord for 42 s", health)
    await visitor.page.unroute_all()
    await visitor.page.route("**/health", lambda route: route.abort())
    await visitor.page.clock.fast_forward(15_000)
    await visitor.sees("Server unreachable", health)

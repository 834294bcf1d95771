"""/overlay/:id in OBS, and /embed/:id in an iframe of another site."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.async_api import Browser, FrameLocator, WebSocketRoute

from testing.eventually import eventually, eventually_async
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import CUSTOM, GAME, show
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTH, HEIGHT = 1920, 1080
CORNERS = [(0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)]
RED = (200, 0, 0, 255)


async def picture(tab: BrowserTab, *, transparent: bool = True) -> Image.Image:
    """What OBS records: the page without the white that browsers paint below each page."""
    taken = await tab.page.screenshot(omit_background=transparent)
    return Image.open(io.BytesIO(taken)).convert("RGBA")


def alpha(image: Image.Image) -> tuple[int, int]:
    """The smallest and the largest opacity in the picture."""
    low, high = image.getchannel("A").getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return low, high


async def test_an_overlay_is_transparent(stack: Stack, site: Site, browser: Browser) -> None:
    """1920×1080, as OBS shows it: the card is there, and nothing around it."""
    show_in = {"width": WIDTH, "height": HEIGHT}
    async with BrowserTab.open(stack, site, browser, **show_in) as tab:  # type: ignore[arg-type]
        show(tab, "online", GAME)
        await tab.goto(f"/overlay/{ROBIN}")
        await tab.wait_for_text("Starfall Arena")
        image = await picture(tab)
        assert image.size == (WIDTH, HEIGHT)
        assert [image.getpixel(corner)[3] for corner in CORNERS] == [0, 0, 0, 0]  # type: ignore[index]
        box = await tab.card.bounding_box()
        assert box is not None
        left, top, right, bottom = (
            round(side)
            for side in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        )
        inset = 24  # beyond the round corners
        inner = image.crop((left + inset, top + inset, right - inset, bottom - inset))
        assert alpha(inner) == (255, 255)
        away = 40  # the shadow ends before
        assert alpha(image.crop((right + away, 0, WIDTH, HEIGHT))) == (0, 0)
        assert alpha(image.crop((0, bottom + away, WIDTH, HEIGHT))) == (0, 0)
        assert tab.errors == []


async def test_an_overlay_is_transparent_before_there_is_a_card(tab: BrowserTab) -> None:
    """No flash of white while the script loads, in a dark system neither."""
    await tab.page.emulate_media(color_scheme="dark")
    await tab.page.route(
        "**/widget.js", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    await tab.goto(f"/overlay/{ROBIN}")
    assert alpha(await picture(tab)) == (0, 0)


async def test_an_overlay_keeps_its_state_while_it_reconnects(tab: BrowserTab) -> None:
    """The card stays, whatever happens to the connection, and is current again afterwards."""
    await tab.page.clock.install()
    servers: list[WebSocketRoute] = []
    is_away = False

    async def relay(route: WebSocketRoute) -> None:
        servers.append(route)
        if is_away:
            await route.close(code=1013)
        else:
            route.connect_to_server()

    await tab.page.route_web_socket(re.compile("user_id"), relay)
    show(tab, "online", GAME)
    await tab.goto(f"/overlay/{ROBIN}?hide=badges")
    await tab.wait_for_text("Starfall Arena")
    is_away = True
    await servers[0].close(code=1012)
    await tab.page.clock.fast_forward(6000)  # after a restart the widget waits up to 5 s
    await eventually(lambda: len(servers) > 1)  # refused
    assert await tab.card.get_by_text("Starfall Arena").is_visible()
    assert await tab.card.get_by_text("Robin", exact=True).is_visible()
    show(tab, "dnd", GAME)
    is_away = False
    await tab.page.clock.fast_forward(31_000)
    await tab.wait_for_text("Do not disturb")


@pytest.mark.parametrize("kind", ["overlay", "embed"])
async def test_a_malformed_id_is_explained(tab: BrowserTab, kind: str) -> None:
    """In words that are readable on any background."""
    tab.allow_errors("status of 400")
    await tab.goto(f"/{kind}/robin")
    said = tab.page.get_by_role("alert")
    await tab.wait_for_text("names are no ids", said)
    colours = "(one) => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
    assert await said.evaluate(colours) == ["rgb(241, 239, 234)", "rgb(25, 26, 29)"]
    (low, high) = alpha(await picture(tab))
    assert (low, high) == (0, 255)


async def framed(
    tab: BrowserTab, attributes: str, *, style: str = "", query: str = ""
) -> FrameLocator:
    """A page of another site that frames Robin."""
    tab.site.html = (
        f"<!doctype html><html lang=en><title>A site</title><meta charset=utf-8>"
        f"<style>body {{ margin: 0; {style} }} iframe {{ border: 0; display: block }}</style>"
        f'<iframe {attributes} src="{tab.api}/embed/{ROBIN}?theme=light{query}"></iframe>'
    )
    await tab.page.goto(tab.site.url)
    return tab.page.frame_locator("iframe")


@pytest.mark.parametrize(
    "sandbox", ["", 'sandbox="allow-scripts"', 'sandbox="allow-scripts allow-same-origin"']
)
async def test_an_embed_is_live_on_another_site(tab: BrowserTab, sandbox: str) -> None:
    """Also in a sandbox, where the page has no origin. It sets no cookie, and sends no referrer."""
    show(tab, "online", GAME)
    referrers: list[str | None] = []
    tab.page.on("request", lambda sent: referrers.append(sent.headers.get("referer")))
    frame = await framed(tab, f'{sandbox} width="420" height="320" referrerpolicy="no-referrer"')
    await tab.wait_for_text("Starfall Arena", frame.locator("grux-presence"))
    show(tab, "dnd")
    await tab.wait_for_text("Do not disturb", frame.locator("grux-presence"))
    pictures = "(one) => [...one.shadowRoot.querySelectorAll('img')].every((i) => i.naturalWidth)"
    await eventually_async(lambda: frame.locator("grux-presence").evaluate(pictures))
    assert {sent for sent in referrers if sent and tab.site.url in sent} == set()
    assert await tab.page.context.cookies() == []


async def test_an_embed_is_as_wide_as_its_frame(tab: BrowserTab) -> None:
    """From a narrow column to a wide one, without a bar to scroll sideways."""
    for width in (240, 420, 900):
        frame = await framed(tab, f'width="{width}" height="400"')
        card = frame.locator("grux-presence .card")
        await tab.wait_for_text("Robin", card)
        assert await card.evaluate("(one) => one.getBoundingClientRect().width") == width
        scrolls = "(one) => one.scrollWidth > one.clientWidth"
        assert not await frame.locator("html").evaluate(scrolls)


async def test_an_embed_has_no_background(tab: BrowserTab) -> None:
    """The page around it shows below the card, on dark pages too: see docs/embeds.md."""
    style = "color-scheme: dark; background: rgb(200, 0, 0)"
    attributes = 'width="420" height="600" style="color-scheme: light"'
    frame = await framed(tab, attributes, style=style)
    await tab.wait_for_text("Robin", frame.locator("grux-presence"))
    image = await picture(tab, transparent=False)
    assert image.getpixel((410, 590)) == RED
    assert image.getpixel((210, 30)) != RED


async def test_an_overlay_is_not_framed(tab: BrowserTab) -> None:
    """Only embeds are."""
    tab.allow_errors("frame-ancestors", "chrome-error")
    tab.site.html = f'<!doctype html><title>A site</title><iframe src="{tab.api}/overlay/{ROBIN}">'
    async with tab.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        await tab.page.goto(tab.site.url)
    assert await tab.page.frame_locator("iframe").locator("grux-presence").count() == 0


@pytest.mark.parametrize(("size", "height"), [("", 320), ("&size=compact", 72)])
async def test_a_card_fits_the_documented_height(tab: BrowserTab, size: str, height: int) -> None:
    """docs/embeds.md: name, badges, custom status and one activity; or one line."""
    show(tab, "online", {**CUSTOM, "state": "brb, tea"}, GAME)
    frame = await framed(tab, f'width="400" height="{height}"', query=size)
    await tab.wait_for_text("Starfall Arena", frame.locator("grux-presence"))
    fits = "(one) => one.scrollHeight <= one.clientHeight"
    assert await frame.locator("html").evaluate(fits)

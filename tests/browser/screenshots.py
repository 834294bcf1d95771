"""The pictures in README.md, and web/page/preview.png, which chats show for a link to the page.

`python -m tests.browser.screenshots` takes them again, `… preview` only the last. With the fonts of
this machine: Inter looks best. `pngquant --force --ext .png docs/images/*.png` then makes those a
third as large.
"""

from __future__ import annotations

import asyncio
import base64
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Route, async_playwright

from simulator import activities, catalogue
from simulator.model import User
from tests.browser.browser_fixture import BrowserTab
from tests.browser.conftest import CHROMIUM, FLAGS, INVITE
from tests.browser.demo_user import CUSTOM, GAME, song
from tests.browser.site import Site
from tests.e2e.stack import FIRST, ROBIN, Stack, quiet, running

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PREVIEW = ROOT / "web" / "page" / "preview.png"
FONTS = ROOT / "services" / "cards" / "fonts"

STYLE = """
body { margin: 0; font-family: Inter, system-ui, sans-serif }
main { display: flex; width: max-content }
div { display: grid; gap: 20px; padding: 32px 24px; align-content: start }
div:nth-child(2) { background: #f3f1ec }
div:nth-child(1) { background: #101114 }
div:nth-child(3) { background: linear-gradient(160deg, #f2a65a, #d1495b 55%, #30638e) }
"""

PREVIEW_STYLE = """
body { margin: 0; width: 1200px; height: 630px; overflow: hidden; color: #1c1b19; background:
  radial-gradient(560px 460px at 880px 300px, #27a56757, transparent),
  radial-gradient(circle at center, #0000001f 1px, transparent 1px) 0 0 / 26px 26px, #f6f4ef;
  font: 500 30px/1.4 Inter }
main { display: grid; grid-template-columns: 500px 1fr; gap: 70px; align-items: center;
  height: 630px; padding: 0 70px; box-sizing: border-box }
b { display: flex; align-items: center; gap: 16px; font-size: 34px }
b img { width: 54px }
h1 { margin: 26px 0 20px; font-size: 62px; line-height: 1.06; letter-spacing: -0.035em }
p { margin: 0; color: #605d56 }
grux-presence { --grux-size: 23px; --grux-width: 100%; --grux-shadow: 0 40px 70px -36px #0000008c }
"""
PREVIEW_BODY = f"""<section><b><img src="{{api}}/favicon.svg" alt="">Grux</b>
<h1>Your Discord presence, live on any page.</h1><p>REST, WebSocket, or one tag.</p></section>
<grux-presence user="{ROBIN}" hide="decoration nameplate clan badges" theme="light">
</grux-presence>"""
PORTRAIT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><defs>
<linearGradient id="a" x2="0" y2="1"><stop stop-color="#f7b267"/><stop offset="1"
stop-color="#d1495b"/></linearGradient></defs><path fill="url(#a)" d="M0 0h100v100H0z"/>
<circle cx="70" cy="30" r="13" fill="#ffe8c2"/><path fill="#7b2d43"
d="M0 72 30 42l24 26 14-13 32 30v15H0z"/></svg>"""
COVER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><path fill="#12263f"
d="M0 0h100v100H0z"/><circle cx="50" cy="46" r="26" fill="#f4b942"/><path fill="#1d6a72"
d="M0 62q25-14 50 0t50 0v38H0z"/><path fill="#0f4c5c" d="M0 76q25-14 50 0t50 0v24H0z"/></svg>"""


def font_face(name: str, weight: int) -> str:
    """One of the cards' fonts, inline."""
    data = base64.b64encode((FONTS / name).read_bytes()).decode()
    return (
        f"@font-face {{ font-family: Inter; font-weight: {weight}; "
        f"src: url(data:font/ttf;base64,{data}) }}"
    )


def user(number: int, username: str, name: str, **more: Any) -> User:
    user_id = str(1_100_000_000_000_000_000 + number * 10**12)
    return User(id=user_id, username=username, global_name=name, avatar=f"{number:032x}", **more)


PEOPLE = {
    "mizuki": user(7, "mizuki", "水野 美月"),
    "layla": user(2, "layla.h", "ليلى حداد", public_flags=1 << 6),
    "rosa": user(4, "rosa", "🌸 rosa"),
    "otto": user(5, "otto", "Otto Quartz", public_flags=1 << 22),
}


def set_presences(stack: Stack) -> None:
    """Give every user an activity."""
    world, rng = stack.simulator.world, random.Random(4)
    now = int(time.time() * 1000)
    for user in PEOPLE.values():
        world.add_member(FIRST, user)
    tea = {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}
    game = {**GAME, "timestamps": {"start": now - 764_000}}
    wave = {"name": "blobwave", "id": "1101234567890123521", "animated": True}
    doing = {
        ROBIN: ("online", [tea, song(67), game]),
        PEOPLE["mizuki"].id: ("idle", [activities.spotify("1", catalogue.SONGS[6], now - 90_000)]),
        PEOPLE["layla"].id: ("dnd", [activities.playing(rng, catalogue.EDITOR, now)]),
        PEOPLE["rosa"].id: ("online", [{**CUSTOM, "state": "散歩中", "emoji": wave}]),
        PEOPLE["otto"].id: ("online", [activities.streaming(rng, now)]),
    }
    for user_id, (status, shown) in doing.items():
        world.set_presence(user_id, status, shown, {"desktop": status})


def card(user_id: str, more: str = "") -> str:
    return f'<grux-presence user="{user_id}" {more}></grux-presence>'


async def take(stack: Stack, site: Site) -> None:
    user_ids = [ROBIN, *(user.id for user in PEOPLE.values())]
    for user_id in user_ids:
        await stack.shows(user_id, lambda data: data["status"] != "invisible")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        async with BrowserTab.open(stack, site, browser) as tab:
            await tab.goto()
            await tab.wait_for_text("Paper Lanterns")
            await tab.until("() => document.querySelector('#health').dataset.state === 'live'")
            await settled(tab)
            await tab.page.screenshot(path=IMAGES / "page.png")
        columns = (
            card(ROBIN, "theme=dark") + card(PEOPLE["otto"].id, "theme=dark size=compact"),
            card(PEOPLE["mizuki"].id, "theme=light")
            + card(PEOPLE["layla"].id, "theme=light")
            + card(ROBIN, "theme=light size=compact"),
            card(PEOPLE["otto"].id, "theme=midnight")
            + card(PEOPLE["rosa"].id, "theme=glass")
            + card(PEOPLE["mizuki"].id, "theme=paper size=compact"),
        )
        async with BrowserTab.open(stack, site, browser) as tab:
            body = "".join(f"<div>{column}</div>" for column in columns)
            await tab.embed(body, style=STYLE)
            await tab.wait_for_text("Paper Lanterns")
            await settled(tab)
            await tab.page.locator("main").screenshot(path=IMAGES / "widget.png")
        await browser.close()


def drawn(svg: str) -> Callable[[Route], Awaitable[None]]:
    """A route that serves this image."""

    async def handler(route: Route) -> None:
        await route.fulfill(body=svg, content_type="image/svg+xml")

    return handler


async def take_preview(stack: Stack, site: Site) -> None:
    """The page's title beside a card, as large as Open Graph's readers show it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        async with BrowserTab.open(stack, site, browser, width=1200, height=630) as tab:
            await tab.page.route("**/cdn/avatars/**", drawn(PORTRAIT))
            await tab.page.route("**://i.scdn.co/**", drawn(COVER))
            style = font_face("Inter-Medium.ttf", 500) + font_face("Inter-Bold.ttf", 700)
            await tab.embed(PREVIEW_BODY.format(api=tab.api), style=style + PREVIEW_STYLE)
            await tab.wait_for_text("Paper Lanterns")
            await settled(tab)
            await tab.page.screenshot(path=PREVIEW)
        await browser.close()


async def settled(tab: BrowserTab) -> None:
    """Wait until every picture is loaded."""
    await tab.until(
        """() => [...document.querySelectorAll("grux-presence")].every((one) =>
          one.hidden || (one.data && [...one.shadowRoot.querySelectorAll("img")].every(
            (image) => image.complete)))"""
    )


async def main() -> None:
    people = ",".join([ROBIN, *(user.id for user in PEOPLE.values())])
    settings = {"PROFILE_SOURCE": "upstream", "DISCORD_INVITE": INVITE, "EXAMPLE_USERS": people}
    IMAGES.mkdir(exist_ok=True)
    async with running(quiet(members=200), env=settings) as stack, Site() as site:
        set_presences(stack)
        if "preview" not in sys.argv:
            await take(stack, site)
        tea = {**CUSTOM, "state": "brb, tea"}
        stack.simulator.world.set_presence(ROBIN, "online", [tea, song(67)], {"desktop": "online"})
        await stack.shows(ROBIN, lambda data: not data["activity"])
        await take_preview(stack, site)


if __name__ == "__main__":
    asyncio.run(main())

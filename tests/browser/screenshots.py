"""The pictures in README.md, and web/page/preview.png, which chats show for a link to the page.

`python -m tests.browser.screenshots` takes them again, `… preview` and `… me` only the last, and
those of /me. The fonts are those of the cards, so that the pictures look the same on every machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.async_api import Browser, async_playwright

from simulator import activities, catalogue
from simulator.model import User
from tests.browser.account import accounts_stack, saved, sign_in
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


FONT_CONFIG = f"""<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><match target="scan"><test name="family"><string>Inter Medium</string></test>
<edit name="family" mode="assign"><string>Inter</string></edit>
<edit name="weight" mode="assign"><const>regular</const></edit></match>
<dir>{FONTS}</dir><dir>/usr/share/fonts</dir>
<cachedir>{{cache}}</cachedir>
<alias><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias><family>sans-serif</family><prefer><family>Inter</family></prefer></alias></fontconfig>"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser whose fonts are those of the cards."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "fonts.conf"
        config.write_text(FONT_CONFIG.format(cache=folder))
        env: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(config)}
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=FLAGS, env=env
            )
            yield browser
            await browser.close()


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
    async with chromium() as browser:
        async with BrowserTab.open(stack, site, browser) as tab:
            await tab.goto()
            await tab.wait_for_text("Paper Lanterns")
            await tab.until("() => document.querySelector('#health').dataset.state === 'live'")
            await settled(tab)
            save(IMAGES / "page.png", await tab.page.screenshot())
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
            save(IMAGES / "widget.png", await tab.page.locator("main").screenshot())


async def take_preview(stack: Stack, site: Site) -> None:
    """The page's title beside a card, as large as Open Graph's readers show it."""
    async with (
        chromium() as browser,
        BrowserTab.open(stack, site, browser, width=1200, height=630) as tab,
    ):
        await tab.embed(PREVIEW_BODY.format(api=tab.api), style=PREVIEW_STYLE)
        await tab.wait_for_text("Paper Lanterns")
        await settled(tab)
        save(PREVIEW, await tab.page.screenshot())


async def take_account() -> None:
    """/me as Robin sees it: whole on a desktop, and the top of it on a phone in the dark."""
    async with accounts_stack(200) as stack, Site() as site, chromium() as browser:
        game = {**GAME, "timestamps": {"start": int(time.time() * 1000) - 764_000}}
        activities = [{**CUSTOM, "state": "brb, tea"}, song(67), game]
        stack.simulator.world.set_presence(ROBIN, "online", activities, {"desktop": "online"})
        await stack.shows(ROBIN, lambda data: bool(data["activity"]))
        async with BrowserTab.open(stack, site, browser, height=900) as tab:
            await sign_in(tab)
            await tab.wait_for_text("Paper Lanterns")
            for name in ("Badges", "robin-k (github)", "robin.example (domain)"):
                await tab.page.get_by_role("switch", name=name).click()
                await saved(tab)
            await tab.page.get_by_label("Bio").fill("I build small things for the web.")
            await tab.page.get_by_label("Pronouns").fill("they/them")
            await tab.page.get_by_label("Pronouns").blur()
            await saved(tab)
            await tab.page.evaluate("() => scrollTo(0, 0)")
            await tab.page.locator("#announce").evaluate("(node) => node.replaceChildren()")
            await settled(tab)
            save(IMAGES / "me.png", await tab.page.screenshot())
        async with BrowserTab.open(
            stack, site, browser, width=390, height=844, scheme="dark"
        ) as tab:
            await sign_in(tab)
            await tab.wait_for_text("Paper Lanterns")
            await settled(tab)
            save(IMAGES / "me-phone.png", await tab.page.screenshot())


def save(path: Path, png: bytes) -> None:
    """Without loss, and smaller than Chromium's."""
    with Image.open(BytesIO(png)) as image:
        image.save(path, optimize=True)


async def settled(tab: BrowserTab) -> None:
    """Wait until every picture is loaded."""
    await tab.until(
        """() => [...document.querySelectorAll("grux-presence")].every((one) =>
          one.hidden || (one.data && [...one.shadowRoot.querySelectorAll("img")].every(
            (image) => image.complete)))"""
    )


async def main() -> None:
    if "preview" not in sys.argv:
        await take_account()
    if "me" in sys.argv:
        return
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

"""How the widget looks: themes, sizes, accessibility, and names of any length."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import CUSTOM, GAME, WIDGET, show, song
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


COLOUR = "(card) => getComputedStyle(card).backgroundColor"


async def test_themes(tab: BrowserTab) -> None:
    """The theme of the page, the system, the attribute, and the page's styles."""
    themes = ("light", "dark", "midnight", "paper", "auto", "plain")
    each = "".join(WIDGET.replace("><", f' theme="{theme}"><') for theme in themes)
    style = "main { color-scheme: dark } .own { --grux-background: rgb(1, 2, 3) }"
    style += " .own::part(name) { color: rgb(4, 5, 6) }"
    await tab.embed(WIDGET + each + WIDGET.replace("><", ' class="own"><'), style=style)
    cards = tab.page.locator("grux-presence .card:not(.empty)")
    await tab.until(
        "() => [...document.querySelectorAll('grux-presence')].every((one) => one.data)"
    )
    shown = [await cards.nth(place).evaluate(COLOUR) for place in range(8)]
    inherited, light, dark, midnight, paper, auto, plain, own = shown
    assert inherited == dark != light
    assert auto == light  # the theme of the system
    assert midnight == "rgb(0, 0, 0)"
    assert paper not in (light, dark)
    assert plain == "rgba(0, 0, 0, 0)"
    assert own == "rgb(1, 2, 3)"
    name = cards.nth(7).locator("[part~=name]")
    assert await name.evaluate("(name) => getComputedStyle(name).color") == "rgb(4, 5, 6)"


async def test_sizes_and_what_is_hidden(tab: BrowserTab) -> None:
    """`size` makes one line of it, and `hide` leaves parts out."""
    show(tab, "online", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    small = WIDGET.replace("><", ' size="compact"><')
    bare = WIDGET.replace("><", ' hide="spotify badges clan custom-status"><')
    await tab.embed(WIDGET + small + bare)
    cards = tab.page.locator("grux-presence .card")
    await tab.wait_for_text("Paper Lanterns · Juniper Vale, Ola Fenn", cards.nth(1))
    heights = [await cards.nth(place).evaluate("(card) => card.offsetHeight") for place in (0, 1)]
    assert heights[1] < heights[0] / 3
    await tab.wait_for_text("Starfall Arena", cards.nth(2))
    for part in ("spotify", "badges", "clan", "custom-status"):
        assert await cards.nth(0).locator(f"[part~={part}]").count() == 1, part
        assert await cards.nth(2).locator(f"[part~={part}]").count() == 0, part


async def test_pictures_that_fail_to_load(tab: BrowserTab) -> None:
    """Letters replace avatar and art; decorations are left out."""
    tab.allow_errors("ERR_FAILED")
    await tab.page.context.route("**/cdn/**", lambda route: route.abort())
    show(tab, "online", GAME)
    await tab.embed(WIDGET)
    await tab.wait_for_text("Starfall Arena")
    await tab.until(
        "() => !document.querySelector('grux-presence').shadowRoot.querySelector('img')"
    )
    letters = tab.card.locator(".letter")
    assert await letters.all_inner_texts() == ["R", "S"]


LONG_NAMES = (
    "A name so long that no card on any phone could ever hold all of it, and then some more",
    "水野 美月の長い長い表示名前がここに入りますからどうぞよろしくお願いします",
    "شخص له اسم طويل جدا لا يتسع له السطر في أي بطاقة صغيرة على الهاتف",
    "👩‍👩‍👧‍👦" * 12,
)


async def test_long_names_end_in_an_ellipsis(tab: BrowserTab) -> None:
    """In any script, no name is wider than a phone."""
    world = tab.stack.simulator.world
    await tab.page.set_viewport_size({"width": 320, "height": 700})
    await tab.embed(WIDGET + WIDGET.replace("><", ' size="compact"><'))
    shown = tab.card.locator("[part~=name]")
    for name in LONG_NAMES:
        world.update_user(ROBIN, global_name=name)
        show(tab, "online", {**song(), "details": name}, {**GAME, "details": name})
        await tab.until(
            """(name) => {
              const data = document.querySelector("grux-presence").data;
              return data?.profile.display_name === name && data.activity[0]?.details === name;
            }""",
            name,
        )
        widths = "() => [document.documentElement.scrollWidth, innerWidth]"
        assert len(set(await tab.page.evaluate(widths))) == 1, name
        assert await shown.evaluate("(name) => name.scrollWidth > name.clientWidth"), name
    world.update_user(ROBIN, global_name="Robin")


async def test_text_styles_of_the_page(tab: BrowserTab) -> None:
    """Only font family, colour scheme and direction are inherited, also from a rule for `*`."""
    css = "text-align: right; text-transform: uppercase; letter-spacing: 4px; word-spacing: 9px;"
    css += " font-style: italic; font-weight: 900; font-variant: small-caps; text-indent: 2em;"
    css += " white-space: pre; text-shadow: 1px 1px red; line-height: 3; word-break: break-all;"
    style = f"* {{ {css} }} main {{ font-family: monospace; color-scheme: dark }}"
    read = """(names) => {
      const root = document.querySelector("grux-presence").shadowRoot;
      const look = (part) => {
        const found = getComputedStyle(root.querySelector(`[part~=${part}]`));
        return names.map((name) => `${part} ${name}: ${found[name]}`);
      };
      return ["card", "user", "state"].flatMap(look);
    }"""
    names = [rule.split(":")[0].strip() for rule in css.split(";") if rule.strip()]
    looks = []
    for page_style in ("", style):
        await tab.embed(WIDGET, style=page_style)
        await tab.wait_for_text("Robin")
        looks.append(await tab.page.evaluate(read, names))
    assert looks[0] == looks[1]
    assert "card text-transform: none" in looks[0]
    inherited = await tab.page.evaluate(read, ["font-family", "color-scheme"])
    assert inherited[:2] == ["card font-family: monospace", "card color-scheme: dark"]


async def test_streaming(tab: BrowserTab) -> None:
    """A streaming user has the colour that the cards use; `hide` hides that as well."""
    stream = {"id": "s", "name": "Twitch", "type": 1, "url": "https://www.twitch.tv/robin",
              "details": "Building a compiler", "created_at": 1784053200000}  # fmt: skip
    show(tab, "idle", stream)
    await tab.embed(WIDGET + WIDGET.replace("><", ' hide="activities"><'))
    await tab.wait_for_text("Building a compiler")
    cards = tab.page.locator("grux-presence .card")
    await tab.wait_for_text("Streaming", cards.nth(0))
    await tab.wait_for_text("Idle", cards.nth(1))
    status = cards.nth(0).locator("[part=status]")
    assert await status.get_attribute("aria-label") == "Streaming"
    assert await status.evaluate(COLOUR) == "rgb(139, 92, 246)"
    await tab.goto()
    await tab.until("() => document.querySelector('#stage').dataset.status === 'streaming'")
    await tab.until("() => document.querySelector('#people .dot').dataset.status === 'streaming'")


async def test_a_long_username_and_status(tab: BrowserTab) -> None:
    """Both are shown in full: on a narrow card the status has a line of its own."""
    world = tab.stack.simulator.world
    world.update_user(ROBIN, username="robin_of_the_seven_long_valleys")
    world.set_presence(ROBIN, "dnd", [], {"mobile": "dnd"})
    await tab.embed(WIDGET)
    await tab.wait_for_text("robin_of_the_seven_long_valleys")
    await tab.wait_for_text("Do not disturb on a phone")
    boxes = """() => ["user", "state"].map((part) => {
      const node = document.querySelector("grux-presence").shadowRoot.querySelector(`.${part}`);
      return [node.scrollWidth <= node.clientWidth || !node.clientWidth,
        node.getBoundingClientRect().top];
    })"""
    user, state = await tab.page.evaluate(boxes)
    world.update_user(ROBIN, username="robin")
    assert user[0]
    assert state[0]
    assert user[1] < state[1]
    await tab.until(
        "() => document.querySelector('grux-presence').data.profile.username === 'robin'"
    )
    user, state = await tab.page.evaluate(boxes)
    assert user[1] == state[1]


async def test_reduced_motion(tab: BrowserTab) -> None:
    """With prefers-reduced-motion nothing is animated."""
    show(tab, "online", song())
    await tab.embed(WIDGET)
    await tab.wait_for_text("Paper Lanterns")
    moving = "() => document.querySelector('grux-presence').shadowRoot.getAnimations().length"
    assert await tab.page.evaluate(moving) == 0
    fill = tab.card.locator("[part=bar-fill]")
    assert await fill.evaluate("(bar) => getComputedStyle(bar).transitionDuration") == "0s"


async def test_accessibility(tab: BrowserTab) -> None:
    """axe finds no violation in full cards of any theme."""
    show(tab, "dnd", {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}, song(), GAME)
    sizes = WIDGET + WIDGET.replace("><", ' size="compact"><')
    missing = '<grux-presence user="1274150219482660897"></grux-presence>'
    themes = ("light", "dark", "paper", "midnight")
    each = "".join((sizes + missing).replace("><", f' theme="{theme}"><') for theme in themes)
    await tab.embed(f"<h1>A site</h1><h2>People</h2>{each}")
    await tab.wait_for_text("Paper Lanterns")
    await tab.page.get_by_text("Not monitored").first.wait_for()
    assert await violations(tab.page) == ""


async def test_a_card_grows_smoothly(stack: Stack, site: Site, browser: Browser) -> None:
    """Without prefers-reduced-motion the card's height is animated."""
    async with BrowserTab.open(stack, site, browser, calm=False) as tab:
        show(tab, "online")
        await tab.embed(WIDGET)
        data = "() => document.querySelector('grux-presence').data"
        await tab.until(f"() => ({data})()?.activity.length === 0")
        await tab.page.evaluate("""() => {
          window.seen = [];
          const animate = Element.prototype.animate;
          Element.prototype.animate = function (frames, ...rest) {
            seen.push(frames.map(({ height }) => parseFloat(height)));
            return animate.call(this, frames, ...rest);
          };
        }""")
        show(tab, "online", GAME)
        await tab.wait_for_text("Starfall Arena")
        ((before, after),) = await tab.page.evaluate("() => seen")
        assert 0 < before < after
        assert tab.errors == []

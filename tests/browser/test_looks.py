"""How the widget looks: in every theme and size, for everybody, whatever the names."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.browser.browser_fixture import Visitor
from tests.browser.demo_person import CUSTOM, GAME, WIDGET, does, song
from tests.browser.rules import broken_rules
from tests.browser.site import Site
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


COLOUR = "(card) => getComputedStyle(card).backgroundColor"


async def test_themes(visitor: Visitor) -> None:
    """As the page is, as the system is, as the attribute says; and as the page's styles say."""
    themes = ("light", "dark", "midnight", "paper", "auto", "plain")
    each = "".join(WIDGET.replace("><", f' theme="{theme}"><') for theme in themes)
    style = "main { color-scheme: dark } .own { --grux-background: rgb(1, 2, 3) }"
    style += " .own::part(name) { color: rgb(4, 5, 6) }"
    await visitor.embeds(WIDGET + each + WIDGET.replace("><", ' class="own"><'), style=style)
    cards = visitor.page.locator("grux-presence .card:not(.empty)")
    await visitor.until(
        "() => [...document.querySelectorAll('grux-presence')].every((one) => one.data)"
    )
    shown = [await cards.nth(place).evaluate(COLOUR) for place in range(8)]
    inherited, light, dark, midnight, paper, auto, plain, own = shown
    assert inherited == dark != light
    assert auto == light  # the visitor's system
    assert midnight == "rgb(0, 0, 0)"
    assert paper not in (light, dark)
    assert plain == "rgba(0, 0, 0, 0)"
    assert own == "rgb(1, 2, 3)"
    name = cards.nth(7).locator("[part~=name]")
    assert await name.evaluate("(name) => getComputedStyle(name).color") == "rgb(4, 5, 6)"


async def test_sizes_and_what_is_hidden(visitor: Visitor) -> None:
    """One line, or larger; and without the parts that `hide` names."""
    does(visitor, "online", {**CUSTOM, "state": "brb, tea"}, song(), GAME)
    small = WIDGET.replace("><", ' size="compact"><')
    bare = WIDGET.replace("><", ' hide="spotify badges clan custom-status"><')
    await visitor.embeds(WIDGET + small + bare)
    cards = visitor.page.locator("grux-presence .card")
    await visitor.sees("Paper Lanterns · Juniper Vale, Ola Fenn", cards.nth(1))
    heights = [await cards.nth(place).evaluate("(card) => card.offsetHeight") for place in (0, 1)]
    assert heights[1] < heights[0] / 3
    await visitor.sees("Starfall Arena", cards.nth(2))
    for part in ("spotify", "badges", "clan", "custom-status"):
        assert await cards.nth(0).locator(f"[part~={part}]").count() == 1, part
        assert await cards.nth(2).locator(f"[part~={part}]").count() == 0, part


async def test_pictures_out_of_reach(visitor: Visitor) -> None:
    """Letters stand in for faces and art; what is only decoration goes."""
    visitor.expects("ERR_FAILED")
    await visitor.page.context.route("**/cdn/**", lambda route: route.abort())
    does(visitor, "online", GAME)
    await visitor.embeds(WIDGET)
    await visitor.sees("Starfall Arena")
    await visitor.until(
        "() => !document.querySelector('grux-presence').shadowRoot.querySelector('img')"
    )
    letters = visitor.card.locator(".letter")
    assert await letters.all_inner_texts() == ["R", "S"]


LONG_NAMES = (
    "A name so long that no card on any phone could ever hold all of it, and then some more",
    "水野 美月の長い長い表示名前がここに入りますからどうぞよろしくお願いします",
    "شخص له اسم طويل جدا لا يتسع له السطر في أي بطاقة صغيرة على الهاتف",
    "👩‍👩‍👧‍👦" * 12,
)


async def test_long_names_end_in_an_ellipsis(visitor: Visitor) -> None:
    """Whatever the script, nothing is wider than a phone."""
    world = visitor.stack.simulator.world
    await visitor.page.set_viewport_size({"width": 320, "height": 700})
    await visitor.embeds(WIDGET + WIDGET.replace("><", ' size="compact"><'))
    shown = visitor.card.locator("[part~=name]")
    for name in LONG_NAMES:
        world.update_user(ROBIN, global_name=name)
        does(visitor, "online", {**song(), "details": name}, {**GAME, "details": name})
        await visitor.until(
            """(name) => {
              const data = document.querySelector("grux-presence").data;
              return data?.profile.display_name === name && data.activity[0]?.details === name;
            }""",
            name,
        )
        widths = "() => [document.documentElement.scrollWidth, innerWidth]"
        assert len(set(await visitor.page.evaluate(widths))) == 1, name
        assert await shown.evaluate("(name) => name.scrollWidth > name.clientWidth"), name
    world.update_user(ROBIN, global_name="Robin")


async def test_nothing_moves_for_those_who_want_none(visitor: Visitor) -> None:
    """prefers-reduced-motion: the bar jumps from second to second, and nothing slides."""
    does(visitor, "online", song())
    await visitor.embeds(WIDGET)
    await visitor.sees("Paper Lanterns")
    moving = "() => document.querySelector('grux-presence').shadowRoot.getAnimations().length"
    assert await visitor.page.evaluate(moving) == 0
    fill = visitor.card.locator("[part=bar-fill]")
    assert await fill.evaluate("(bar) => getComputedStyle(bar).transitionDuration") == "0s"


async def test_accessibility(visitor: Visitor) -> None:
    """axe finds nothing in cards with everything on them, whatever the theme."""
    does(visitor, "dnd", {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}, song(), GAME)
    sizes = WIDGET + WIDGET.replace("><", ' size="compact"><')
    missing = '<grux-presence user="1274150219482660897"></grux-presence>'
    themes = ("light", "dark", "paper", "midnight")
    each = "".join((sizes + missing).replace("><", f' theme="{theme}"><') for theme in themes)
    await visitor.embeds(f"<h1>A site</h1><h2>People</h2>{each}")
    await visitor.sees("Paper Lanterns")
    await visitor.page.get_by_text("Not monitored").first.wait_for()
    assert await broken_rules(visitor.page) == ""


async def test_a_card_grows_smoothly(stack: Stack, site: Site, browser: Browser) -> None:
    """For all others: what comes slides in, and the card's height follows."""
    async with Visitor.comes(stack, site, browser, calm=False) as visitor:
        does(visitor, "online")
        await visitor.embeds(WIDGET)
        data = "() => document.querySelector('grux-presence').data"
        await visitor.until(f"() => ({data})()?.activity.length === 0")
        await visitor.page.evaluate("""() => {
          window.seen = [];
          const animate = Element.prototype.animate;
          Element.prototype.animate = function (frames, ...rest) {
            seen.push(frames.map(({ height }) => parseFloat(height)));
            return animate.call(this, frames, ...rest);
          };
        }""")
        does(visitor, "online", GAME)
        await visitor.sees("Starfall Arena")
        ((before, after),) = await visitor.page.evaluate("() => seen")
        assert 0 < before < after
        assert visitor.complaints == []

"""Display names in the font, the colours and the effect that people have chosen on Discord."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.accessibility import violations
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import WIDGET
from tests.e2e.stack import ROBIN, Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

THEMES = ("light", "dark", "paper", "midnight")
COLOURS = (0x000000, 0xFFFFFF, 0x808080, 0xFF0000, 0x00FF00, 0x0000FF, 0xFFFF00, 0xFF00FF, 0x767676)
LOOK = """(node) => {
  const { color, fontFamily, backgroundImage, filter } = getComputedStyle(node);
  return { color, fontFamily, backgroundImage, filter };
}"""
CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...document.querySelectorAll("grux-presence")].map(({ shadowRoot }) => {
    const styleOf = (part) => getComputedStyle(shadowRoot.querySelector(`[part~=${part}]`));
    const name = luminance(styleOf("name").color);
    const card = luminance(styleOf("card").backgroundColor);
    return (Math.max(name, card) + 0.05) / (Math.min(name, card) + 0.05);
  });
}"""


@pytest.fixture(autouse=True)
def robin_has_no_style_later(stack: Stack) -> Iterator[None]:
    yield
    stack.simulator.world.update_user(ROBIN, display_name_styles=None)


def style(tab: BrowserTab, font: int, effect: int, *colours: int) -> None:
    """Choose it as Robin, on Discord."""
    styles = {"font_id": font, "effect_id": effect, "colors": list(colours)}
    tab.stack.simulator.world.update_user(ROBIN, display_name_styles=styles)


async def styled(tab: BrowserTab, font: int, *colours: int) -> None:
    """Wait until every widget has it."""
    await tab.until(
        """([font, colours]) => {
          const widgets = [...document.querySelectorAll("grux-presence")];
          const styles = widgets.map(({ data }) => data?.profile.display_name_styles);
          return styles.every(
            (one) => one?.font_id === font && one.colors.join() === colours.join());
        }""",
        [font, list(colours)],
    )


async def test_a_name_in_its_font_and_gradient(tab: BrowserTab) -> None:
    """The font comes from Grux, once for all widgets, and from nowhere else."""
    fonts = tab.collect_requests(lambda url: url.endswith(".woff2"))
    style(tab, 7, 6, 0xFF5FA2, 0x22C55E)
    plain = WIDGET.replace("><", ' hide="name-style"><')
    small = WIDGET.replace("><", ' size="compact"><')
    await tab.embed(f"<h1>A site</h1>{WIDGET}{small}{plain}")
    await styled(tab, 7, 0xFF5FA2, 0x22C55E)
    await tab.until("() => [...document.fonts].some(({ family }) => family === 'grux-name-7')")
    assert fonts == [f"{tab.api}/fonts/7.woff2"]
    names = tab.page.locator("grux-presence [part~=name]")
    for place in (0, 1):
        look = await names.nth(place).evaluate(LOOK)
        assert look["fontFamily"] == "grux-name-7, sans-serif"
        assert look["backgroundImage"].startswith("linear-gradient(to right, oklch(")
        assert look["filter"].startswith("drop-shadow(")
    look = await names.nth(2).evaluate(LOOK)
    assert (look["backgroundImage"], look["filter"]) == ("none", "none")
    assert "grux" not in look["fontFamily"]
    assert await violations(tab.page) == ""


async def test_names_are_readable_in_any_colour(tab: BrowserTab) -> None:
    """On every theme that has a colour of its own: WCAG 2, AA."""
    await tab.embed("".join(WIDGET.replace("><", f' theme="{theme}"><') for theme in THEMES))
    for colour in COLOURS:
        style(tab, 11, 1, colour)
        await styled(tab, 11, colour)
        for theme, contrast in zip(THEMES, await tab.page.evaluate(CONTRASTS), strict=True):
            assert contrast >= 4.5, (f"{colour:06x}", theme)


async def test_forced_colours_win(tab: BrowserTab) -> None:
    """The effects are left out for people whose system chooses the colours."""
    await tab.page.emulate_media(forced_colors="active")
    style(tab, 11, 2, 0xFF5FA2, 0x22C55E)
    await tab.embed(WIDGET)
    await styled(tab, 11, 0xFF5FA2, 0x22C55E)
    look = await tab.card.locator("[part~=name]").evaluate(LOOK)
    assert look["backgroundImage"] == "none"
    assert look["color"] != "rgba(0, 0, 0, 0)"


async def test_a_page_may_decide_otherwise(tab: BrowserTab) -> None:
    """Its `::part(name)` wins over what the person has chosen."""
    style(tab, 7, 1, 0xFF0000)
    part = "grux-presence::part(name) { color: rgb(4, 5, 6); font-family: monospace }"
    await tab.embed(WIDGET, style=part)
    await styled(tab, 7, 0xFF0000)
    look = await tab.card.locator("[part~=name]").evaluate(LOOK)
    assert (look["color"], look["fontFamily"]) == ("rgb(4, 5, 6)", "monospace")

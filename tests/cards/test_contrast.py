"""Everything on a card is legible, whatever its colors: measured on the pixels that are drawn."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from services.cards import card_model
from services.cards.card_options import CardOptions
from services.cards.render.card import card, placeholder
from services.cards.render.contrast import luminance
from services.cards.render.raster import png
from services.cards.render_jobs import CardImage, DrawCard, DrawPlaceholder
from shared.model.snapshot import CustomStatus, DisplayNameStyles, Presence, Status
from tests.cards.sample_users import (
    AT_WORK,
    AUDIBERT,
    EDITOR,
    IMAGES,
    LISTENING,
    NOTHING,
    NOW,
    like,
)

TEXT, SHAPE = 4.5, 3.0
ROUNDING = 0.02  # of a ratio: resvg rounds the color of each layer to 8 bits, sometimes upwards
MID_TONES = ("809ecf", "1da1f2", "23a55a", "ff00ff", "ed4245", "808080", "f0b232", "777777")

_PLAIN = CustomStatus("shipping on a friday", None)
_STREAM = like(EDITOR, type="Streaming")
PRESENCES: dict[str, Presence] = {
    "playing": like(AT_WORK, custom_status=_PLAIN),
    "song": like(LISTENING, custom_status=_PLAIN),
    "streaming": like(AT_WORK, custom_status=_PLAIN, activity=[_STREAM]),
    "idle": like(NOTHING, custom_status=_PLAIN),
}
_PAGE = {"dark": "#17181c", "light": "#ffffff"}
_GLYPHS = re.compile(
    r'<path transform="[^"]*" (fill="#[0-9a-f]{3,6}"(?: class="\w+")?) d="[^"]*"/>'
)
_SHAPES = re.compile(r'<path (?:fill-rule="evenodd" )?d="[^"]*" fill="#[0-9a-f]{6}"[^>]*/>')
_SVG = re.compile(r"<svg [^>]*>")

colors = st.integers(0, 0xFFFFFF).map(lambda number: f"{number:06x}")


def drawn(
    options: CardOptions, presence: Presence, tone: str = "", *, silent_for: int | None = 700
) -> str:
    model, requests = card_model.build(AUDIBERT, presence, options)
    images: dict[str, CardImage] = {}
    for request in requests:
        image = IMAGES.get(request.role)
        if image is not None:
            images[request.role] = like(image, dominant_color=f"#{tone}") if tone else image
    return card(DrawCard(model, options, images, NOW, silent_for, True))


def check(svg: str, page: str) -> None:
    """Every glyph against what is behind its pixels, and every status and clock likewise."""
    without = _SHAPES.sub("", _GLYPHS.sub("", svg))
    behind = _pixels(without, page)
    head = _SVG.match(svg)
    assert head is not None
    parts: dict[tuple[str, float], list[str]] = defaultdict(list)
    for found in _GLYPHS.finditer(svg):
        parts[_fill(found[1]), TEXT].append(found[0])
    for found in _SHAPES.finditer(svg):
        parts[_fill(found[0]), SHAPE].append(found[0])
    assert any(wanted == TEXT for _, wanted in parts)
    # One picture in which each color has a number: its red, at the pixels whose center it covers.
    numbered = "".join(
        re.sub(r'fill="#[0-9a-f]+"', f'fill="#{number:02x}0000"', each)
        for number, markup in enumerate(parts.values(), 1)
        for each in markup
    )
    flat = f'{head[0]}<g shape-rendering="crispEdges">{numbered}</g></svg>'
    numbers = Image.open(io.BytesIO(png(flat, 1.0))).convert("RGBA").getchannel("R")
    behind.putalpha(numbers)
    wanted_of = dict(enumerate(parts, 1))
    for count, pixel in behind.getcolors(behind.width * behind.height) or []:
        red, green, blue, number = pixel  # type: ignore[misc]
        if number:
            color, wanted = wanted_of[number]
            found_ratio = _ratio(color, f"#{red:02x}{green:02x}{blue:02x}")
            assert found_ratio >= wanted * (1 - ROUNDING), (color, pixel, found_ratio, count)


def _fill(markup: str) -> str:
    found = re.search(r'fill="#([0-9a-f]+)"', markup)
    assert found is not None
    return "#" + (found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1]))


def _pixels(svg: str, page: str) -> Image.Image:
    image = Image.open(io.BytesIO(png(svg, 1.0))).convert("RGBA")
    ground = Image.new("RGBA", image.size, page)
    return Image.alpha_composite(ground, image).convert("RGB")


def _ratio(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("kind", PRESENCES)
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("bg", [*MID_TONES, None, "transparent"])
def test_mid_tones(bg: str | None, theme: Any, kind: str) -> None:
    """lanyard-profile-readme's own example among them."""
    check(drawn(CardOptions(theme=theme, bg=bg), PRESENCES[kind]), _PAGE[theme])


GRADIENTS = ("90,ffffff,000000", "0,0000ff,ff0000", "45,ffff00,00ffff,ff00ff", "135,777777,808080")


@pytest.mark.parametrize("kind", PRESENCES)
@pytest.mark.parametrize("layout", ["compact", "minimal"])
@pytest.mark.parametrize(("theme", "accent"), [("dark", "ffffff"), ("light", "000000")])
def test_small_layouts(theme: Any, accent: str, layout: Any, kind: str) -> None:
    """With the strongest glow, at the smallest width."""
    options = CardOptions(theme=theme, accent=accent, layout=layout, width=300)
    check(drawn(options, PRESENCES[kind], accent), _PAGE[theme])


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("bg", GRADIENTS)
def test_gradients(bg: str, theme: Any) -> None:
    """Between two colors too, and where no text is legible on both: the gradient changes."""
    options = CardOptions(theme=theme, bg=bg, nameplate=True)
    check(drawn(options, PRESENCES["song"]), _PAGE[theme])


gradients = st.builds(
    lambda angle, stops: ",".join((str(angle), *stops)),
    st.integers(0, 359),
    st.lists(colors, min_size=2, max_size=5),
)


@settings(max_examples=40, deadline=None)
@given(
    bg=st.none() | colors | gradients,
    accent=st.none() | colors,
    tone=st.just("") | colors,
    tag_bg=st.none() | colors,
    theme=st.sampled_from(["dark", "light"]),
    kind=st.sampled_from([*PRESENCES]),
    status=st.sampled_from(["online", "idle", "dnd", "invisible"]),
    width=st.sampled_from([300, 450, 900]),
    nameplate=st.booleans(),
    hide_profile=st.booleans(),
    layout=st.sampled_from(["full", "compact", "minimal"]),
)
@example(
    bg=None, accent="ffffff", tone="ffffff", tag_bg=None, theme="dark", kind="playing",
    status="invisible", width=300, nameplate=True, hide_profile=False, layout="full",
)  # fmt: skip
@example(
    bg=None, accent="000000", tone="000000", tag_bg="808080", theme="light", kind="song",
    status="idle", width=300, nameplate=True, hide_profile=False, layout="full",
)  # fmt: skip
@example(
    bg="767676", accent="00ff00", tone="ffffff", tag_bg=None, theme="dark", kind="song",
    status="dnd", width=900, nameplate=True, hide_profile=True, layout="full",
)  # fmt: skip
def test_any_colors(
    bg: str | None,
    accent: str | None,
    tone: str,
    tag_bg: str | None,
    theme: Any,
    kind: str,
    status: Status,
    width: int,
    nameplate: bool,
    hide_profile: bool,
    layout: Any,
) -> None:
    """Texts have 4.5:1, the status and the clock 3:1."""
    options = CardOptions(
        theme=theme,
        bg=bg,
        accent=accent,
        tag_bg=tag_bg,
        width=width,
        nameplate=nameplate,
        hide_profile=hide_profile,
        layout=layout,
    )
    check(drawn(options, like(PRESENCES[kind], status=status), tone), _PAGE[theme])


@settings(max_examples=40, deadline=None)
@given(
    bg=st.none() | colors | gradients | st.just("transparent"),
    theme=st.sampled_from(["dark", "light", "auto"]),
    effect=st.integers(1, 7),
    font=st.integers(1, 17),
    name_colors=st.lists(st.integers(0, 0xFFFFFF), max_size=5),
)
@example(bg="767676", theme="dark", effect=3, font=3, name_colors=[0xFFFFFF, 0])
@example(bg=None, theme="light", effect=5, font=3, name_colors=[0xFFFFFF])
@example(bg=None, theme="auto", effect=6, font=11, name_colors=[0x0000FF, 0xFF0000])
@example(bg=None, theme="dark", effect=4, font=4, name_colors=[0])
def test_any_style_of_a_name(
    bg: str | None, theme: Any, effect: int, font: int, name_colors: list[int]
) -> None:
    """Each color of the letters, on what an effect draws around them too."""
    styles = DisplayNameStyles(font, effect, name_colors)
    options = CardOptions(theme=theme, bg=bg, hide_activity="true")
    model, _ = card_model.build(like(AUDIBERT, display_name_styles=styles), AT_WORK, options)
    svg = card(
        DrawCard(like(model, status_text=None, emoji_text=None), options, {}, NOW, None, True)
    )
    variants = [(svg, _PAGE["light" if theme == "light" else "dark"])]
    if theme == "auto" and bg in (None, "transparent"):
        variants.append((_as_light(svg), _PAGE["light"]))
    for drawn_card, page in variants:
        for each in _in_each_color(drawn_card):
            check(each, page)


def _in_each_color(svg: str) -> Iterator[str]:
    """The card with its darkest and its brightest letters, where a gradient fills them."""
    filled = re.search(r'<path transform="[^"]*" fill="(url\(#(d[0-9]+)\))"', svg)
    if filled is None:
        yield svg
        return
    defined = re.search(f'<linearGradient id="{filled[2]}".*?</linearGradient>', svg)
    assert defined is not None
    stops = re.findall(r'stop-color="(#[0-9a-f]{6})"', defined[0])
    for stop in (min(stops, key=luminance), max(stops, key=luminance)):
        yield re.sub(r'(<path transform="[^"]*" fill=)"url\(#d[0-9]+\)"', rf'\1"{stop}"', svg)


@settings(max_examples=20, deadline=None)
@given(bg=colors, theme=st.sampled_from(["dark", "light"]), accent=st.none() | colors)
def test_any_problem(bg: str, theme: Any, accent: str | None) -> None:
    """A card that explains a problem is legible as well."""
    options = CardOptions(bg=bg, theme=theme, accent=accent)
    check(
        placeholder(DrawPlaceholder("Not monitored", "A long text. " * 9, options, True)), f"#{bg}"
    )


@settings(max_examples=20, deadline=None)
@given(accent=st.none() | colors, tone=st.just("") | colors, kind=st.sampled_from([*PRESENCES]))
def test_both_variants_of_auto(accent: str | None, tone: str, kind: str) -> None:
    """The dark one, and the one that CSS makes of it for a viewer who prefers light."""
    svg = drawn(CardOptions(theme="auto", accent=accent), PRESENCES[kind], tone)
    check(svg, _PAGE["dark"])
    check(_as_light(svg), _PAGE["light"])


def _as_light(svg: str) -> str:
    """The card after the rules of its style sheet, which resvg ignores."""
    rules = dict(re.findall(r"\.(\w+)\{(?:fill|stroke):([^;}]*)", svg))
    for name, color in rules.items():
        svg = re.sub(rf'stop-color="#\w+" class="{name}"', f'stop-color="{color}"', svg)
    opacities = dict(re.findall(r"\.(\w+)\{[^}]*-opacity:([^;}]*)", svg))

    def painted(found: re.Match[str]) -> str:
        what, name = found[1], found[2]
        shade = (
            f' {what}-opacity="{opacities.get(name, "1")}"' if opacities.get(name) != "1" else ""
        )
        return f'{what}="{rules[name]}"{shade} class="{name}"'

    paint = r'(fill|stroke)="#\w+"(?: \1-opacity="[^"]*")? class="(\w+)"'
    return re.sub(r"<style>.*?</style>", "", re.sub(paint, painted, svg))


def test_an_explicit_theme_wins_where_it_is_legible() -> None:
    """On a color on which both black and white are legible; elsewhere the readable one is taken."""
    both = "767676"
    assert 'fill="#fff' in drawn(CardOptions(theme="dark", bg=both), PRESENCES["idle"])
    assert 'fill="#000' in drawn(CardOptions(theme="light", bg=both), PRESENCES["idle"])

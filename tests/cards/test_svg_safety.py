"""Whatever an untrusted text says, the SVG is well-formed and holds only shapes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards import card_model, card_options
from services.cards.card_options import CardOptions
from services.cards.render.badge import badge
from services.cards.render.card import MAX_SVG_BYTES, card, placeholder
from services.cards.render.scaling import SIZE_LIMITS
from services.cards.render_jobs import CardImage, DrawBadge, DrawCard, DrawPlaceholder
from shared.model.snapshot import Clan, CustomStatus, DisplayNameStyles, Emoji, Timestamps
from tests.cards.sample_users import AT_WORK, AUDIBERT, EDITOR, IMAGES, LISTENING, NOW, SONG, like

TAGS = {
    *("svg", "title", "style", "defs", "clipPath", "mask", "linearGradient", "radialGradient"),
    *("stop", "g", "path", "rect", "circle", "image", "text"),
}
STYLE = re.compile(r"[\w\s{}():;.,%#!@-]*")

evil = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '" onload="alert(1)" x=\'',
            "]]><!--",
            "&lt;&#60;&bogus;",
            "</svg><svg onload=alert(1)>",
            "javascript:alert(1)",
            "url(https://evil.example/x)",
            "\x00\x0b\ufffe\ud800",
            "\u202eevil\u2066",
            "ქართული<b>",
        ]
    ),
)
maybe = st.none() | evil
times = st.builds(
    Timestamps,
    start=st.integers(-(2**63), 2**63) | st.just(NOW - 5_000),
    end=st.integers(-(2**63), 2**63) | st.just(NOW + 90_000),
)
numbers = st.none() | st.integers(-(2**63), 2**63)
styles = st.none() | st.builds(
    DisplayNameStyles, numbers, numbers, st.lists(st.integers(0, 0xFFFFFF), max_size=8)
)
values = st.sampled_from(
    [
        "true",
        "false",
        "compact",
        "minimal",
        "wide",
        "animated",
        "auto",
        "ja",
        "300",
        "900",
        "90,f00,0f0",
    ]
)
queries = st.dictionaries(st.sampled_from(card_options.PARAMETERS), evil | values)


def check_svg(svg: str) -> None:
    """Well-formed; known elements; no script, no event handler, no URL but of embedded images."""
    assert len(svg.encode()) <= MAX_SVG_BYTES
    root = ET.fromstring(svg)  # noqa: S314 (made here)
    for element in root.iter():
        tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        assert tag in TAGS
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if "href" in name:
                assert tag == "image"
                assert re.fullmatch(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]*", value)
            elif name != "aria-label":
                assert "javascript:" not in value
                assert re.fullmatch(r"url\(#d[0-9]+\)", value) or "url(" not in value
        if tag == "style":
            assert STYLE.fullmatch(element.text or "")
            assert "url" not in (element.text or "")
            assert "@import" not in (element.text or "")
    assert "<!" not in svg
    assert "<?" not in svg


@settings(max_examples=120, deadline=None)
@given(
    evil, evil, evil, maybe, maybe, evil, maybe, maybe, times, times, queries, styles, st.booleans()
)
def test_cards(
    name: str,
    username: str,
    tag: str,
    said: str | None,
    emoji: str | None,
    title: str,
    details: str | None,
    state: str | None,
    one: Timestamps,
    other: Timestamps,
    query: dict[str, str],
    style: DisplayNameStyles | None,
    playing: bool,
) -> None:
    """Names, statuses, activities and parameters."""
    clan = Clan(tag, "1", None, None)
    profile = like(
        AUDIBERT,
        display_name=name,
        username=username,
        clan=clan,
        pronouns=said,
        display_name_styles=style,
    )
    presence = like(
        AT_WORK if playing else LISTENING,
        custom_status=CustomStatus(said, Emoji(emoji, None, False, None)),
        spotify=None if playing else like(SONG, song=title, artist=details, timestamps=one),
        activity=[like(EDITOR, name=title, details=details, state=state, timestamps=other)]
        if playing
        else [],
    )
    shown, _ = card_options.parse(query.items())
    model, _ = card_model.build(profile, presence, shown)
    check_svg(card(DrawCard(model, shown, IMAGES, NOW, 75, False)))


@settings(max_examples=50, deadline=None)
@given(evil, evil, queries)
def test_placeholders(title: str, text: str, query: dict[str, str]) -> None:
    """Problems are explained as safely."""
    check_svg(
        placeholder(DrawPlaceholder(title, text, card_options.parse(query.items())[0], False))
    )


@settings(max_examples=50, deadline=None)
@given(evil, evil, st.sampled_from(["flat", "flat-square", "for-the-badge"]))
def test_badges(label: str, message: str, style: str) -> None:
    """And badges."""
    check_svg(badge(DrawBadge(label, message, "#23a55a", style)))


def test_too_many_pictures_are_left_out() -> None:
    """A card stays below its limit: first without animation, then without images."""

    def of(**sizes: Any) -> str:
        images = {
            role: CardImage("image/webp", bytes(size), 1, 1, "#123456", animated=role == "avatar")
            for role, size in sizes.items()
        }
        model, _ = card_model.build(AUDIBERT, AT_WORK, CardOptions())
        return card(DrawCard(model, CardOptions(), images, NOW, None, False))

    assert of(avatar=100_000, art=100_000).count("<image") == 2
    assert of(avatar=700_000, art=100_000).count("<image") == 1
    assert of(avatar=700_000, art=800_000).count("<image") == 0


def test_images_within_their_limits_fit_into_a_card() -> None:
    """All images at their largest, and the longest text, are below the limit."""
    shown = [fit for role, fit in SIZE_LIMITS.items() if role != "nameplate"]  # or its video
    largest = sum(max(fit.bytes, fit.animated_bytes) for fit in shown)
    largest += 9 * SIZE_LIMITS["badge"].bytes
    assert largest * 4 / 3 < MAX_SVG_BYTES - 100_000


def test_the_longest_text_is_small() -> None:
    """Lines full of the most complex emoji, in all places at once."""
    wild = "🧑🏽‍🤝‍🧑🏿🏴󠁧󠁢󠁷󠁬󠁳󠁿🇪🇨🇸🇻" * 20
    profile = like(
        AUDIBERT,
        display_name=wild,
        username=wild + "x",
        clan=Clan(wild, "1", None, None),
        display_name_styles=DisplayNameStyles(3, 6, [0xFF0000, 0xFF]),
    )
    presence = like(
        AT_WORK,
        custom_status=CustomStatus(wild, None),
        activity=[like(EDITOR, name=wild, details=wild + "y", state=wild)],
    )
    wide = CardOptions(width=card_options.MAX_WIDTH_PX)
    model, _ = card_model.build(profile, presence, wide)
    svg = card(DrawCard(model, wide, {}, NOW, None, False))
    check_svg(svg)
    assert len(svg) < MAX_SVG_BYTES

"""Display names in Discord's fonts, colors and effects."""

from __future__ import annotations

import pytest

from services.cards import card_model, name_styles
from services.cards.card_options import CardOptions
from services.cards.name_styles import NameStyle
from services.cards.render.display_name import fitted_name
from services.cards.render.text import Style
from shared.model.snapshot import DisplayNameStyles
from tests.cards.sample_users import AT_WORK, AUDIBERT, like

USUAL = Style(22, bold=True)


@pytest.mark.parametrize(
    ("styles", "gradient", "wanted"),
    [
        (None, (), None),
        (DisplayNameStyles(11, 1, []), (), None),
        (DisplayNameStyles(None, None, []), (), None),
        (DisplayNameStyles(99, 99, []), (), None),
        (DisplayNameStyles(3, 2, []), (), NameStyle("Name-Sakura", "gradient", ())),
        (DisplayNameStyles(99, 99, [255]), (), NameStyle("", "solid", ("#0000ff",))),
        (DisplayNameStyles(8, 3, [1] * 8), (), NameStyle("Name-Pixel", "neon", ("#000001",) * 5)),
        (None, ("ff0000", "0000ff"), NameStyle("", "gradient", ("#ff0000", "#0000ff"))),
        (
            DisplayNameStyles(3, 3, [255]),
            ("ff0000", "0000ff"),
            NameStyle("Name-Sakura", "gradient", ("#ff0000", "#0000ff")),
        ),
        (
            DisplayNameStyles(11, 6, [255]),
            ("ff0000", "0000ff"),
            NameStyle("", "glow", ("#ff0000", "#0000ff")),
        ),
    ],
)
def test_styles(
    styles: DisplayNameStyles | None, gradient: tuple[str, ...], wanted: NameStyle | None
) -> None:
    """Numbers that are not known change nothing. The colors of the address win."""
    assert name_styles.of(styles, gradient) == wanted


@pytest.mark.parametrize("font", range(1, 17))
def test_every_font_draws_latin_names(font: int) -> None:
    """Also with accents; other letters come from the usual fonts. Names fit as usual."""
    style = name_styles.of(DisplayNameStyles(font, 1, [255]), ())
    assert style is not None
    name = fitted_name("Zoë Müller 42", USUAL, style, 400)
    assert {run.font.name for run in name.runs if run.font} == {style.face or "Inter-Bold"}
    mixed = fitted_name("Zoë 夜 🌙 Ωmega", USUAL, style, 400)
    assert all(run.font for run in mixed.runs)
    assert fitted_name("Zoë " * 30, USUAL, style, 200).width <= 200


def test_a_plain_name_is_drawn_as_before() -> None:
    """`nameStyle=false`, and people who have chosen nothing."""
    plain, _ = card_model.build(AUDIBERT, AT_WORK, CardOptions())
    chosen = like(AUDIBERT, display_name_styles=DisplayNameStyles(3, 2, [1, 2]))
    assert card_model.build(chosen, AT_WORK, CardOptions())[0].name_style is not None
    assert card_model.build(chosen, AT_WORK, CardOptions(name_style=False))[0] == plain

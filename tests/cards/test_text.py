"""Lines are measured, truncated between graphemes, and run in the right direction."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cards.render import bidi
from services.cards.render.sanitize_text import MAX_MARKS, sanitize_text
from services.cards.render.text import ELLIPSIS, Line, Style, fitted, line, wrapped

STYLE = Style(14)
FAMILY = "👨‍👩‍👧‍👦"


def fonts(drawn: Line) -> list[str]:
    return [run.font.name if run.font else "none" for run in drawn.runs]


@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("Zażółć Ждать Ωmega", "Inter-Medium"),
        ("夜の図書館", "DroidSansFallback"),
        ("한국어", "DroidSansFallback"),
        ("简体中文繁體", "DroidSansFallback"),
        ("مرحبا", "NotoSansArabic-Medium"),
        ("שלום", "NotoSansHebrew-Medium"),
        ("สวัสดี", "NotoSansThai-Medium"),
        ("नमस्ते", "NotoSansDevanagari-Medium"),
        ("𝓯𝓪𝓷𝓬𝔂", "NotoSansMath-Regular"),
        (FAMILY, "Twemoji"),
        ("❤️", "Twemoji"),
        ("1️⃣", "Twemoji"),
        ("🇩🇪", "Twemoji"),
        ("♥", "Inter-Medium"),
        ("❤\ufe0e", "Inter-Medium"),
        ("ქართული", "none"),
    ],
)
def test_each_script_has_its_font(text: str, font: str) -> None:
    """Text that no font of ours has is left to the viewer's."""
    assert fonts(line(text, STYLE)) == [font]


def test_an_emoji_sequence_is_one_glyph() -> None:
    """Joined emoji, skin tones and flags are one glyph each, and are never split."""
    for sequence in (FAMILY, "👍🏽", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🏳️‍🌈"):
        drawn = line(sequence, STYLE)
        assert [len(run.glyphs) for run in drawn.runs] == [1], sequence
        assert drawn.cuts == (0,), sequence


def test_widths_add_up_and_grow_with_the_size() -> None:
    """The measured width is the drawn one."""
    drawn = line("Hello 世界 🌍", STYLE)
    assert drawn.width == pytest.approx(sum(run.width for run in drawn.runs))
    assert line("Hello 世界 🌍", Style(28)).width == pytest.approx(2 * drawn.width)
    assert line("AV", STYLE).width < line("A", STYLE).width + line("V", STYLE).width  # kerned
    digits = {round(line(d, Style(14, tabular=True)).width, 6) for d in "0123456789"}
    assert len(digits) == 1


def test_too_long_a_text_ends_with_an_ellipsis() -> None:
    """As much as fits, without the blank before the cut."""
    room = line("The quick brown …", STYLE).width - 0.5
    cut = fitted("The quick brown fox jumps over the lazy dog", STYLE, room)
    assert cut.text == "The quick brown…"
    assert cut.width <= room
    assert fitted("short", STYLE, 120).text == "short"
    assert fitted("whatever", STYLE, 3).text == ""


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.floats(0, 400))
def test_any_text_fits(text: str, width: float) -> None:
    """Any text is measured without an error, and kept within its width."""
    drawn = fitted(text, STYLE, width)
    assert drawn.width <= width or drawn.text == ""
    whole = sanitize_text(text)
    assert drawn.text == whole or drawn.text == "" or drawn.text.endswith(ELLIPSIS)
    kept = drawn.text.removesuffix(ELLIPSIS)
    assert whole.startswith(kept)


def test_words_are_wrapped() -> None:
    """Between words, and the last line is cut."""
    lines = wrapped("one two three four five six seven eight nine ten", STYLE, 80, 3)
    assert [each.text for each in lines] == ["one two", "three four", "five six se…"]
    assert all(each.width <= 80 for each in lines)


def test_invisible_characters_are_removed() -> None:
    """Control characters, direction overrides, stacked marks and runs of whitespace."""
    assert sanitize_text("a\u202eb\u2066c\x00d\u200be\ud800") == "abcde"
    assert sanitize_text("  a \n\t\u3000 b  ") == "a b"
    marks = [c for c in sanitize_text("Z" + "\u0351" * 40) if unicodedata.combining(c)]
    assert len(marks) == MAX_MARKS
    for between in ("\u200b", "\u200d", "\ufe0f", "\u034f"):
        stack = sanitize_text("Z" + f"\u0301\u0301{between}" * 42)
        assert len([c for c in stack if c == "\u0301"]) == MAX_MARKS
    assert sanitize_text("\u3164\u115f") == ""
    assert sanitize_text("👨\u200d👩") == "👨\u200d👩"
    assert len(sanitize_text("x" * 100_000)) < 1000


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("abc 123", [0] * 7),
        ("אב 12", [1, 1, 1, 2, 2]),
        ("abc אב", [0, 0, 0, 0, 1, 1]),
        ("אב (cd) ה", [1, 1, 1, 1, 2, 2, 1, 1, 1]),
        ("א ab (cd)", [1, 1, 2, 2, 2, 2, 2, 2, 2]),
        ("", []),
    ],
)
def test_direction_is_resolved(text: str, levels: list[int]) -> None:
    """Unicode Standard Annex 9, with the rule for brackets (N0)."""
    assert bidi.levels(text) == levels


def test_visual_order() -> None:
    """A number in Hebrew stands left of the word that comes before it."""
    assert bidi.visual_order([(1, "first"), (2, "12"), (1, "last")]) == ["last", "12", "first"]
    assert bidi.visual_order([(0, "a"), (1, "b"), (1, "c"), (0, "d")]) == ["a", "c", "b", "d"]
    runs = line("שלום 12", STYLE).runs
    assert [run.text.strip() for run in runs] == ["12", "שלום"]

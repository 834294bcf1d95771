"""Clocks that tick and bars that grow, without a script."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cards.render.animation import HOUR_S, _columns, bar, clock, clock_text, countdown
from services.cards.render.canvas import Canvas
from services.cards.render.text import Style

STYLE = Style(12, tabular=True)
PAINT = 'fill="#fff"'


def svg(
    elapsed: float, until: float | None = None, *, wide: bool = True, animated: bool = True
) -> str:
    canvas = Canvas()
    clock(canvas, 0, 20, STYLE, PAINT, elapsed, until, wide=wide, animated=animated)
    return canvas.document(100, 30, "clock")


def iterations(drawn: str) -> list[tuple[float, float, float]]:
    """Of each wheel: seconds of a cycle, seconds of it that have passed, cycles until it stops."""
    found = re.findall(r"animation:c\d (\d+)s steps\(\d+\) -([\d.]+)s ([\d.]+) both", drawn)
    return [(float(cycle), float(offset), float(turns)) for cycle, offset, turns in found]


@pytest.mark.parametrize(
    ("seconds", "wide", "text"),
    [
        (0, False, "0:00"),
        (83, False, "1:23"),
        (83, True, "01:23"),
        (3599, True, "59:59"),
        (3600, True, "1:00:00"),
        (100 * HOUR_S, False, "100:00:00"),
        (-5, False, "0:00"),
    ],
)
def test_times_are_written_as_discord_writes_them(seconds: int, wide: bool, text: str) -> None:
    """Minutes and seconds, and hours from the first one on."""
    assert clock_text(seconds, wide) == text


@given(st.floats(0, 90 * HOUR_S), st.floats(0, 2 * HOUR_S))
def test_the_wheels_show_the_time(elapsed: float, later: float) -> None:
    """At any later moment each shows a clock's digit, as long as the clock has as many."""
    text = clock_text(int(elapsed), wide=True)
    after = clock_text(int(elapsed + later), wide=True)
    if len(after) != len(text):
        return
    for sign, column in zip(after, _columns(text, elapsed), strict=True):
        if column is None:
            assert sign == ":"
            continue
        turns = column.now + int((column.passed + later) // column.seconds)
        if abs((column.passed + later) % column.seconds) < 1e-3:
            continue  # at the moment of a step, rounding decides
        place = turns % len(column.signs) if column.repeats else turns
        assert column.signs[place] == sign


@given(st.floats(0, 99 * HOUR_S), st.none() | st.floats(0, 10 * HOUR_S))
def test_the_clock_stops_in_time(elapsed: float, until: float | None) -> None:
    """At the end of the song, and before it would need another digit."""
    for cycle, offset, turns in iterations(svg(elapsed, until)):
        ends = elapsed + turns * cycle - offset
        rounded = 0.2  # seconds: six digits of up to 1,440 turns
        assert until is None or ends <= until + rounded
        assert elapsed >= HOUR_S or ends <= HOUR_S
        assert cycle <= HOUR_S or turns <= 1


@given(st.floats(0, 90 * HOUR_S), st.floats(0, 4 * HOUR_S))
def test_the_wheels_of_a_countdown_show_what_is_left(remaining: float, later: float) -> None:
    """At any later moment, with the digits that it began with, until it stops."""
    text = clock_text(int(remaining), wide=True)
    hours, left = int(remaining) // HOUR_S, remaining - later
    if left < 0 or int(left) // HOUR_S <= hours - 4:
        return
    minutes, seconds = divmod(int(left) % HOUR_S, 60)
    digits = text.count(":") == 2 and len(text) - 6
    expected = f"{minutes:02}:{seconds:02}"
    if digits:
        expected = f"{int(left) // HOUR_S:0{digits}}:{expected}"
    for sign, column in zip(expected, _columns(text, remaining, down=True), strict=True):
        if column is None:
            assert sign == ":"
            continue
        moved = (column.passed + later) % column.seconds
        if min(moved, column.seconds - moved) < 1e-3:
            continue  # at the moment of a step, rounding decides
        turns = column.now + int((column.passed + later) // column.seconds)
        place = turns % len(column.signs) if column.repeats else turns
        assert column.signs[place] == sign


@given(st.floats(0, 99 * HOUR_S))
def test_a_countdown_stops_at_zero(remaining: float) -> None:
    """And before it would need an hour that it has no sign for."""
    canvas = Canvas()
    countdown(canvas, 0, 20, STYLE, PAINT, remaining, animated=True)
    drawn = iterations(canvas.document(100, 30, "clock"))
    assert bool(drawn) == (remaining % HOUR_S > 0.2 or remaining >= HOUR_S)
    for cycle, offset, turns in drawn:
        runs_for = turns * cycle - offset
        assert runs_for < remaining
        assert runs_for < 4 * HOUR_S


def test_a_clock_that_does_not_move_shows_the_time() -> None:
    """Readers who want less motion get no animation: the wheels stand where they were drawn."""
    markup = svg(754.0)
    rules = re.findall(r"[.](c\d)\{([^}]*)\}", markup)
    assert len(rules) == 4
    assert all(rule.startswith("animation:") for _, rule in rules)
    assert len(re.findall(r'class="c\d m" transform="translate\(0 -', markup)) == 4


def test_a_static_clock_has_no_style() -> None:
    """A PNG, a finished song, and options without animation."""
    assert "animation" in svg(10)
    assert "<style>" not in svg(10, animated=False)
    assert "<style>" not in svg(300, 200)


def test_a_bar_is_full_in_the_end() -> None:
    """It begins at the song's position, and takes the rest of its duration."""
    canvas = Canvas()
    bar(canvas, 0, 0, 200, PAINT, "#1ed760", 50, 200, animated=True)
    drawn = canvas.document(200, 5, "bar")
    assert "translate(-150 0)" in drawn
    assert "translateX(-150px)" in drawn
    assert "animation:p 150s linear both" in drawn
    canvas = Canvas()
    bar(canvas, 0, 0, 200, PAINT, "#1ed760", 500, 200, animated=True)
    assert "animation" not in canvas.document(200, 5, "bar")

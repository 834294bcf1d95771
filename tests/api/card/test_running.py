"""Clocks that tick and bars that grow, without a script."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.card.drawing.canvas import Canvas
from services.api.card.drawing.running import HOUR, _columns, bar, clock, clock_text
from services.api.card.drawing.text import Style

STYLE = Style(12, tabular=True)
PAINT = 'fill="#fff"'


def svg(
    elapsed: float, until: float | None = None, *, wide: bool = True, moves: bool = True
) -> str:
    canvas = Canvas()
    clock(canvas, 0, 20, STYLE, PAINT, elapsed, until, wide=wide, moves=moves)
    return canvas.document(100, 30, "clock")


def iterations(drawn: str) -> list[tuple[float, float, float]]:
    """Of each wheel: seconds of a turn, seconds that it is in already, turns until it stands."""
    found = re.findall(r"animation:c\d (\d+)s steps\(\d+\) -([\d.]+)s ([\d.]+) both", drawn)
    return [(float(cycle), float(behind), float(turns)) for cycle, behind, turns in found]


@pytest.mark.parametrize(
    ("seconds", "wide", "text"),
    [
        (0, False, "0:00"),
        (83, False, "1:23"),
        (83, True, "01:23"),
        (3599, True, "59:59"),
        (3600, True, "1:00:00"),
        (100 * HOUR, False, "100:00:00"),
        (-5, False, "0:00"),
    ],
)
def test_times_are_written_as_discord_writes_them(seconds: int, wide: bool, text: str) -> None:
    """Minutes and seconds, and hours once there are some."""
    assert clock_text(seconds, wide) == text


@given(st.floats(0, 90 * HOUR), st.floats(0, 2 * HOUR))
def test_the_wheels_show_the_time(elapsed: float, later: float) -> None:
    """At any later moment that they show the sign that a clock would, as long as it has as many."""
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
            continue  # in the very moment of a step, rounding decides
        place = turns % len(column.signs) if column.again else turns
        assert column.signs[place] == sign


@given(st.floats(0, 99 * HOUR), st.none() | st.floats(0, 10 * HOUR))
def test_the_clock_stands_still_in_time(elapsed: float, until: float | None) -> None:
    """At the song's end, and before it would need another digit."""
    for cycle, behind, turns in iterations(svg(elapsed, until)):
        ends = elapsed + turns * cycle - behind
        rounded = 0.2  # seconds: six digits of up to 1,440 turns
        assert until is None or ends <= until + rounded
        assert elapsed >= HOUR or ends <= HOUR
        assert cycle <= HOUR or turns <= 1


def test_what_stands_still_has_no_style() -> None:
    """A PNG, a song that is over, and whoever asked for it."""
    assert "animation" in svg(10)
    assert "<style>" not in svg(10, moves=False)
    assert "<style>" not in svg(300, 200)


def test_a_bar_is_full_in_the_end() -> None:
    """It has moved as far as the song has, and takes the rest of its time."""
    canvas = Canvas()
    bar(canvas, 0, 0, 200, PAINT, "#1ed760", 50, 200, moves=True)
    drawn = canvas.document(200, 5, "bar")
    assert "translate(-150 0)" in drawn
    assert "translateX(-150px)" in drawn
    assert "animation:p 150s linear both" in drawn
    canvas = Canvas()
    bar(canvas, 0, 0, 200, PAINT, "#1ed760", 500, 200, moves=True)
    assert "animation" not in canvas.document(200, 5, "bar")

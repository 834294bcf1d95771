"""Times that go on: a clock that ticks and a bar that grows, by CSS alone.

A picture in a README is an `<img>`: nothing in it can run a script, but CSS animations do run.
Whoever does not run them (a forum, a PNG) sees the time at which the card was drawn, and so do
people who have asked for less motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.api.card.drawing.canvas import Canvas, num, written
from services.api.card.drawing.text import Style, line

HOUR: Final = 3600
_HOURS_AHEAD: Final = 4  # columns of hours are as long: nobody looks at one picture longer


class _Column(Struct, frozen=True):
    """A place of the clock: what it shows in turn, and for how many seconds each."""

    signs: Sequence[str]
    seconds: int
    now: int  # which of them
    passed: float  # seconds of its turn
    again: bool = True


def clock_text(seconds: int, wide: bool = False) -> str:
    """`1:23`, `12:34` or `1:02:03`. `wide`: with two digits for the minutes in any case."""
    hours, rest = divmod(max(0, seconds), HOUR)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes:02}:{rest:02}" if wide else f"{minutes}:{rest:02}"


def clock(
    canvas: Canvas,
    x: float,
    baseline: float,
    style: Style,
    paint: str,
    elapsed: float,
    until: float | None,
    *,
    wide: bool,
    moves: bool,
) -> float:
    """A clock at `elapsed` seconds whose left end is at x; gives its width.

    It goes on to `until` seconds at most, and never changes its width.
    """
    text = clock_text(int(elapsed), wide)
    whole = line(text, style)
    longest = HOUR - 1.0 if elapsed < HOUR else (elapsed // HOUR + _HOURS_AHEAD) * HOUR - 1.0
    if not wide and elapsed < 600:
        longest = 599.0
    goes_on = min(longest, longest if until is None else until) - elapsed
    if not moves or goes_on <= 0 or elapsed >= 100 * HOUR:
        canvas.words(whole, x, baseline, paint)
        return whole.width
    height = round(style.size * 1.5)
    top = baseline - style.size * 1.1
    box = f'x="{num(x)}" y="{num(top)}" width="{num(whole.width)}" height="{height}"'
    canvas.add(f'<g clip-path="{canvas.define("clipPath", "", f"<rect {box}/>")}">')
    at = x
    for number, (sign, column) in enumerate(zip(text, _columns(text, elapsed), strict=True)):
        drawn = line(sign, style)
        if column is None:
            canvas.words(drawn, at, baseline, paint)
        else:
            _wheel(canvas, f"c{number}", column, at, baseline, style, paint, height, goes_on)
        at += drawn.width
    canvas.add("</g>")
    return whole.width


def _columns(text: str, elapsed: float) -> list[_Column | None]:
    """For each sign of the text, how it goes on; None for the colons."""
    whole = int(elapsed)
    minutes = whole // 60
    digits = "0123456789"
    found: list[_Column | None] = []
    wheels = [
        _Column(digits, 1, whole % 10, elapsed - whole),
        _Column(digits[:6], 10, whole // 10 % 6, elapsed % 10),
        _Column(digits, 60, minutes % 10, elapsed % 60),
        _Column(digits[:6], 600, minutes // 10 % 6, elapsed % 600),
    ]
    hours = whole // HOUR
    ahead = range(hours, hours + _HOURS_AHEAD)
    for place in range(sum(sign != ":" for sign in text) - len(wheels)):
        signs = [str(hour // 10**place % 10) for hour in ahead]
        wheels.append(_Column(signs, HOUR, 0, elapsed % HOUR, again=False))
    left = iter(wheels)
    for sign in reversed(text):
        found.append(None if sign == ":" else next(left))
    return found[::-1]


def _wheel(
    canvas: Canvas,
    name: str,
    column: _Column,
    x: float,
    baseline: float,
    style: Style,
    paint: str,
    height: int,
    goes_on: float,
) -> None:
    """A column of signs that moves up one place at a time, and stands still at the end."""
    count = len(column.signs)
    cycle = count * column.seconds
    behind = column.now * column.seconds + column.passed
    turns = (behind + goes_on) / cycle
    canvas.style(
        f"@keyframes {name}{{to{{transform:translateY(-{height * count}px)}}}}"
        f".{name}{{transform:none;animation:{name} {cycle}s steps({count}) -{num(behind)}s"
        f" {turns:.6g} both}}"
    )
    canvas.add(f'<g class="{name} m" transform="translate(0 {num(-column.now * height)})">')
    for row, sign in enumerate(column.signs):
        drawn = line(sign, style)
        for run in drawn.runs:
            canvas.add(written(run, x, baseline + row * height, style.size, paint))
    canvas.add("</g>")


def bar(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    track: str,
    colour: str,
    elapsed: float,
    whole: float,
    *,
    moves: bool,
) -> None:
    """A bar, 5 px high, that is full after `whole` seconds."""
    done = min(1.0, max(0.0, elapsed / whole)) if whole > 0 else 1.0
    box = f'x="{num(x)}" y="{num(y)}" width="{num(width)}" height="5" rx="2.5"'
    missing = width * (1 - done)
    canvas.add(f"<rect {box} {track}/>")
    clip = canvas.define("clipPath", "", f"<rect {box}/>")
    moving = ""
    if moves and 0 < whole - elapsed < 24 * HOUR:
        canvas.style(
            f"@keyframes p{{from{{transform:translateX(-{num(missing)}px)}}to{{transform:none}}}}"
            f".p{{animation:p {num(whole - elapsed)}s linear both}}"
        )
        moving = ' class="p m"'
    canvas.add(
        f'<g clip-path="{clip}"><rect{moving} {box} fill="{colour}"'
        f' transform="translate({num(-missing)} 0)"/></g>'
    )


CALM: Final = "@media (prefers-reduced-motion:reduce){.m{animation:none!important}}"
"""For a card in which something moves."""

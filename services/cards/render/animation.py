"""A clock that ticks and a progress bar that grows, by CSS alone.

An image in a README is an `<img>`: it cannot run a script, but CSS animations do run. Where they
do not (a forum, a PNG, or a viewer with reduced motion), the card shows the time at which it was
drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.cards.render.canvas import Canvas, num, run_markup
from services.cards.render.text import Style, line

HOUR_S: Final = 3600
_BEFORE_ZERO_S: Final = 0.2  # at which a countdown stops: at 0 it would turn to 9
_HOURS_SHOWN: Final = 4  # the length of a column of hours: no image is shown for longer


class _Column(Struct, frozen=True):
    """A digit of the clock: the signs that it shows in turn, each for some seconds."""

    signs: Sequence[str]
    seconds: int
    now: int  # index of the sign that is shown
    passed: float  # seconds for which it has been
    repeats: bool = True


def clock_text(seconds: int, wide: bool = False) -> str:
    """`1:23`, `12:34` or `1:02:03`. `wide`: always with two digits for the minutes."""
    hours, rest = divmod(max(0, seconds), HOUR_S)
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
    animated: bool,
) -> float:
    """A clock at `elapsed` seconds that begins at x. Returns its width.

    It runs until `until` seconds at most, and never changes its width.
    """
    text = clock_text(int(elapsed), wide)
    whole = line(text, style)
    hours = 1 if elapsed < HOUR_S else elapsed // HOUR_S + _HOURS_SHOWN
    longest = hours * HOUR_S - 1.0
    if not wide and elapsed < 600:
        longest = 599.0
    runs_for = min(longest, longest if until is None else until) - elapsed
    if not animated or runs_for <= 0 or elapsed >= 100 * HOUR_S:
        canvas.text_line(whole, x, baseline, paint)
        return whole.width
    return _running(canvas, x, baseline, style, paint, text, _columns(text, elapsed), runs_for)


def countdown(
    canvas: Canvas,
    x: float,
    baseline: float,
    style: Style,
    paint: str,
    remaining: float,
    *,
    animated: bool,
) -> float:
    """A clock that runs backwards from `remaining` seconds to 0. Returns its width."""
    text = clock_text(int(remaining), wide=True)
    last_hour = max(0, int(remaining) // HOUR_S - _HOURS_SHOWN + 1)
    runs_for = remaining - last_hour * HOUR_S - _BEFORE_ZERO_S
    if not animated or runs_for <= 0 or remaining >= 100 * HOUR_S:
        whole = line(text, style)
        canvas.text_line(whole, x, baseline, paint)
        return whole.width
    columns = _columns(text, remaining, down=True)
    return _running(canvas, x, baseline, style, paint, text, columns, runs_for)


def _running(
    canvas: Canvas,
    x: float,
    baseline: float,
    style: Style,
    paint: str,
    text: str,
    columns: Sequence[_Column | None],
    runs_for: float,
) -> float:
    """The signs of the text, each as a column that moves. Returns their width."""
    whole = line(text, style)
    height = round(style.size * 1.5)
    top = baseline - style.size * 1.1
    box = f'x="{num(x)}" y="{num(top)}" width="{num(whole.width)}" height="{height}"'
    canvas.add(f'<g clip-path="{canvas.define("clipPath", "", f"<rect {box}/>")}">')
    at = x
    for number, (sign, column) in enumerate(zip(text, columns, strict=True)):
        drawn = line(sign, style)
        if column is None:
            canvas.text_line(drawn, at, baseline, paint)
        else:
            _wheel(canvas, f"c{number}", column, at, baseline, style, paint, height, runs_for)
        at += drawn.width
    canvas.add("</g>")
    return whole.width


def _columns(text: str, seconds: float, *, down: bool = False) -> list[_Column | None]:
    """For each sign of the text, the column that continues it; None for the colons."""
    hours = int(seconds) // HOUR_S
    digits = "0123456789"
    wheels = [
        _column(digits, 1, seconds, down),
        _column(digits[:6], 10, seconds, down),
        _column(digits, 60, seconds, down),
        _column(digits[:6], 600, seconds, down),
    ]
    ahead = range(hours, hours + _HOURS_SHOWN)
    passed = seconds % HOUR_S
    if down:
        ahead = range(hours, max(-1, hours - _HOURS_SHOWN), -1)
        passed = HOUR_S - passed
    for place in range(sum(sign != ":" for sign in text) - len(wheels)):
        signs = [str(hour // 10**place % 10) for hour in ahead]
        wheels.append(_Column(signs, HOUR_S, 0, passed, repeats=False))
    left = iter(wheels)
    found = [None if sign == ":" else next(left) for sign in reversed(text)]
    return found[::-1]


def _column(signs: str, unit_s: int, seconds: float, down: bool) -> _Column:
    """The signs of one place of the clock, each of which is shown for `unit_s` seconds."""
    now = int(seconds) // unit_s % len(signs)
    if down:
        return _Column(signs[::-1], unit_s, len(signs) - 1 - now, unit_s - seconds % unit_s)
    return _Column(signs, unit_s, now, seconds % unit_s)


def _wheel(
    canvas: Canvas,
    name: str,
    column: _Column,
    x: float,
    baseline: float,
    style: Style,
    paint: str,
    height: int,
    runs_for: float,
) -> None:
    """A column of signs that moves up one place at a time, and stops at the end."""
    count = len(column.signs)
    cycle = count * column.seconds
    offset = column.now * column.seconds + column.passed
    turns = (offset + runs_for) / cycle
    canvas.style(
        # From none, not from the transform below, which counts where nothing moves.
        f"@keyframes {name}{{from{{transform:none}}"
        f"to{{transform:translateY(-{height * count}px)}}}}"
        f".{name}{{animation:{name} {cycle}s steps({count}) -{num(offset)}s"
        f" {turns:.6g} both}}"
    )
    canvas.add(f'<g class="{name} m" transform="translate(0 {num(-column.now * height)})">')
    for row, sign in enumerate(column.signs):
        drawn = line(sign, style)
        for run in drawn.runs:
            canvas.add(run_markup(run, x, baseline + row * height, style.size, paint))
    canvas.add("</g>")


def bar(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    track: str,
    color: str,
    elapsed: float,
    whole: float,
    *,
    animated: bool,
) -> None:
    """A bar of 5 px height that is full after `whole` seconds."""
    done = min(1.0, max(0.0, elapsed / whole)) if whole > 0 else 1.0
    box = f'x="{num(x)}" y="{num(y)}" width="{num(width)}" height="5" rx="2.5"'
    missing = width * (1 - done)
    canvas.add(f"<rect {box} {track}/>")
    clip = canvas.define("clipPath", "", f"<rect {box}/>")
    animation = ""
    if animated and 0 < whole - elapsed < 24 * HOUR_S:
        canvas.style(
            f"@keyframes p{{from{{transform:translateX(-{num(missing)}px)}}to{{transform:none}}}}"
            f".p{{animation:p {num(whole - elapsed)}s linear both}}"
        )
        animation = ' class="p m"'
    canvas.add(
        f'<g clip-path="{clip}"><rect{animation} {box} fill="{color}"'
        f' transform="translate({num(-missing)} 0)"/></g>'
    )


REDUCED_MOTION_CSS: Final = "@media (prefers-reduced-motion:reduce){.m{animation:none!important}}"
"""For a card with animations."""

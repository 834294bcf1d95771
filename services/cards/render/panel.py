"""The lower part of a card: the activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from services.cards.card_model import Panel
from services.cards.render import animation, icons
from services.cards.render.canvas import Canvas, num
from services.cards.render.text import Style, fitted, line
from services.cards.render.theme import SPOTIFY, Palette
from services.cards.render_jobs import CardImage
from services.cards.texts import TimeTexts

_PAD: Final = 12
_GAP: Final = 14
_SMALL: Final = 28
_HEADING: Final = Style(12)
_TITLE: Final = Style(15.5, bold=True)
_LINE: Final = Style(13.5)
_TIME: Final = Style(12.5, tabular=True)
_LARGE_ART: Final = 88
_SMALL_ART: Final = 64
_IDLE: Final = Style(14)
IDLE_HEIGHT: Final = 48


class Box(Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float
    radius: float


def height(panel: Panel) -> float:
    return _art_size(panel) + 2 * _PAD


def _art_size(panel: Panel) -> float:
    rows = 1 + bool(panel.heading) + len(panel.lines) + panel.timed
    return _LARGE_ART if rows > 3 else _SMALL_ART


def draw(
    canvas: Canvas,
    panel: Panel,
    images: Mapping[str, CardImage],
    palette: Palette,
    box: Box,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> None:
    palette = palette.inside
    art = images.get("art")
    draw_background(canvas, palette, box, art.dominant_color if art else palette.accent)
    size = _art_size(panel)
    draw_art(canvas, panel, images, palette, box.x + _PAD, box.y + _PAD, size, box.radius)
    left = box.x + _PAD + size + _GAP
    room = box.x + box.width - _PAD - 4 - left
    _text(canvas, panel, palette, left, box.y + box.height / 2, room, texts, now, animated)


def idle(canvas: Canvas, text: str, palette: Palette, box: Box) -> None:
    """The text in place of an activity."""
    palette = palette.inside
    draw_background(canvas, palette, box, None)
    said = fitted(text, _IDLE, box.width - 2 * _PAD - 8)
    x = box.x + (box.width - said.width) / 2
    canvas.text_line(said, x, box.y + box.height / 2 + 5, palette.paint("faint"))


def draw_background(canvas: Canvas, palette: Palette, box: Box, tone: str | None) -> None:
    shape = (
        f'<rect x="{num(box.x)}" y="{num(box.y)}" width="{num(box.width)}"'
        f' height="{num(box.height)}" rx="{num(box.radius)}"'
    )
    canvas.add(f"{shape} {palette.paint('panel')}/>")
    if tone is None:
        return
    strong = palette.wash
    stops = f'<stop stop-color="{tone}" stop-opacity="{strong:g}"/>'
    stops += f'<stop offset="1" stop-color="{tone}" stop-opacity="{strong / 5:g}"/>'
    wash = canvas.define("linearGradient", 'x1="0" y1="0" x2="1" y2=".35"', stops)
    canvas.add(f'{shape} fill="{wash}"/>')


def draw_art(
    canvas: Canvas,
    panel: Panel,
    images: Mapping[str, CardImage],
    palette: Palette,
    x: float,
    y: float,
    size: float,
    radius: float,
) -> None:
    art, small = images.get("art"), images.get("small")
    round_ = min(12.0, max(4.0, radius - 2)) if radius else 0.0
    round_ = max(round_, radius - _PAD * (2 + 2**0.5))  # else it would cross the panel's corner
    shape = (
        f'<rect x="{num(x)}" y="{num(y)}" width="{num(size)}" height="{num(size)}"'
        f' rx="{num(round_)}" fill="#fff"/>'
    )
    dot = size - _SMALL / 2 + 4
    cut = ""
    if small is not None:
        cut = f'<circle cx="{num(x + dot)}" cy="{num(y + dot)}" r="{_SMALL / 2 + 3:g}"/>'
    canvas.add(f'<g mask="{canvas.define("mask", "", shape, cut)}">')
    if art is not None:
        canvas.image(art, x, y, size, size)
    else:
        color = SPOTIFY if panel.spotify else palette.accent
        canvas.add(f'<rect x="{num(x)}" y="{num(y)}" width="{num(size)}" height="{num(size)}"')
        canvas.add(f' fill="{color}" fill-opacity=".2"/>')
        middle = size / 2
        paint = f'fill="{color}"' if panel.spotify else palette.paint("soft")
        canvas.add(icons.activity(panel.kind, x + middle, y + middle, size * 0.46, paint))
    canvas.add("</g>")
    if small is not None:
        disc = f'<circle cx="{num(x + dot)}" cy="{num(y + dot)}" r="{_SMALL / 2:g}"/>'
        clip = canvas.define("clipPath", "", disc)
        corner = dot - _SMALL / 2
        more = f'clip-path="{clip}"'
        canvas.image(small, x + corner, y + corner, _SMALL, _SMALL, more)


def _text(
    canvas: Canvas,
    panel: Panel,
    palette: Palette,
    left: float,
    middle: float,
    room: float,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> None:
    rows = [(panel.heading, _HEADING, 17.0)] if panel.heading else []
    rows.append((panel.title, _TITLE, 21.0))
    rows += [(text, _LINE, 18.5) for text in panel.lines]
    timed = panel.timed
    top = middle - (sum(row[2] for row in rows) + (21 if timed else 0)) / 2
    for text, style, tall in rows:
        paint = palette.paint("text" if style is _TITLE else "soft")
        start, space = left, room
        if style is _HEADING and panel.spotify:
            canvas.add(icons.activity("song", left + 6, top + 8, 12, palette.spotify))
            start, space = left + 17, room - 17
        canvas.text_line(fitted(text, style, space), start, top + tall * 0.76, paint)
        top += tall
    if timed:
        _time(canvas, panel, palette, left, top + 15.5, room, texts, now, animated)


def _time(
    canvas: Canvas,
    panel: Panel,
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> None:
    """The elapsed time, with a bar if the end is known; or, with an end alone, what is left."""
    if panel.start is None:
        _remaining(canvas, panel.end or 0, palette, left, baseline, room, texts, now, animated)
        return
    start, end = panel.start, panel.end
    elapsed = max(0.0, (now - start) / 1000)
    if end is not None and 0 < end - start <= 24 * animation.HOUR_S * 1000:
        whole = (end - start) / 1000
        elapsed = min(elapsed, whole)
        wide = whole >= 600
        soft = palette.paint("soft")
        total = line(animation.clock_text(int(whole), wide), _TIME)
        taken = animation.clock(
            canvas, left, baseline, _TIME, soft, elapsed, whole, wide=wide, animated=animated
        )
        canvas.text_line(total, left + room - total.width, baseline, soft)
        color = bar_color(panel, palette)
        animation.bar(
            canvas,
            left + taken + 9,
            baseline - 7,
            room - taken - total.width - 18,
            palette.paint("track"),
            color,
            elapsed,
            whole,
            animated=animated,
        )
        return
    canvas.add(icons.clock(left + 6, baseline - 4.4, 11.5, palette.paint("live")))
    if elapsed >= 100 * animation.HOUR_S:
        days = texts.for_days.format(days=int(elapsed // (24 * animation.HOUR_S)))
        canvas.text_line(fitted(days, _TIME, room - 18), left + 18, baseline, palette.paint("live"))
        return
    animation.clock(
        canvas,
        left + 18,
        baseline,
        _TIME,
        palette.paint("live"),
        elapsed,
        None,
        wide=True,
        animated=animated,
    )


def bar_color(panel: Panel, palette: Palette) -> str:
    if not panel.spotify:
        return palette.accent
    return SPOTIFY if palette.name == "dark" else "#1db954"


def _remaining(
    canvas: Canvas,
    end: int,
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> None:
    paint = palette.paint("live")
    remaining = max(0.0, (end - now) / 1000)
    canvas.add(icons.clock(left + 6, baseline - 4.4, 11.5, paint))
    if remaining >= 100 * animation.HOUR_S:
        days = texts.days_left.format(days=int(remaining // (24 * animation.HOUR_S)))
        canvas.text_line(fitted(days, _TIME, room - 18), left + 18, baseline, paint)
        return
    x = left + 18
    if texts.before_left:
        said = fitted(texts.before_left, _TIME, room / 2)
        canvas.text_line(said, x, baseline, paint)
        x += said.width + 4
    x += animation.countdown(canvas, x, baseline, _TIME, paint, remaining, animated=animated)
    said = fitted(texts.after_left, _TIME, left + room - x - 4)
    canvas.text_line(said, x + 4, baseline, paint)

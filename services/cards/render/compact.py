"""The two small layouts: `compact`, a short header and a short panel; `minimal`, one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.cards.card_model import CardModel, Panel
from services.cards.card_options import CardOptions
from services.cards.render import animation, avatar, header, icons, panel
from services.cards.render.canvas import Canvas
from services.cards.render.panel import Box
from services.cards.render.text import Style, fitted, line
from services.cards.render.theme import Palette
from services.cards.render_jobs import CardImage
from services.cards.texts import TimeTexts

_MARGIN: Final = 12
_HEADER: Final = 74
_AVATAR: Final = 48
_NAME: Final = Style(17, bold=True)
_BADGE: Final = 18
_PANEL: Final = 56
_IDLE: Final = 36
_ART: Final = 40
_TITLE: Final = Style(14, bold=True)
_LINE: Final = Style(12.5)
_TIME: Final = Style(12, tabular=True)
_SHORTEST_WITH_TAG_PX: Final = 200

_ROW: Final = 56
_ROW_AVATAR: Final = 36
_ROW_PAD: Final = 10
_ROW_NAME: Final = Style(15.5, bold=True)


def height(model: CardModel, options: CardOptions) -> float:
    if options.layout == "minimal" and model.with_profile:
        return _ROW
    body = _PANEL if model.panel is not None else _IDLE if model.idle is not None else 0
    return (_HEADER if model.with_profile else _MARGIN) + body + (_MARGIN if body else 2)


def draw(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    options: CardOptions,
    texts: TimeTexts,
    now: int,
    animated: bool,
    radius: float,
) -> None:
    """`radius`: of the card's corners."""
    if options.layout == "minimal" and model.with_profile:
        _row(canvas, model, images, palette, options.width)
        return
    top = _MARGIN
    if model.with_profile:
        top = _HEADER
        _header(canvas, model, images, palette, options.width)
    tall = _PANEL if model.panel is not None else _IDLE
    inner = max(0.0, min(radius - 4, tall / 2))
    box = Box(_MARGIN, top, options.width - 2 * _MARGIN, tall, inner)
    if model.panel is not None:
        _panel(canvas, model.panel, images, palette.inside, box, texts, now, animated)
    elif model.idle is not None:
        panel.idle(canvas, model.idle, palette, box)


def _row(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    width: int,
) -> None:
    avatar.draw(canvas, model, images, palette, _ROW_PAD, _ROW_PAD, _ROW_AVATAR)
    left, right = float(2 * _ROW_PAD + _ROW_AVATAR + 2), float(width - _ROW_PAD - 2)
    shown = model.panel
    if shown is not None and "art" in images:
        right -= _ROW_AVATAR
        panel.draw_art(canvas, shown, images, palette, right, _ROW_PAD, _ROW_AVATAR, 10)
        right -= _ROW_PAD
    room = right - left
    with_tag = room >= _SHORTEST_WITH_TAG_PX
    header.name_row(canvas, model, images, palette, left, 25, room, _ROW_NAME, with_tag=with_tag)
    baseline = 43.5
    if shown is not None:
        canvas.add(icons.activity(shown.kind, left + 7, baseline - 4.5, 13, palette.paint("soft")))
        text = " · ".join((shown.title, *shown.lines))
        said = fitted(text, _LINE, room - 19)
        canvas.text_line(said, left + 19, baseline, palette.paint("soft"))
    elif model.status_text or model.emoji_text or "emoji" in images:
        header.status_row(canvas, model, images, palette, left, baseline, room)
    elif model.idle:
        canvas.text_line(fitted(model.idle, _LINE, room), left, baseline, palette.paint("faint"))


def _header(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    width: int,
) -> None:
    avatar.draw(canvas, model, images, palette, _MARGIN + 2, _MARGIN + 1, _AVATAR)
    left = float(_MARGIN + _AVATAR + 16)
    room = width - _MARGIN - 4 - left
    has_status = bool(model.status_text or model.emoji_text or "emoji" in images)
    about = " · ".join(text for text in (model.username, model.pronouns) if text)
    baseline = 33.0 if has_status or about else 43.0
    end = header.name_row(canvas, model, images, palette, left, baseline, room, _NAME)
    step = _BADGE + 4
    badges = [images[f"badge{n}"] for n in range(len(model.badges)) if f"badge{n}" in images]
    for badge in badges[: max(0, int((left + room - end - 9 + 4) // step))]:
        canvas.image(badge, end + 9, baseline - 15.5, _BADGE, _BADGE)
        end += step
    if has_status:
        header.status_row(canvas, model, images, palette, left, 56, room)
    elif about:
        canvas.text_line(fitted(about, _LINE, room), left, 56, palette.paint("soft"))


def _panel(
    canvas: Canvas,
    shown: Panel,
    images: Mapping[str, CardImage],
    palette: Palette,
    box: Box,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> None:
    panel.draw_background(canvas, palette, box, None)
    panel.draw_art(canvas, shown, images, palette, box.x + 8, box.y + 8, _ART, box.radius)
    left = box.x + 8 + _ART + 12
    right = box.x + box.width - 12
    whole = 0
    if shown.start is not None and shown.end is not None:
        whole = shown.end - shown.start
    has_bar = 0 < whole <= 24 * animation.HOUR_S * 1000
    title, below = (box.y + 20, box.y + 37) if has_bar else (box.y + 24, box.y + 42)
    taken = _time(canvas, shown, palette, right, title, texts, now, animated)
    room = right - left - (taken + 10 if taken else 0)
    canvas.text_line(fitted(shown.title, _TITLE, room), left, title, palette.paint("text"))
    text = " · ".join(shown.lines) or shown.heading
    canvas.text_line(fitted(text, _LINE, right - left), left, below, palette.paint("soft"))
    if has_bar and shown.start is not None:
        elapsed = min(max(0.0, (now - shown.start) / 1000), whole / 1000)
        color = panel.bar_color(shown, palette)
        track = palette.paint("track")
        animation.bar(
            canvas,
            left,
            box.y + 44,
            right - left,
            track,
            color,
            elapsed,
            whole / 1000,
            animated=animated,
        )


def _time(
    canvas: Canvas,
    shown: Panel,
    palette: Palette,
    right: float,
    baseline: float,
    texts: TimeTexts,
    now: int,
    animated: bool,
) -> float:
    """The elapsed or the remaining time, which ends at `right`. Returns its width."""
    paint = palette.paint("live")
    most = 100 * animation.HOUR_S
    if shown.start is None and shown.end is None:
        return 0.0
    if shown.start is None:
        seconds, form, until = max(0.0, ((shown.end or 0) - now) / 1000), texts.days_left, None
    else:
        seconds, form = max(0.0, (now - shown.start) / 1000), texts.for_days
        until = (shown.end - shown.start) / 1000 if shown.end is not None else None
        seconds = seconds if until is None else min(seconds, max(0.0, until))
    if seconds >= most:
        said = fitted(form.format(days=int(seconds // (24 * animation.HOUR_S))), _TIME, 120)
        canvas.text_line(said, right - said.width, baseline, paint)
        return said.width
    x = right - line(animation.clock_text(int(seconds), wide=True), _TIME).width
    if shown.start is None:
        return animation.countdown(canvas, x, baseline, _TIME, paint, seconds, animated=animated)
    return animation.clock(
        canvas, x, baseline, _TIME, paint, seconds, until, wide=True, animated=animated
    )

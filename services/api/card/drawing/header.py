"""The upper part of a card: who somebody is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.api.card.drawing import icons
from services.api.card.drawing.canvas import Canvas, num
from services.api.card.drawing.text import Line, Style, fitted, line
from services.api.card.drawing.theme import STATUS, STREAMING, Palette
from services.api.card.jobs import Picture
from services.api.card.subject import Subject

PAD: Final = 20
AVATAR: Final = 80
HEIGHT: Final = PAD + AVATAR
_DECORATION: Final = 1.2  # of the avatar: Discord's own proportion
_DOT: Final = 21
_GAP: Final = 18
_NAME: Final = Style(22, bold=True)
_USERNAME: Final = Style(14.5)
_STATUS: Final = Style(14.5)
_TAG: Final = Style(12, bold=True)
_BADGE: Final = 20
_EMOJI: Final = 18


def draw(
    canvas: Canvas,
    subject: Subject,
    pictures: Mapping[str, Picture],
    palette: Palette,
    width: float,
) -> None:
    _avatar(canvas, subject, pictures, palette)
    left = PAD + AVATAR + _GAP
    _lines(canvas, subject, pictures, palette, left, width - PAD - left)


def _avatar(
    canvas: Canvas, subject: Subject, pictures: Mapping[str, Picture], palette: Palette
) -> None:
    middle = PAD + AVATAR / 2
    dot = PAD + AVATAR - _DOT / 2 - 1
    hole = _DOT / 2 + 4
    mobile = subject.mobile and not subject.streaming
    cut = (
        f'<rect x="{num(dot - 11)}" y="{num(dot - 15)}" width="22" height="30" rx="6"/>'
        if mobile
        else f'<circle cx="{num(dot)}" cy="{num(dot)}" r="{num(hole)}"/>'
    )
    disc = f'<circle cx="{num(middle)}" cy="{num(middle)}" r="{num(AVATAR / 2)}" fill="#fff"/>'
    mask = canvas.define("mask", "", disc, cut)
    canvas.add(f'<g mask="{mask}">')
    avatar = pictures.get("avatar")
    if avatar is not None:
        canvas.picture(avatar, PAD, PAD, AVATAR, AVATAR)
    else:
        canvas.add(f'<rect x="{PAD}" y="{PAD}" width="{AVATAR}" height="{AVATAR}"')
        canvas.add(f' fill="{palette.accent}"/>')
        canvas.add(icons.person(middle, middle, AVATAR, 'fill="#fff" fill-opacity=".9"'))
    canvas.add("</g>")
    decoration = pictures.get("decoration")
    if decoration is not None:
        size = AVATAR * _DECORATION
        corner, side = num(middle - size / 2), num(size)
        place = f'x="{corner}" y="{corner}" width="{side}" height="{side}"'
        whole = f'<rect {place} fill="#fff"/>'
        mask = canvas.define("mask", "", whole, cut)
        canvas.picture(
            decoration, middle - size / 2, middle - size / 2, size, size, f'mask="{mask}"'
        )
    name = "streaming" if subject.streaming else "mobile" if mobile else subject.status
    colour = STREAMING if subject.streaming else STATUS[subject.status]
    canvas.add(icons.status(dot, dot, _DOT, name, colour))


def _lines(
    canvas: Canvas,
    subject: Subject,
    pictures: Mapping[str, Picture],
    palette: Palette,
    left: float,
    room: float,
) -> None:
    """One to three lines, centred on the avatar's height."""
    badges = [pictures[f"badge{n}"] for n in range(len(subject.badges)) if f"badge{n}" in pictures]
    has_second = bool(subject.username or badges)
    has_status = bool(subject.status_text or subject.emoji_text or "emoji" in pictures)
    heights = [30.0, *([24.0] if has_second else []), *([26.0] if has_status else [])]
    top = PAD + AVATAR / 2 - sum(heights) / 2
    _name(canvas, subject, pictures, palette, left, top + 23, room)
    if has_second:
        _second(canvas, subject.username, badges, palette, left, top + heights[0] + 17, room)
    if has_status:
        _custom_status(canvas, subject, pictures, palette, left, top + sum(heights) - 7, room)


def _name(
    canvas: Canvas,
    subject: Subject,
    pictures: Mapping[str, Picture],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
) -> None:
    tag = fitted(subject.tag, _TAG, 70) if subject.tag else None
    icon = pictures.get("tag")
    taken = 0.0
    if tag is not None:
        taken = tag.width + 14 + (18 if icon else 0)
    name = fitted(subject.name, _NAME, room - (taken + 9 if tag else 0))
    canvas.words(name, left, baseline, palette.paint("text"))
    if tag is None:
        return
    x, y = left + name.width + 9, baseline - 18
    canvas.add(f'<rect x="{num(x)}" y="{num(y)}" width="{num(taken)}" height="22" rx="7"')
    canvas.add(f" {palette.paint('track')}/>")
    if icon is not None:
        canvas.picture(icon, x + 6, y + 3, 16, 16)
    canvas.words(tag, x + taken - tag.width - 7, y + 15.4, palette.paint("text"))


def _second(
    canvas: Canvas,
    username: str | None,
    badges: list[Picture],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
) -> None:
    """The user name, and as many badges as fit behind it."""
    step = _BADGE + 4
    wanted = min(len(badges), int(room * 0.6 // step)) * step
    x = left
    if username:
        name = fitted(username, _USERNAME, room - (wanted + 8 if badges else 0))
        canvas.words(name, x, baseline, palette.paint("soft"))
        x += name.width + 9
    for badge in badges[: int((left + room - x + 4) // step)]:
        canvas.picture(badge, x, baseline - 15, _BADGE, _BADGE)
        x += step


def _custom_status(
    canvas: Canvas,
    subject: Subject,
    pictures: Mapping[str, Picture],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
) -> None:
    emoji = pictures.get("emoji")
    sign: Line | None = line(subject.emoji_text, _STATUS) if subject.emoji_text else None
    if emoji is not None:
        canvas.picture(emoji, left, baseline - 14, _EMOJI, _EMOJI)
        left, room = left + _EMOJI + 6, room - _EMOJI - 6
    elif sign is not None:
        sign = fitted(subject.emoji_text or "", _STATUS, room / 3)
        canvas.words(sign, left, baseline, palette.paint("text"))
        left, room = left + sign.width + 6, room - sign.width - 6
    if subject.status_text:
        said = fitted(subject.status_text, _STATUS, room)
        canvas.words(said, left, baseline, palette.paint("soft"))

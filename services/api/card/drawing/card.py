"""A whole card, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.api.card.drawing import header, panel, running
from services.api.card.drawing.canvas import Canvas, num
from services.api.card.drawing.panel import Box
from services.api.card.drawing.text import Style, fitted, wrapped
from services.api.card.drawing.theme import Palette, palette
from services.api.card.drawing.words import one_line
from services.api.card.jobs import DrawCard, DrawNotice, Picture
from services.api.card.look import Look
from services.api.card.subject import Subject

LARGEST: Final = 1_000_000  # bytes of an SVG
_MARGIN: Final = 12  # around the panel
_GAP: Final = 16
_NOTE: Final = Style(11.5)
_TITLE: Final = Style(17, bold=True)
_TEXT: Final = Style(14)
_NOTE_HEIGHT: Final = 20


def card(job: DrawCard) -> str:
    """The card with as many of its pictures as it may hold."""
    still = {role: picture for role, picture in job.pictures.items() if not picture.moves}
    none: dict[str, Picture] = {}
    for pictures in (job.pictures, still, none):
        svg = _card(job, pictures)
        if len(svg.encode()) <= LARGEST:
            return svg
    return svg


def _card(job: DrawCard, pictures: Mapping[str, Picture]) -> str:
    subject, look = job.subject, job.look
    canvas = Canvas()
    avatar = pictures.get("avatar")
    own = f"#{subject.accent:06x}" if subject.accent else None
    colours = palette(look, own or (avatar.tone if avatar else None))
    radius = max(0.0, min(look.radius, 60))
    moves = look.animated and not job.png
    top = float(_MARGIN)
    if subject.with_profile:
        top = header.HEIGHT + _GAP
    tall = 0.0
    if subject.panel is not None:
        tall = panel.height(subject.panel)
    elif subject.idle is not None:
        tall = panel.IDLE_HEIGHT
    note = _NOTE_HEIGHT if job.silent_for is not None else 0
    foot = _MARGIN if tall else header.PAD - _GAP if subject.with_profile else 12
    height = top + tall + foot + note
    _ground(canvas, colours, look, height, radius, pictures.get("nameplate"), subject)
    if subject.with_profile:
        header.draw(canvas, subject, pictures, colours, look.width)
    box = Box(_MARGIN, top, look.width - 2 * _MARGIN, tall, max(0, radius - 4))
    if subject.panel is not None:
        panel.draw(canvas, subject.panel, pictures, colours, box, job.now, moves)
    elif subject.idle is not None:
        panel.idle(canvas, subject.idle, colours, box)
    if job.silent_for is not None:
        text = f"No news from Discord for {_span(job.silent_for)}"
        said = fitted(text, _NOTE, look.width - 40)
        x = (look.width - said.width) / 2
        canvas.words(said, x, height - 11, colours.paint("faint"))
    canvas.style(colours.style)
    if moves and subject.moves:
        canvas.style(running.CALM)
    return canvas.document(look.width, height, describe(subject))


def notice(job: DrawNotice) -> str:
    """A card that says what is wrong."""
    look = job.look
    canvas = Canvas()
    colours = palette(look, None)
    room = look.width - 2 * header.PAD - 60
    lines = wrapped(job.text, _TEXT, room, 4)
    height = max(88.0, 62 + 21.0 * len(lines))
    _ground(canvas, colours, look, height, look.radius, None, None)
    middle = height / 2
    canvas.add(
        f'<circle cx="42" cy="{num(middle)}" r="21" {colours.paint("track")}/>'
        f'<circle cx="42" cy="{num(middle + 8.5)}" r="2.6" {colours.paint("text")}/>'
        f'<rect x="39.8" y="{num(middle - 11)}" width="4.4" height="14" rx="2.2"'
        f" {colours.paint('text')}/>"
    )
    top = middle - (24 + 21 * len(lines)) / 2
    title = fitted(job.title, _TITLE, room)
    canvas.words(title, 80, top + 17, colours.paint("text"))
    for number, text in enumerate(lines):
        canvas.words(text, 80, top + 41 + 21 * number, colours.paint("soft"))
    canvas.style(colours.style)
    return canvas.document(look.width, height, f"{job.title}. {job.text}")


def _ground(
    canvas: Canvas,
    colours: Palette,
    look: Look,
    height: float,
    radius: float,
    nameplate: Picture | None,
    subject: Subject | None,
) -> None:
    """Background, a glow of the person's colour, and the nameplate behind the name."""
    width = look.width
    shape = f'x="0" y="0" width="{width}" height="{num(height)}" rx="{num(radius)}"'
    if colours.base is not None:
        canvas.add(f"<rect {shape} {colours.paint('base')}/>")
    if nameplate is not None and subject is not None and subject.with_profile:
        _nameplate(canvas, nameplate, width, max(0.0, radius - 4))
    if not colours.own_base or look.accent:
        strong = 0.30 if colours.name == "dark" else 0.16
        stops = f'<stop stop-color="{colours.accent}" stop-opacity="{strong}"/>'
        stops += f'<stop offset="1" stop-color="{colours.accent}" stop-opacity="0"/>'
        place = f'gradientUnits="userSpaceOnUse" cx="40" cy="10" r="{num(width * 0.72)}"'
        glow = canvas.define("radialGradient", place, stops)
        canvas.add(f'<rect {shape} fill="{glow}"/>')
    if colours.base is not None:
        inner = f'x=".5" y=".5" width="{width - 1}" height="{num(height - 1)}"'
        rounded = num(max(0.0, radius - 0.5))
        canvas.add(f'<rect {inner} rx="{rounded}" fill="none" {colours.edge}/>')


def _nameplate(canvas: Canvas, picture: Picture, width: int, radius: float) -> None:
    """A band behind the name, which grows stronger to the right, where no text is."""
    stops = '<stop offset=".1" stop-color="#fff" stop-opacity="0"/>'
    stops += '<stop offset=".75" stop-color="#fff" stop-opacity=".85"/>'
    fade = canvas.define("linearGradient", "", stops)
    x, wide, tall = _MARGIN, width - 2 * _MARGIN, header.HEIGHT - 4
    band = f'x="{x}" y="{x}" width="{wide}" height="{tall}" rx="{num(radius)}"'
    mask = canvas.define("mask", "", f'<rect {band} fill="{fade}"/>')
    canvas.picture(picture, x, x, wide, tall, f'mask="{mask}"')


def describe(subject: Subject) -> str:
    """What the card shows, in one line, for those who do not see it."""
    state = "streaming" if subject.streaming else _SAID.get(subject.status, subject.status)
    parts = [f"{subject.name} is {state}"]
    custom = " ".join(part for part in (subject.emoji_text, subject.status_text) if part)
    if custom:
        parts.append(custom)
    if subject.panel is not None:
        shown = subject.panel
        what = ": ".join(part for part in (shown.heading, shown.title) if part)
        parts.append(", ".join((what, *shown.lines)))
    elif subject.idle is not None:
        parts.append(subject.idle)
    return one_line(" · ".join(parts))


_SAID: Final = {"dnd": "busy", "invisible": "offline"}


def _span(seconds: int) -> str:
    if seconds < 120:
        return "a minute"
    if seconds < 2 * running.HOUR:
        return f"{seconds // 60} minutes"
    return f"{seconds // running.HOUR} hours"

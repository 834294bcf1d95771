"""A whole card, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from services.cards.card_model import CardModel, Panel
from services.cards.card_options import DEFAULT_WIDTH_PX, CardOptions
from services.cards.render import animation, compact, header, panel
from services.cards.render.canvas import Canvas, num
from services.cards.render.layers import GLOW_RADIUS
from services.cards.render.panel import Box
from services.cards.render.sanitize_text import sanitize_text
from services.cards.render.text import Style, fitted, wrapped
from services.cards.render.theme import Palette, palette
from services.cards.render_jobs import CardImage, DrawCard, DrawPlaceholder
from services.cards.texts import TEXTS, StatusTexts, TimeTexts

MAX_SVG_BYTES: Final = 1_000_000
_MARGIN: Final = 12  # around the panel
_GAP: Final = 16
_NOTE: Final = Style(11.5)
_TITLE: Final = Style(17, bold=True)
_TEXT: Final = Style(14)
_NOTE_HEIGHT: Final = 20
_BANNER_SHARE: Final = 0.25  # its height in the card's width
WIDE: Final = (600, 315)  # what previews of links want: 1200 x 630 as PNG
_WIDE_MARGIN: Final = 20
_WIDE_TINT: Final = 0.16  # of the user's color, around the card


def card(job: DrawCard) -> str:
    """The card with as many of its images as fit into MAX_SVG_BYTES."""
    still = {role: image for role, image in job.images.items() if not image.animated}
    none: dict[str, CardImage] = {}
    for images in (job.images, still, none):
        svg = _card(job, images)
        if len(svg.encode()) <= MAX_SVG_BYTES:
            return svg
    return svg


def _card(job: DrawCard, images: Mapping[str, CardImage]) -> str:
    is_wide = job.options.layout == "wide"
    job = msgspec.structs.replace(job, options=_inner(job.options))
    model, options = job.model, job.options
    canvas = Canvas()
    avatar = images.get("avatar")
    own = f"#{model.accent:06x}" if model.accent else None
    art = images.get("art")
    if "nameplate-video" in images:
        images = {**images, "nameplate": images["nameplate-video"]}
    plate = images.get("nameplate") if model.with_profile else None
    colors = palette(
        options,
        own or (avatar.dominant_color if avatar else None),
        tone=art.dominant_color if art else None,
        nameplate=plate is not None,
    )
    animated = options.animated and not job.png
    texts = TEXTS[options.lang]
    foot = _NOTE_HEIGHT if job.silent_for is not None else 0
    if options.layout == "full":
        height = _full(canvas, job, images, colors, foot, animated)
    else:
        height = compact.height(model, options) + foot
        radius = min(options.radius, height / 2)
        background(canvas, colors, options, height, radius)
        compact.draw(canvas, model, images, colors, options, texts.time, job.now, animated, radius)
    if job.silent_for is not None:
        note(canvas, colors, options, texts.time, height, job.silent_for)
    canvas.style(colors.style)
    if animated and model.ticks:
        canvas.style(animation.REDUCED_MOTION_CSS)
    title = describe(model, texts.status)
    if is_wide:
        return _wide(canvas, colors, options.width, height, title)
    return canvas.document(options.width, height, title)


def _inner(options: CardOptions) -> CardOptions:
    """Those of the card in a wide picture: the usual one, in its usual width."""
    if options.layout != "wide":
        return options
    return msgspec.structs.replace(options, layout="full", width=DEFAULT_WIDTH_PX)


def _wide(canvas: Canvas, colors: Palette, width: float, height: float, title: str) -> str:
    """The card, as large as fits, in the middle of a picture of fixed size."""
    room_x, room_y = (side - 2 * _WIDE_MARGIN for side in WIDE)
    scale = min(room_x / width, room_y / height)
    x, y = (WIDE[0] - scale * width) / 2, (WIDE[1] - scale * height) / 2
    whole = f'<rect width="{WIDE[0]}" height="{WIDE[1]}"'
    below = []
    if colors.base is not None:
        below = [
            f"{whole} {colors.paint('base')}/>",
            f'{whole} fill="{colors.accent}" fill-opacity="{_WIDE_TINT}"/>',
        ]
    canvas.place(x, y, scale, *below)
    return canvas.document(*WIDE, title)


def _full(
    canvas: Canvas,
    job: DrawCard,
    images: Mapping[str, CardImage],
    colors: Palette,
    below: float,
    animated: bool,
) -> float:
    """The usual layout. `below`: the room for a note. Returns the height of the card."""
    model, options = job.model, job.options
    shows_banner = model.with_profile and "banner" in images
    banner = float(round(options.width * _BANNER_SHARE)) if shows_banner else 0.0
    top = float(_MARGIN)
    if model.with_profile:
        top = header.height(model, images, banner) + _GAP
    tall = 0.0
    if model.panel is not None:
        tall = panel.height(model.panel)
    elif model.idle is not None:
        tall = panel.IDLE_HEIGHT
    foot = _MARGIN if tall else header.PAD - _GAP if model.with_profile else 12
    height = top + tall + foot + below
    radius = min(options.radius, height / 2)
    background(canvas, colors, options, height, radius)
    if model.with_profile:
        if banner:
            _banner(canvas, images["banner"], options.width, height, banner, radius)
        _header(canvas, model, images, colors, options.width, radius, banner)
    box = Box(_MARGIN, top, options.width - 2 * _MARGIN, tall, max(0, min(radius - 4, tall / 2)))
    if model.panel is not None:
        texts = TEXTS[options.lang].time
        panel.draw(canvas, model.panel, images, colors, box, texts, job.now, animated)
    elif model.idle is not None:
        panel.idle(canvas, model.idle, colors, box)
    return height


def placeholder(job: DrawPlaceholder) -> str:
    """A card that explains a problem."""
    options = _inner(job.options)
    canvas = Canvas()
    colors = palette(options, None)
    room = options.width - 2 * header.PAD - 60
    lines = wrapped(job.text, _TEXT, room, 4)
    height = max(88.0, 62 + 21.0 * len(lines))
    background(canvas, colors, options, height, min(options.radius, height / 2))
    middle = height / 2
    canvas.add(
        f'<circle cx="42" cy="{num(middle)}" r="21" {colors.paint("track")}/>'
        f'<circle cx="42" cy="{num(middle + 8.5)}" r="2.6" {colors.paint("text")}/>'
        f'<rect x="39.8" y="{num(middle - 11)}" width="4.4" height="14" rx="2.2"'
        f" {colors.paint('text')}/>"
    )
    top = middle - (24 + 21 * len(lines)) / 2
    title = fitted(job.title, _TITLE, room)
    canvas.text_line(title, 80, top + 17, colors.paint("text"))
    for number, text in enumerate(lines):
        canvas.text_line(text, 80, top + 41 + 21 * number, colors.paint("soft"))
    canvas.style(colors.style)
    said = f"{job.title}. {job.text}"
    if job.options.layout == "wide":
        return _wide(canvas, colors, options.width, height, said)
    return canvas.document(options.width, height, said)


def background(
    canvas: Canvas,
    colors: Palette,
    options: CardOptions,
    height: float,
    radius: float,
) -> None:
    """Background, and a glow of the user's color."""
    width = options.width
    shape = f'x="0" y="0" width="{width}" height="{num(height)}" rx="{num(radius)}"'
    if colors.base is not None:
        paint = colors.paint("base")
        if colors.gradient is not None:
            place = colors.gradient.place(0, 0, width, height)
            reference = canvas.define("linearGradient", place, colors.gradient.markup())
            paint = f'fill="{reference}"'
        canvas.add(f"<rect {shape} {paint}/>")
    if colors.glow:
        stops = f'<stop stop-color="{colors.accent}" stop-opacity="{num(colors.glow)}"/>'
        stops += f'<stop offset="1" stop-color="{colors.accent}" stop-opacity="0"/>'
        x, y = (40, 10) if options.layout == "full" else (0, -40)  # texts are nearer in small ones
        place = f'gradientUnits="userSpaceOnUse" cx="{x}" cy="{y}" r="{num(width * GLOW_RADIUS)}"'
        glow = canvas.define("radialGradient", place, stops)
        canvas.add(f'<rect {shape} fill="{glow}"/>')
    if colors.base is not None:
        inner = f'x=".5" y=".5" width="{width - 1}" height="{num(height - 1)}"'
        rounded = num(max(0.0, radius - 0.5))
        canvas.add(f'<rect {inner} rx="{rounded}" fill="none" {colors.edge}/>')


def _header(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    colors: Palette,
    width: int,
    radius: float,
    banner: float,
) -> None:
    """The user, above the nameplate."""
    below = canvas.end
    text_end = header.draw(canvas, model, images, colors, width, banner)
    nameplate = images.get("nameplate")
    if nameplate is not None:
        above = canvas.end
        top = banner + 5 if banner else float(_MARGIN)
        bottom = header.height(model, images, banner) + (_GAP / 2 if banner else 8)
        band = Box(_MARGIN, top, width - 2 * _MARGIN, bottom - top, max(0.0, radius - 4))
        _nameplate(canvas, nameplate, colors, band, text_end)
        canvas.move_end(above, below)


def _banner(
    canvas: Canvas, image: CardImage, width: int, height: float, banner: float, radius: float
) -> None:
    """Across the top, with a gap around the avatar."""
    whole = f'<rect width="{width}" height="{num(height)}" rx="{num(radius)}" fill="#fff"/>'
    x, y = header.avatar_middle(banner)
    gap = f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(header.AVATAR / 2 + 5)}"/>'
    mask = canvas.define("mask", "", whole, gap)
    canvas.image(image, 0, 0, width, banner, f'mask="{mask}"')


def _nameplate(
    canvas: Canvas,
    image: CardImage,
    colors: Palette,
    box: Box,
    text_end: float,
) -> None:
    """A band that fades in to the right. It stays faint behind texts, whatever its colors."""
    end = min(1.0, (text_end - box.x) / box.width)
    stops = '<stop offset=".1" stop-color="#fff" stop-opacity="0"/>'
    stops += f'<stop offset="{num(end)}" stop-color="#fff" stop-opacity="{num(colors.nameplate)}"/>'
    if end < 0.95:
        clear = num(min(1.0, end + 0.3))
        stops += f'<stop offset="{clear}" stop-color="#fff" stop-opacity=".85"/>'
    fade = canvas.define("linearGradient", "", stops)
    band = (
        f'x="{num(box.x)}" y="{num(box.y)}" width="{num(box.width)}" height="{num(box.height)}"'
        f' rx="{num(box.radius)}"'
    )
    mask = canvas.define("mask", "", f'<rect {band} fill="{fade}"/>')
    canvas.image(image, box.x, box.y, box.width, box.height, f'mask="{mask}"')


def describe(model: CardModel, texts: StatusTexts) -> str:
    """The content of the card in one line, for screen readers."""
    parts: list[str] = []
    if model.with_profile:
        state = texts.streaming if model.streaming else getattr(texts, model.status)
        parts.append(texts.sentence.format(name=model.name, status=state))
        custom = " ".join(part for part in (model.emoji_text, model.status_text) if part)
        parts += [custom] if custom else []
    if model.panel is not None:
        parts.append(panel_text(model.panel))
    elif model.idle is not None:
        parts.append(model.idle)
    return sanitize_text(" · ".join(parts))


def panel_text(shown: Panel) -> str:
    """An activity in one line."""
    what = ": ".join(part for part in (shown.heading, shown.title) if part)
    return ", ".join((what, *shown.lines))


def note(
    canvas: Canvas,
    colors: Palette,
    options: CardOptions,
    texts: TimeTexts,
    height: float,
    silent_for: int,
) -> None:
    """At the foot: how old what is shown may be."""
    text = texts.silent.format(span=_span(silent_for, texts))
    said = fitted(text, _NOTE, options.width - 40)
    x = (options.width - said.width) / 2
    canvas.text_line(said, x, height - 11, colors.paint("faint"))


def _span(seconds: int, texts: TimeTexts) -> str:
    if seconds < 120:
        return texts.a_minute
    if seconds < 2 * animation.HOUR_S:
        return texts.minutes.format(count=seconds // 60)
    return texts.hours.format(count=seconds // animation.HOUR_S)

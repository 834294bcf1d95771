"""The upper part of a card: the user's avatar, name, badges and custom status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.cards.card_model import CardModel
from services.cards.render import avatar, display_name
from services.cards.render.canvas import Canvas, num
from services.cards.render.text import Line, Style, fitted, line
from services.cards.render.theme import Palette
from services.cards.render_jobs import CardImage

PAD: Final = 20
AVATAR: Final = 80
HEIGHT: Final = PAD + AVATAR
_GAP: Final = 18
_OVERLAP: Final = 36  # of the avatar and a banner
_BELOW_BANNER: Final = 6
_NAME: Final = Style(22, bold=True)
_USERNAME: Final = Style(14.5)
_STATUS: Final = Style(14.5)
_TAG: Final = Style(12, bold=True)
_BADGE: Final = 20
_EMOJI: Final = 18


def draw(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    width: float,
    banner: float,
) -> float:
    """`banner`: the height of the banner above. Returns the x at which the longest line ends."""
    middle_y = avatar_middle(banner)[1]
    avatar.draw(canvas, model, images, palette, PAD, middle_y - AVATAR / 2, AVATAR)
    left = PAD + AVATAR + _GAP
    middle = PAD + AVATAR / 2
    if banner:
        middle = (banner + _BELOW_BANNER + height(model, images, banner)) / 2
    return _lines(canvas, model, images, palette, left, middle, width - PAD - left)


def avatar_middle(banner: float) -> tuple[float, float]:
    return PAD + AVATAR / 2, (banner - _OVERLAP if banner else PAD) + AVATAR / 2


def height(model: CardModel, images: Mapping[str, CardImage], banner: float) -> float:
    """With the banner."""
    if not banner:
        return HEIGHT
    return banner + _BELOW_BANNER + max(sum(_line_heights(model, images)), AVATAR - _OVERLAP)


def _line_heights(model: CardModel, images: Mapping[str, CardImage]) -> list[float]:
    has_second, has_status = _has_lines(model, images)
    return [30.0, *([24.0] if has_second else []), *([26.0] if has_status else [])]


def _has_lines(model: CardModel, images: Mapping[str, CardImage]) -> tuple[bool, bool]:
    """Whether there is a second line, and a custom status."""
    badges = any(role.startswith("badge") for role in images)
    second = bool(model.username or model.pronouns or badges)
    return second, bool(model.status_text or model.emoji_text or "emoji" in images)


def _lines(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    left: float,
    middle: float,
    room: float,
) -> float:
    """One to three lines around `middle`. Returns the x at which they end."""
    badges = [images[f"badge{n}"] for n in range(len(model.badges)) if f"badge{n}" in images]
    about = " · ".join(text for text in (model.username, model.pronouns) if text)
    has_second, has_status = _has_lines(model, images)
    heights = _line_heights(model, images)
    top = middle - sum(heights) / 2
    ends = [name_row(canvas, model, images, palette, left, top + 23, room)]
    if has_second:
        y = top + heights[0] + 17
        ends.append(_second(canvas, about, badges, palette, left, y, room))
    if has_status:
        y = top + sum(heights) - 7
        ends.append(status_row(canvas, model, images, palette, left, y, room))
    return max(ends)


def name_row(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
    style: Style = _NAME,
    *,
    with_tag: bool = True,
) -> float:
    """The name and the server tag. Returns the x at which they end."""
    tag = fitted(model.tag, _TAG, 70) if model.tag and with_tag else None
    icon = images.get("tag")
    taken = 0.0
    if tag is not None:
        taken = tag.width + 14 + (18 if icon else 0)
    width = room - (taken + 9 if tag else 0)
    name = display_name.fitted_name(model.name, style, model.name_style, width)
    display_name.draw(canvas, name, model.name_style, palette, left, baseline)
    if tag is None:
        return left + name.width
    x, y = left + name.width + 9, baseline - 18
    canvas.add(f'<rect x="{num(x)}" y="{num(y)}" width="{num(taken)}" height="22" rx="7"')
    canvas.add(f" {palette.tag_background}/>")
    if icon is not None:
        canvas.image(icon, x + 6, y + 3, 16, 16)
    canvas.text_line(tag, x + taken - tag.width - 7, y + 15.4, palette.tag_text)
    return x + taken


def _second(
    canvas: Canvas,
    about: str,
    badges: list[CardImage],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
) -> float:
    """The user name and the pronouns, and as many badges as fit after them."""
    step = _BADGE + 4
    wanted = min(len(badges), int(room * 0.6 // step)) * step
    x = left
    if about:
        name = fitted(about, _USERNAME, room - (wanted + 8 if badges else 0))
        canvas.text_line(name, x, baseline, palette.paint("soft"))
        x += name.width + 9
    for badge in badges[: int((left + room - x + 4) // step)]:
        canvas.image(badge, x, baseline - 15, _BADGE, _BADGE)
        x += step
    return x


def status_row(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    left: float,
    baseline: float,
    room: float,
) -> float:
    emoji = images.get("emoji")
    sign: Line | None = line(model.emoji_text, _STATUS) if model.emoji_text else None
    if emoji is not None:
        canvas.image(emoji, left, baseline - 14, _EMOJI, _EMOJI)
        left, room = left + _EMOJI + 6, room - _EMOJI - 6
    elif sign is not None:
        sign = fitted(model.emoji_text or "", _STATUS, room / 3)
        canvas.text_line(sign, left, baseline, palette.paint("text"))
        left, room = left + sign.width + 6, room - sign.width - 6
    if model.status_text:
        said = fitted(model.status_text, _STATUS, room)
        canvas.text_line(said, left, baseline, palette.paint("soft"))
        left += said.width
    return left

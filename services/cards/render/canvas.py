"""An SVG under construction. All untrusted text passes through `escaped`."""

from __future__ import annotations

import base64
from typing import Final
from xml.sax.saxutils import quoteattr

from services.cards.render.glyph_outlines import layers, outline
from services.cards.render.text import Line, Run
from services.cards.render_jobs import CardImage

_FONTS: Final = "system-ui,'Segoe UI','Noto Sans','Noto Sans CJK SC',sans-serif"


class Canvas:
    """Collects shapes; a later one covers the earlier ones."""

    def __init__(self) -> None:
        self._body: list[str] = []
        self._definitions: list[str] = []
        self._styles: list[str] = []
        self._names = 0

    def add(self, *markup: str) -> None:
        self._body.extend(markup)

    @property
    def end(self) -> int:
        """The place at which the next shape is added."""
        return len(self._body)

    def move_end(self, start: int, place: int) -> None:
        """Move what was added since `start` to `place`, below what was added in between."""
        moved = self._body[start:]
        self._body[start:] = []
        self._body[place:place] = moved

    def place(self, x: float, y: float, scale: float, *below: str) -> None:
        """Move and scale everything so far, and put `below` under it."""
        start = f'<g transform="translate({num(x)} {num(y)}) scale({scale:.4g})">'
        self._body = [*below, start, *self._body, "</g>"]

    def define(self, tag: str, attributes: str, *markup: str) -> str:
        """A clip, mask or gradient. Returns the reference to it: `url(#…)`."""
        self._names += 1
        name = f"d{self._names}"
        gap = " " if attributes else ""
        self._definitions.append(f'<{tag} id="{name}"{gap}{attributes}>{"".join(markup)}</{tag}>')
        return f"url(#{name})"

    def style(self, css: str) -> None:
        self._styles.append(css)

    def text_line(self, line: Line, x: float, baseline: float, paint: str) -> None:
        """A line of text that begins at x."""
        for run in line.runs:
            self.add(run_markup(run, x, baseline, line.size, paint))
            x += run.width

    def image(
        self, image: CardImage, x: float, y: float, width: float, height: float, more: str = ""
    ) -> None:
        """Covers the whole box; the excess is cut off on both sides."""
        self.add(
            f'<image x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}"'
            f' preserveAspectRatio="xMidYMid slice"{" " if more else ""}{more}'
            f' href="{data_url(image)}"/>'
        )

    def document(self, width: float, height: float, title: str) -> str:
        """The whole SVG. `title`: the content in words, for screen readers."""
        w, h = num(width), num(height)
        style = f"<style>{''.join(self._styles)}</style>" if self._styles else ""
        definitions = f"<defs>{''.join(self._definitions)}</defs>" if self._definitions else ""
        name = escaped(title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}"'
            f' viewBox="0 0 {w} {h}" role="img" aria-label={quoteattr(xml_safe(title))}>'
            f"<title>{name}</title>{style}{definitions}{''.join(self._body)}</svg>"
        )


def run_markup(run: Run, x: float, baseline: float, size: float, paint: str) -> str:
    """A run as outlines; as text where no font of ours has the characters."""
    if run.font is None:
        return (
            f'<text x="{num(x)}" y="{num(baseline)}" font-size="{num(size)}" {paint}'
            f' font-family="{_FONTS}" textLength="{num(run.width)}"'
            f' lengthAdjust="spacingAndGlyphs">{escaped(run.text)}</text>'
        )
    place = f'transform="translate({num(x)} {num(baseline)}) scale({run.scale:.6g})"'
    if run.font.is_emoji:
        parts = "".join(
            f'<path d="M{num(glyph.x)} {num(-glyph.y)}{layer.outline}"'
            f" {_layer_paint(layer.color, layer.opacity, paint)}/>"
            for glyph in run.glyphs
            for layer in layers(run.font, glyph.number)
        )
        return f"<g {place}>{parts}</g>" if parts else ""
    data = "".join(
        f"M{num(glyph.x)} {num(-glyph.y)}{shape}"
        for glyph in run.glyphs
        if (shape := outline(run.font, glyph.number))
    )
    return f'<path {place} {paint} d="{data}"/>' if data else ""


def _layer_paint(color: str | None, opacity: float, text: str) -> str:
    if color is None:
        return text
    return f'fill="{color}"' + (f' fill-opacity="{opacity:g}"' if opacity < 1 else "")


def data_url(image: CardImage) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def num(value: float) -> str:
    """With two decimal places, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def escaped(text: str) -> str:
    """As the content of an element. XML 1.0, 2.2: most control characters cannot be escaped."""
    return xml_safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def xml_safe(text: str) -> str:
    """Without the characters that XML does not allow."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )

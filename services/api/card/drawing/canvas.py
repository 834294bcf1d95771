"""An SVG under construction. Everything that strangers wrote goes through `escaped`."""

from __future__ import annotations

import base64
from typing import Final
from xml.sax.saxutils import quoteattr

from services.api.card.drawing.outlines import layers, outline
from services.api.card.drawing.text import Line, Run
from services.api.card.jobs import Picture

_FONTS: Final = "system-ui,'Segoe UI','Noto Sans','Noto Sans CJK SC',sans-serif"


class Canvas:
    """Collects shapes in the order in which they lie on each other."""

    def __init__(self) -> None:
        self._body: list[str] = []
        self._definitions: list[str] = []
        self._styles: list[str] = []
        self._names = 0

    def add(self, *markup: str) -> None:
        self._body.extend(markup)

    def define(self, tag: str, attributes: str, *markup: str) -> str:
        """A clip, mask or gradient; gives what refers to it: `url(#…)`."""
        self._names += 1
        name = f"d{self._names}"
        gap = " " if attributes else ""
        self._definitions.append(f'<{tag} id="{name}"{gap}{attributes}>{"".join(markup)}</{tag}>')
        return f"url(#{name})"

    def style(self, css: str) -> None:
        self._styles.append(css)

    def words(self, line: Line, x: float, baseline: float, paint: str) -> None:
        """A line of text whose left end is at x."""
        for run in line.runs:
            self.add(written(run, x, baseline, line.size, paint))
            x += run.width

    def picture(
        self, picture: Picture, x: float, y: float, width: float, height: float, more: str = ""
    ) -> None:
        """Covers the whole box: what is too much is cut off on both sides."""
        self.add(
            f'<image x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}"'
            f' preserveAspectRatio="xMidYMid slice"{" " if more else ""}{more}'
            f' href="{data_url(picture)}"/>'
        )

    def document(self, width: float, height: float, title: str) -> str:
        """The whole SVG. `title`: what the picture says, for those who do not see it."""
        w, h = num(width), num(height)
        style = f"<style>{''.join(self._styles)}</style>" if self._styles else ""
        definitions = f"<defs>{''.join(self._definitions)}</defs>" if self._definitions else ""
        name = escaped(title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}"'
            f' viewBox="0 0 {w} {h}" role="img" aria-label={quoteattr(name_only(title))}>'
            f"<title>{name}</title>{style}{definitions}{''.join(self._body)}</svg>"
        )


def written(run: Run, x: float, baseline: float, size: float, paint: str) -> str:
    """A run as shapes; as text where no font here has the characters."""
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
            f" {_layer_paint(layer.colour, layer.opacity, paint)}/>"
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


def _layer_paint(colour: str | None, opacity: float, text: str) -> str:
    if colour is None:
        return text
    return f'fill="{colour}"' + (f' fill-opacity="{opacity:g}"' if opacity < 1 else "")


def data_url(picture: Picture) -> str:
    return f"data:{picture.kind};base64,{base64.b64encode(picture.data).decode()}"


def num(value: float) -> str:
    """Two places after the point, and none that says nothing."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def escaped(text: str) -> str:
    """As the content of an element. XML 1.0, 2.2: most controls cannot be written at all."""
    return name_only(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def name_only(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )

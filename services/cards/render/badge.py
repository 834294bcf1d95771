"""A badge in the flat style known from shields.io: label and message, side by side."""

from __future__ import annotations

from typing import Final

from services.cards.render.canvas import Canvas, num
from services.cards.render.contrast import luminance
from services.cards.render.text import Style, fitted
from services.cards.render_jobs import DrawBadge

_FLAT: Final = Style(11)
_LARGE: Final = Style(10, bold=True)
_MAX_TEXT_PX: Final = 240.0
_LABEL: Final = "#555555"


def badge(job: DrawBadge) -> str:
    """`style`: flat, flat-square or for-the-badge."""
    loud = job.style == "for-the-badge"
    style, pad, height = (_LARGE, 10.0, 28) if loud else (_FLAT, 6.0, 20)
    texts = [job.label.upper(), job.message.upper()] if loud else [job.label, job.message]
    label, message = (fitted(text, style, _MAX_TEXT_PX) for text in texts)
    left = label.width + 2 * pad if label.width else 0.0
    right = message.width + 2 * pad
    width = left + right
    canvas = Canvas()
    corner = 3 if job.style == "flat" else 0
    shape = f'<rect width="{num(width)}" height="{height}" rx="{corner}"/>'
    canvas.add(f'<g clip-path="{canvas.define("clipPath", "", shape)}">')
    canvas.add(f'<rect width="{num(left)}" height="{height}" fill="{_LABEL}"/>')
    canvas.add(f'<rect x="{num(left)}" width="{num(right)}" height="{height}"')
    canvas.add(f' fill="{job.color}"/>')
    if job.style == "flat":
        stops = '<stop stop-color="#bbb" stop-opacity=".1"/>'
        stops += '<stop offset="1" stop-opacity=".1"/>'
        shine = canvas.define("linearGradient", 'x2="0" y2="1"', stops)
        canvas.add(f'<rect width="{num(width)}" height="{height}" fill="{shine}"/>')
    canvas.add("</g>")
    baseline = height / 2 + style.size * 0.36
    light = luminance(job.color) > 0.5
    canvas.text_line(label, pad, baseline, 'fill="#fff"')
    canvas.text_line(message, left + pad, baseline, f'fill="{"#1a1a1a" if light else "#fff"}"')
    title = f"{job.label}: {job.message}" if job.label else job.message
    return canvas.document(width, height, title)

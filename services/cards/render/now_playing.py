"""A picture of /now-playing, as SVG: the panel of a card, without the card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.cards.render import animation, panel
from services.cards.render.canvas import Canvas
from services.cards.render.card import MAX_SVG_BYTES, background, note, panel_text
from services.cards.render.panel import Box
from services.cards.render.sanitize_text import sanitize_text
from services.cards.render.theme import palette
from services.cards.render_jobs import CardImage, DrawNowPlaying
from services.cards.texts import TEXTS

_NOTE_HEIGHT: Final = 22


def now_playing(job: DrawNowPlaying) -> str:
    """The picture; without the song's art where that makes it larger than MAX_SVG_BYTES."""
    svg = _drawn(job, job.images)
    return svg if len(svg.encode()) <= MAX_SVG_BYTES else _drawn(job, {})


def _drawn(job: DrawNowPlaying, images: Mapping[str, CardImage]) -> str:
    shown, options = job.model.panel, job.options
    canvas = Canvas()
    art = images.get("art")
    own = f"#{job.model.accent:06x}" if job.model.accent else None
    colors = palette(options, own, tone=art.dominant_color if art else None)
    animated = options.animated and not job.png
    texts = TEXTS[options.lang].time
    tall = panel.height(shown)
    height = tall + (_NOTE_HEIGHT if job.silent_for is not None else 0)
    radius = max(0.0, min(options.radius, 60, tall / 2))
    background(canvas, colors, options, height, radius)
    box = Box(0, 0, options.width, tall, radius)
    panel.draw(canvas, shown, images, colors, box, texts, job.now, animated)
    if job.silent_for is not None:
        note(canvas, colors, options, texts, height, job.silent_for)
    canvas.style(colors.style)
    if animated and job.model.ticks:
        canvas.style(animation.REDUCED_MOTION_CSS)
    return canvas.document(options.width, height, sanitize_text(panel_text(shown)))

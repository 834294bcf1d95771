"""/docs/<name>: every document as Markdown and as a page, and its images; and /llms.txt.

A file is read, rendered and compressed when it is first asked for, in a thread: rendering the
longest takes a tenth of a second. There are as many as files, so memory is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from services.api.endpoints.docs import guides, pages, reference_markdown
from services.api.endpoints.docs.guides import (
    GUIDES,
    REST_REFERENCE,
    WEBSOCKET_REFERENCE,
    Guide,
)
from services.api.http.precompressed import PrecompressedResponse
from services.api.openapi.schemas import Json
from shared.config import ApiSettings

MARKDOWN: Final = b"text/markdown; charset=utf-8"
_TEXT: Final = b"text/plain; charset=utf-8"
_IMAGE_TYPES: Final = {".png": b"image/png", ".svg": b"image/svg+xml; charset=utf-8"}

Build = Callable[[], PrecompressedResponse]


class GuideFiles:
    """By path below /docs/. Each response stays the same until the process ends."""

    def __init__(self, rest: Json, websocket: Json, settings: ApiSettings) -> None:
        """`rest`, `websocket`: /openapi.json and /asyncapi.json."""
        found = guides.read_guides()
        images = guides.images()
        shown = frozenset([*(f"{guide.name}.md" for guide in found), *images])
        self._builds: dict[str, Build] = {
            GUIDES: partial(pages.guide_list, [*guides.REFERENCES, *found]),
            f"{REST_REFERENCE}.md": lambda: _markdown(reference_markdown.rest(rest)),
            f"{WEBSOCKET_REFERENCE}.md": lambda: _markdown(reference_markdown.websocket(websocket)),
            **{name: partial(_image, path) for name, path in images.items()},
        }
        for guide in found:
            self._builds[f"{guide.name}.md"] = partial(_guide, guide, shown)
            self._builds[guide.html_name] = partial(_page, guide, shown)
        self._built: dict[str, asyncio.Task[PrecompressedResponse]] = {}
        text = guides.llms_text(found, settings.public_url)
        self.llms = PrecompressedResponse.of(text.encode(), _TEXT)

    async def get(self, name: str) -> PrecompressedResponse | None:
        """None if there is no such file."""
        build = self._builds.get(name)
        if build is None:
            return None
        task = self._built.get(name)
        if task is None or (task.done() and task.exception()):
            task = self._built[name] = asyncio.create_task(asyncio.to_thread(build))
        return await asyncio.shield(task)  # a client that leaves does not end it for the others


def _markdown(text: str) -> PrecompressedResponse:
    return PrecompressedResponse.of(text.encode(), MARKDOWN)


def _guide(guide: Guide, shown: frozenset[str]) -> PrecompressedResponse:
    return _markdown(guides.markdown(guide, shown))


def _page(guide: Guide, shown: frozenset[str]) -> PrecompressedResponse:
    return pages.guide(guide, guides.markdown(guide, shown))


def _image(path: Path) -> PrecompressedResponse:
    return PrecompressedResponse.of(path.read_bytes(), _IMAGE_TYPES[path.suffix])

"""/docs and all pages below it, and /privacy: for people. They look like the page at /."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.api.endpoints.docs import guide_page, privacy_page, rest_page, websocket_page
from services.api.endpoints.docs.guides import (
    GUIDES,
    REST_REFERENCE,
    WEBSOCKET_REFERENCE,
    Guide,
)
from services.api.http import layout, security_headers
from services.api.http.precompressed import PrecompressedResponse
from services.api.http.security_headers import SELF, PagePolicy
from services.api.openapi.schemas import Json
from shared.config import ApiSettings

_FORMS: Final = '<script type="module" src="./docs/docs.js"></script>\n'


def rest(document: Json, settings: ApiSettings) -> PrecompressedResponse:
    """`document` (/openapi.json) as HTML, with forms that send requests to this server."""
    main = rest_page.render_main(document)
    raw = (
        '<p class="raw">For tools: <a href="openapi.json">openapi.json</a>, '
        f'<a href="docs/{REST_REFERENCE}.md">Markdown</a>, <a href="llms.txt">llms.txt</a></p>'
    )
    text = layout.page(
        main.replace("</h1>", f"</h1>\n{raw}", 1),
        title="REST API",
        description="Every route of the REST API of Grux, with forms to try them.",
        head=_FORMS,
        current="docs",
    )
    policy = PagePolicy(
        scripts=(SELF,),
        styles=(SELF,),
        # Avatars are redirects to the CDN.
        images=(SELF, *security_headers.image_origins(settings.discord_cdn_url)),
        connect=(SELF,),
    )
    return security_headers.html_response(text, policy)


def websocket(document: Json) -> PrecompressedResponse:
    """`document` (/asyncapi.json) as HTML."""
    main = websocket_page.render_main(document)
    raw = (
        '<p class="raw">For tools: <a href="../asyncapi.json">asyncapi.json</a>, '
        f'<a href="{WEBSOCKET_REFERENCE}.md">Markdown</a></p>'
    )
    text = layout.page(
        main.replace("</h1>", f"</h1>\n{raw}", 1),
        title="WebSocket",
        description="How to connect to the WebSocket of Grux, and every frame that it sends.",
        root="../",
        current="docs/websocket",
    )
    return security_headers.html_response(text, _READING)


def guide(guide: Guide, text: str) -> PrecompressedResponse:
    """A document of docs/. `text`: Markdown, its links resolved."""
    root = "../" * (guide.name.count("/") + 1)
    file = f"{guide.name.rpartition('/')[2]}.md"
    page = layout.page(
        guide_page.render_main(guide, text),
        title=guide.title,
        description=guide.summary,
        root=root,
        head=f'<link rel="alternate" type="text/markdown" href="{file}">\n',
        current=f"docs/{guide.html_name}",
    )
    return security_headers.html_response(page, _READING)


def guide_list(guides: Sequence[Guide]) -> PrecompressedResponse:
    """Which documents there are."""
    page = layout.page(
        guide_page.render_list(guides),
        title="Guides",
        description="How to read, show and serve Discord presences with Grux.",
        root="../",
        current=f"docs/{GUIDES}",
    )
    return security_headers.html_response(page, _READING)


def privacy(settings: ApiSettings) -> PrecompressedResponse:
    """What this server knows of the people it shows and of its visitors."""
    return security_headers.html_response(privacy_page.render(settings), _READING)


_READING: Final = PagePolicy(scripts=(SELF,), styles=(SELF,), images=(SELF,))

"""The page for browsers at `/`: web/page/index.html, with the addresses of this instance.

It loads nothing from elsewhere but the pictures of presences.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final
from urllib.parse import urlsplit

from services.api.endpoints.static import PAGE_DIR
from services.api.http import security_headers
from services.api.http.precompressed import PrecompressedResponse
from services.api.http.security_headers import SELF
from shared.config import ApiSettings
from shared.net.loopback import is_loopback, leads_to_loopback

PLACEHOLDER: Final = "1274150219482660897"  # in the empty input, and in code until an id is known
PREVIEW: Final = "preview.png"  # what chats show for a link; most of them need the whole URL

_VARY: Final = b"Accept, Accept-Encoding"  # `/` is JSON for programs

_JOIN: Final = '<p class="join">Not shown yet? <a href="{}">Join the server</a> to appear here.</p>'


def front(settings: ApiSettings) -> PrecompressedResponse:
    """The page, with the addresses and example users of the settings."""
    examples = [str(user_id) for user_id in settings.examples()]
    example = examples[0] if examples else PLACEHOLDER
    invite = escape(settings.discord_invite)
    text = Template((PAGE_DIR / "index.html").read_text()).substitute(
        api=escape(settings.public_url),
        preview=escape(f"{settings.public_url}/{PREVIEW}" if settings.public_url else PREVIEW),
        socket=escape(settings.public_ws_url),
        examples=" ".join(examples),
        example=example,
        example_link=f"user/{example}",
        placeholder=PLACEHOLDER,
        api_or_here=escape(settings.public_url or f"http://localhost:{settings.api_port}"),
        join=_JOIN.format(invite) if invite else "",
    )
    socket_origins = security_headers.origins(settings.public_ws_url)
    image_origins = security_headers.image_origins(settings.discord_cdn_url)
    if not is_loopback(settings.api_host):
        socket_origins = _reachable(socket_origins)
        image_origins = _reachable(image_origins)
    allowed = security_headers.PagePolicy(
        scripts=(SELF,),
        styles=(SELF,),
        images=(SELF, *image_origins),
        connect=(SELF, *socket_origins),
    )
    return security_headers.html_response(text.encode(), allowed, _VARY)


def _reachable(origins: tuple[str, ...]) -> tuple[str, ...]:
    """For a page that other machines can load: loopback origins, and their ports on any host.

    The page replaces a loopback host by the one it was loaded from: web/widget/loopback.js.
    """
    local = [urlsplit(origin) for origin in origins if leads_to_loopback(origin)]
    return (*origins, *(f"{parts.scheme}://*:{parts.port}" for parts in local if parts.port))

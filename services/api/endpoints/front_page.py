"""The page for browsers at `/`: web/page/index.html, with the addresses of this instance.

It loads nothing from elsewhere but the pictures of presences.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final

from services.api.endpoints import builder_form, widget_attributes
from services.api.endpoints.static import PAGE_DIR, WIDGET_DIR
from services.api.http import security_headers
from services.api.http.precompressed import PrecompressedResponse
from shared.config import ApiSettings

PLACEHOLDER: Final = "1274150219482660897"  # in the empty input, and in code until an id is known
PREVIEW: Final = "preview.png"  # what chats show for a link; most of them need the whole URL

_VARY: Final = b"Accept, Accept-Encoding"  # `/` is JSON for programs

_OWN: Final = '<p class="own"><a href="auth/login?return_to=/me">Show my presence</a></p>'
_JOIN: Final = '<p class="join">Not shown yet? <a href="{}">Join the server</a> to appear here.</p>'


def front(settings: ApiSettings) -> PrecompressedResponse:
    """The page, with the addresses and example users of the settings."""
    examples = [str(user_id) for user_id in settings.examples()]
    example = examples[0] if examples else PLACEHOLDER
    invite = escape(settings.discord_invite)
    signs_in = bool(settings.discord_client_secret)
    joins = signs_in and bool(settings.join_guild_id)  # with one click, after signing in
    text = Template((PAGE_DIR / "index.html").read_text()).substitute(
        api=escape(settings.public_url),
        preview=escape(f"{settings.public_url}/{PREVIEW}" if settings.public_url else PREVIEW),
        socket=escape(settings.public_ws_url),
        examples=" ".join(examples),
        example=example,
        example_link=f"user/{example}",
        placeholder=PLACEHOLDER,
        api_or_here=escape(settings.public_url or f"http://localhost:{settings.api_port}"),
        options=builder_form.render(widget_attributes.read_attributes(WIDGET_DIR)),
        own=_OWN if signs_in else "",
        join=_JOIN.format(invite) if invite and not joins else "",
    )
    return security_headers.html_response(
        text.encode(), security_headers.live_policy(settings), _VARY
    )

"""The page that browsers see at `/`: services/api/web/index.html, with the addresses of this place.

It asks nobody else for anything but the pictures of presences.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final

from services.api import html_page
from services.api.answers import Tagged
from services.api.html_page import SELF
from services.api.web_files import FOLDER
from shared.config import ApiSettings

PLACEHOLDER: Final = "1274150219482660897"  # in the empty box, and in code before an id is known

_VARY: Final = (b"vary", b"Accept")  # `/` is JSON for programs

_JOIN: Final = '<p class="join">Not shown yet? <a href="{}">Join the server</a>, and you are.</p>'


def front(settings: ApiSettings) -> Tagged:
    """The page, with the addresses and examples that the settings name."""
    examples = [str(user_id) for user_id in settings.examples()]
    example = examples[0] if examples else PLACEHOLDER
    invite = escape(settings.discord_invite)
    text = Template((FOLDER / "index.html").read_text()).substitute(
        api=escape(settings.public_url),
        socket=escape(settings.public_ws_url),
        examples=" ".join(examples),
        example=example,
        example_link=f"user/{example}",
        placeholder=PLACEHOLDER,
        api_or_here=escape(settings.public_url or f"http://localhost:{settings.api_port}"),
        join=_JOIN.format(invite) if invite else "",
    )
    allowed = html_page.Allowed(
        scripts=(SELF,),
        styles=(SELF,),
        images=(SELF, *html_page.pictures(settings.discord_cdn_url)),
        connect=(SELF, *html_page.origins(settings.public_ws_url)),
    )
    return html_page.answer(text.encode(), allowed, _VARY)

"""/docs, /docs/websocket and /privacy: for people. They look like the page at /."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final

from services.api.endpoints.docs import rest_page, websocket_page
from services.api.http import security_headers
from services.api.http.precompressed import PrecompressedResponse
from services.api.http.security_headers import SELF, PagePolicy
from services.api.openapi.schemas import Json
from shared.config import ApiSettings

# Addresses are relative, so that the pages also work below a path of a proxy.
_PAGE: Final = Template("""\
<!doctype html>
<html lang="en" data-root="$root">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Grux: $title</title>
<meta name="description" content="$description">
<link rel="icon" href="${root}favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}page.css">
<link rel="stylesheet" href="${root}docs/docs.css">
<script type="module" src="${root}theme.js" blocking="render"></script>
$head</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
  <a class="brand" href="$root">
    <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 2a14 14 0 1 0 8.3 25.3 6.2 6.2 0 0 1 5-10A14 14 0 0 0 16 2Z"/><circle cx="26" cy="26" r="4.4"/></svg>
    Grux
  </a>
  <nav aria-label="Documents">
    <a href="${root}docs"$rest>REST</a>
    <a href="${root}docs/websocket"$websocket>WebSocket</a>
    <a href="${root}privacy"$privacy>Privacy</a>
    <button type="button" id="theme" aria-label="Dark theme" aria-pressed="false" title="Dark or light">
      <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17Z"/></svg>
    </button>
  </nav>
</header>
$main
</body>
</html>
""")  # noqa: E501 (paths of icons)

_FORMS: Final = '<script type="module" src="./docs/docs.js"></script>\n'
_HERE: Final = ' aria-current="page"'
_PRIVACY: Final = Path(__file__).with_name("privacy.html")


def rest(document: Json, settings: ApiSettings) -> PrecompressedResponse:
    """`document` (/openapi.json) as HTML, with forms that send requests to this server."""
    main = rest_page.render_main(document)
    raw = '<p class="raw">For tools: <a href="openapi.json">openapi.json</a></p>'
    text = _PAGE.substitute(
        title="REST API",
        description="Every route of the REST API of Grux, with forms to try them.",
        head=_FORMS,
        root="./",
        rest=_HERE,
        websocket="",
        privacy="",
        main=main.replace("</h1>", f"</h1>\n{raw}", 1),
    )
    policy = PagePolicy(
        scripts=(SELF,),
        styles=(SELF,),
        # Avatars are redirects to the CDN.
        images=(SELF, *security_headers.image_origins(settings.discord_cdn_url)),
        connect=(SELF,),
    )
    return security_headers.html_response(text.encode(), policy)


def websocket(document: Json) -> PrecompressedResponse:
    """`document` (/asyncapi.json) as HTML."""
    main = websocket_page.render_main(document)
    raw = '<p class="raw">For tools: <a href="../asyncapi.json">asyncapi.json</a></p>'
    text = _PAGE.substitute(
        title="WebSocket",
        description="How to connect to the WebSocket of Grux, and every frame that it sends.",
        head="",
        root="../",
        rest="",
        websocket=_HERE,
        privacy="",
        main=main.replace("</h1>", f"</h1>\n{raw}", 1),
    )
    return security_headers.html_response(text.encode(), _READING)


def privacy(settings: ApiSettings) -> PrecompressedResponse:
    """What this server knows of the people it shows and of its visitors."""
    invite = settings.discord_invite
    text = _PAGE.substitute(
        title="Privacy",
        description="What this server knows of the people it shows, and of its visitors.",
        head="",
        root="./",
        rest="",
        websocket="",
        privacy=_HERE,
        main=Template(_PRIVACY.read_text()).substitute(
            contact=_SERVER_LINK.format(escape(invite)) if invite else _SERVER
        ),
    )
    return security_headers.html_response(text.encode(), _READING)


_READING: Final = PagePolicy(scripts=(SELF,), styles=(SELF,), images=(SELF,))
_SERVER: Final = "the Discord server in which you met this bot"
_SERVER_LINK: Final = '<a href="{}">the Discord server of this bot</a>'

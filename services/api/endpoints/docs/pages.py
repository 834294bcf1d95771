"""/docs and /docs/websocket: the documents of this API, to read and to try out."""

from __future__ import annotations

from string import Template
from typing import Final

from services.api.http import security_headers
from services.api.http.security_headers import SELF, Allowed
from shared.config import ApiSettings
from shared.http.responses import CacheableResponse

# Addresses are relative, so that the pages work below a path of a proxy as well.
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Grux: $title</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${files}$style">
<link rel="stylesheet" href="${files}docs.css">
<script src="${files}$viewer" defer></script>
<script src="${files}$script" defer></script>
</head>
<body>
<header>
<a href="$root">Grux</a>
<nav aria-label="Documents">
<a href="${root}docs"$rest>REST</a>
<a href="${root}docs/websocket"$websocket>WebSocket</a>
<a href="$root$document" class="raw">$document</a>
</nav>
</header>
<main id="viewer" data-document="$root$document"><p class="waiting">Loading …</p></main>
<noscript><p class="waiting">The viewer needs JavaScript. The document itself is
<a href="$root$document">$document</a>.</p></noscript>
</body>
</html>
""")

_HERE: Final = ' aria-current="page"'


def rest(settings: ApiSettings) -> CacheableResponse:
    """Swagger UI over /openapi.json: each route can be tried out."""
    text = _PAGE.substitute(
        title="REST API",
        files="docs/",
        root="./",
        document="openapi.json",
        style="swagger-ui.css",
        viewer="swagger-ui-bundle.js",
        script="rest.js",
        rest=_HERE,
        websocket="",
    )
    public = security_headers.origins(settings.public_url)  # where routes are tried out
    return security_headers.answer(text.encode(), _allowed(connect=public))


def websocket() -> CacheableResponse:
    """AsyncAPI's component over /asyncapi.json.

    Its parser compiles JSON Schemas to code when it is loaded (ajv), in both builds
    that were tried: so this page, and no other, may evaluate text. Nothing on it comes from
    people: the document is made from this repository, and scripts come from here alone.
    """
    allowed = _allowed("'unsafe-eval'")
    text = _PAGE.substitute(
        title="WebSocket",
        files="",
        root="../",
        document="asyncapi.json",
        style="asyncapi.css",
        viewer="asyncapi.js",
        script="websocket.js",
        rest="",
        websocket=_HERE,
    )
    return security_headers.answer(text.encode(), allowed)


def _allowed(*scripts: str, connect: tuple[str, ...] = ()) -> Allowed:
    """`data:` is for the icons in the viewers' style sheets."""
    return Allowed(
        scripts=(SELF, *scripts),
        styles=(SELF,),
        images=(SELF, "data:"),
        connect=(SELF, *connect),
    )

"""/docs and /docs/websocket: the documents of the API, for people."""

from __future__ import annotations

from string import Template
from typing import Final

from services.api.endpoints.docs import websocket_page
from services.api.http import security_headers
from services.api.http.precompressed import PrecompressedResponse
from services.api.http.security_headers import SELF, PagePolicy
from services.api.openapi.schemas import Json
from shared.config import ApiSettings

# Addresses are relative, so that the pages also work below a path of a proxy.
_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Grux: $title</title>
<link rel="icon" href="data:,">
$head<link rel="stylesheet" href="${files}docs.css">
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
$main
</body>
</html>
""")

_VIEWER_HEAD: Final = Template("""\
<link rel="stylesheet" href="${files}swagger-ui.css">
<script src="${files}swagger-ui-bundle.js" defer></script>
<script src="${files}rest.js" defer></script>
""")
_VIEWER: Final = """\
<main id="viewer" data-document="./openapi.json"><p class="waiting">Loading …</p></main>
<noscript><p class="waiting">This page needs JavaScript. The document itself is
<a href="./openapi.json">openapi.json</a>.</p></noscript>"""

_HERE: Final = ' aria-current="page"'


def rest(settings: ApiSettings) -> PrecompressedResponse:
    """Swagger UI over /openapi.json: each route can be tried out."""
    text = _PAGE.substitute(
        title="REST API",
        head=_VIEWER_HEAD.substitute(files="docs/"),
        files="docs/",
        root="./",
        document="openapi.json",
        rest=_HERE,
        websocket="",
        main=_VIEWER,
    )
    policy = PagePolicy(
        scripts=(SELF,),
        styles=(SELF,),
        images=(SELF, "data:"),  # icons in the viewer's style sheet
        connect=(SELF, *security_headers.origins(settings.public_url)),
    )
    return security_headers.html_response(text.encode(), policy)


def websocket(document: Json) -> PrecompressedResponse:
    """`document` (/asyncapi.json) as HTML, without a script."""
    text = _PAGE.substitute(
        title="WebSocket",
        head="",
        files="",
        root="../",
        document="asyncapi.json",
        rest="",
        websocket=_HERE,
        main=websocket_page.render_main(document),
    )
    policy = PagePolicy(styles=(SELF,), images=("data:",))  # the empty icon
    return security_headers.html_response(text.encode(), policy)

"""/overlay/:id and /embed/:id: pages with the widget alone, for OBS and for iframes.

They are the same for every valid id, whether Grux shows that user or not: the widget finds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints import widget_attributes
from services.api.endpoints.static import WIDGET_DIR
from services.api.http import security_headers
from services.api.http.security_headers import SELF, PagePolicy
from shared.config import ApiSettings
from shared.discord import snowflake
from shared.http.responses import RawResponse
from shared.net.bounded_input import query_parameters

OVERLAY_PATH: Final = "/overlay/"
EMBED_PATH: Final = "/embed/"

_OVERLAY_DEFAULTS: Final = {"theme": "dark"}  # readable above a video
_EMBED_DEFAULTS: Final = {"theme": "auto"}  # as the visitor's system

# Nothing has a background, so that nothing is painted before the card.
_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Discord presence</title>
<link rel="stylesheet" href="../embedded.css">
$head</head>
<body class="$kind">
$body
</body>
</html>
""")
_SCRIPT: Final = '<script type="module" src="../widget.js"></script>\n'
_WIDGET: Final = Template("""\
<grux-presence $attributes></grux-presence>
<noscript><p class="problem">This card needs JavaScript.</p></noscript>""")
_PROBLEM: Final = Template('<p class="problem" role="alert">$text</p>')


class EmbeddedWidgetEndpoints:
    """Neither page reads anything: not Redis, no cookies."""

    def __init__(self, settings: ApiSettings) -> None:
        self._attributes = widget_attributes.read_attributes(WIDGET_DIR)
        self._policy = security_headers.live_policy(settings)

    def routes(self) -> list[Route]:
        return [
            Route(f"{OVERLAY_PATH}{{user_id}}", self.overlay),
            Route(f"{EMBED_PATH}{{user_id}}", self.embed),
        ]

    async def overlay(self, request: Request) -> RawResponse:
        """The widget on a transparent background. No page may frame it."""
        return self._page(request, "overlay", self._policy, _OVERLAY_DEFAULTS)

    async def embed(self, request: Request) -> RawResponse:
        """The widget as wide as the iframe. Any page may frame it."""
        policy = security_headers.framed_anywhere(self._policy)
        return self._page(request, "embed", policy, _EMBED_DEFAULTS)

    def _page(
        self, request: Request, kind: str, policy: PagePolicy, defaults: Mapping[str, str]
    ) -> RawResponse:
        text = request.path_params["user_id"]
        if snowflake.parse(text) is None:
            message = f"{snowflake.problem(text)} {snowflake.FORM} {snowflake.HOW_TO_COPY}"
            problem = _PROBLEM.substitute(text=escape(message))
            page = _PAGE.substitute(head="", kind=kind, body=problem)
            alone = PagePolicy(styles=(SELF,), framed=policy.framed)
            return security_headers.error_page(400, page.encode(), alone)
        query = query_parameters(request.scope["query_string"].decode("latin-1"))
        chosen, unusable = widget_attributes.chosen_attributes(
            self._attributes, widget_attributes.parameters_of(query)
        )
        attributes = {"user": text, **defaults, **chosen}
        written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
        body = _WIDGET.substitute(attributes=written)
        page = _PAGE.substitute(head=_SCRIPT, kind=kind, body=body)
        named = ((b"x-grux-unusable", ", ".join(unusable).encode()),) if unusable else ()
        return security_headers.small_page(request, page.encode(), policy, *named)

"""/oembed: how to embed the page of a person. https://oembed.com"""

from __future__ import annotations

import re
from html import escape
from string import Template
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.embedded_widget import EMBED_PATH
from services.api.endpoints.person_page import PERSON_PATH, read_person
from shared.config import ApiSettings
from shared.discord import snowflake
from shared.http.errors import NoSuchPage, UnsupportedFormat
from shared.http.responses import RawResponse, cacheable, parameters_of
from shared.profiles.user_reader import UserReader

OEMBED_PATH: Final = "/oembed"
CACHE_AGE_S: Final = 300  # a changed name shows after it
WIDTH_PX: Final = 400
HEIGHT_PX: Final = 320  # name, custom status and one activity: see docs/embeds.md
COMPACT_HEIGHT_PX: Final = 72

_MAX_URL_CHARS: Final = 512
_PIXELS: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_PAGES: Final = re.compile(
    rf"(?:{PERSON_PATH}|{EMBED_PATH})([0-9]+)/?(?:[?#].*)?|/\?user=([0-9]+)(?:[&#].*)?", re.ASCII
)

_IFRAME: Final = Template(
    '<iframe src="$address" title="Discord presence of $name" width="$width" height="$height" '
    'style="border: 0; max-width: 100%; color-scheme: light" loading="lazy" '
    'sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"></iframe>'
)


class OEmbed(Struct, frozen=True):
    """How a page shows a person: oEmbed 1.0, section 2.3."""

    version: Annotated[Literal["1.0"], Meta(description="Of oEmbed.")]
    type: Annotated[Literal["rich"], Meta(description="HTML to insert.")]
    title: Annotated[str, Meta(description="The name of the person.")]
    author_name: Annotated[str, Meta(description="The same.")]
    author_url: Annotated[str, Meta(description="The page of the person on this server.")]
    provider_name: Annotated[Literal["Grux"], Meta(description="This software.")]
    provider_url: Annotated[str, Meta(description="This server.")]
    cache_age: Annotated[int, Meta(description="For how many seconds it may be kept.")]
    width: Annotated[int, Meta(description="In pixels.")]
    height: Annotated[int, Meta(description="In pixels.")]
    html: Annotated[str, Meta(description="An iframe in a sandbox.")]


class OEmbedEndpoints:
    """Knows the pages below PUBLIC_URL and no others, so without PUBLIC_URL it knows none.

    The address in the header Host is the client's own claim: an answer with it, in a shared cache,
    would lead the readers of other sites to wherever that client likes.
    """

    def __init__(self, users: UserReader, settings: ApiSettings) -> None:
        self._users = users
        self._public_url = settings.public_url

    def routes(self) -> list[Route]:
        return [Route(OEMBED_PATH, self.oembed)]

    async def oembed(self, request: Request) -> RawResponse:
        """Raises UnsupportedFormat, NoSuchPage, and what `read_person` raises."""
        parameters = parameters_of(request)
        if parameters.get("format", "json") != "json":
            raise UnsupportedFormat
        user_id = person_of(parameters.get("url", ""), self._public_url)
        if user_id is None:
            raise NoSuchPage
        person = await read_person(self._users, user_id)
        width = min(WIDTH_PX, _pixels(parameters.get("maxwidth"), WIDTH_PX))
        max_height = _pixels(parameters.get("maxheight"), HEIGHT_PX)
        is_compact = max_height < HEIGHT_PX
        height = min(COMPACT_HEIGHT_PX if is_compact else HEIGHT_PX, max_height)
        size = "?size=compact" if is_compact else ""
        answer = OEmbed(
            version="1.0",
            type="rich",
            title=person.name,
            author_name=person.name,
            author_url=f"{self._public_url}{PERSON_PATH}{user_id}",
            provider_name="Grux",
            provider_url=self._public_url,
            cache_age=CACHE_AGE_S,
            width=width,
            height=height,
            html=_IFRAME.substitute(
                address=escape(f"{self._public_url}{EMBED_PATH}{user_id}{size}"),
                name=escape(person.name),
                width=width,
                height=height,
            ),
        )
        return cacheable(msgspec.json.encode(answer)).answer(request.scope["headers"])


def person_of(url: str, public_url: str) -> int | None:
    """The person whose page `url` is; None: it is no page of a person on this server."""
    if not public_url or len(url) > _MAX_URL_CHARS or not url.startswith(f"{public_url}/"):
        return None
    found = _PAGES.fullmatch(url, len(public_url))
    return snowflake.parse(found[1] or found[2]) if found else None


def _pixels(text: str | None, otherwise: int) -> int:
    return int(text) if text and _PIXELS.fullmatch(text) else otherwise

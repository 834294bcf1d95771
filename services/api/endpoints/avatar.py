"""GET /avatar/:id, .png, .webp and .gif: a redirect to the picture of the moment."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from shared.discord import snowflake
from shared.http.errors import InvalidSize, InvalidUserId
from shared.http.responses import CORS_HEADERS, RawResponse
from shared.model.snapshot import Profile
from shared.profiles.user_reader import UserReader

SIZES: Final = tuple(1 << power for power in range(4, 13))
KEEP: Final = 60  # seconds: an avatar that was changed is seen after a minute

_OWN: Final = re.compile(r"(.*/avatars/[0-9]+/((?:a_)?[A-Za-z0-9_]+))\.png\?size=[0-9]+")
_profile = msgspec.json.Decoder(Profile).decode


class AvatarEndpoints:
    def __init__(self, people: UserReader) -> None:
        self._people = people

    def routes(self) -> list[Route]:
        return [
            Route("/avatar/{user_id}.png", self.png),
            Route("/avatar/{user_id}.webp", self.webp),
            Route("/avatar/{user_id}.gif", self.gif),
            Route("/avatar/{user_id}", self.png),
        ]

    async def png(self, request: Request) -> RawResponse:
        return await self._avatar(request, "png")

    async def webp(self, request: Request) -> RawResponse:
        """In motion, if the avatar moves."""
        return await self._avatar(request, "webp")

    async def gif(self, request: Request) -> RawResponse:
        """PNG, unless the avatar moves."""
        return await self._avatar(request, "gif")

    async def _avatar(self, request: Request, kind: str) -> RawResponse:
        """302, so that the picture's own server serves it. Raises what errors.ERRORS lists."""
        size = request.query_params.get("size", "1024")
        if size not in map(str, SIZES):
            raise InvalidSize
        person = await self._people.person(user_id_of(request))
        picture = _profile(person.profile).avatar_image
        where = address(picture, kind, int(size))
        return RawResponse(
            302,
            b"",
            (
                (b"location", where.encode("ascii", "replace")),
                (b"content-length", b"0"),
                (b"cache-control", b"public, max-age=%d" % KEEP),
                *CORS_HEADERS,
            ),
        )


def address(picture: str, kind: str, size: int) -> str:
    """The avatar in this format. Discord docs: Reference, Image Formatting.

    A GIF of an avatar that stands still does not exist: that is a PNG. Nor do Discord's default
    avatars in another format or size than their own.
    """
    own = _OWN.fullmatch(picture)
    if own is None:
        return picture
    base, moves = own[1], own[2].startswith("a_")
    if kind == "gif" and not moves:
        kind = "png"
    animated = "&animated=true" if kind == "webp" and moves else ""
    return f"{base}.{kind}?size={size}{animated}"


def user_id_of(request: Request) -> int:
    """The id in the path. Raises InvalidUserId."""
    user_id = snowflake.parse(request.path_params["user_id"])
    if user_id is None:
        raise InvalidUserId
    return user_id

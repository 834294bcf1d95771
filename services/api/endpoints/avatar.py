"""GET /avatar/:id, .png, .webp and .gif: a redirect to the current avatar."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.presence import user_id_of
from shared.http.errors import InvalidSize
from shared.http.responses import CROSS_ORIGIN, RawResponse, parameters_of, redirect
from shared.model.snapshot import Profile
from shared.net.loopback import as_reached
from shared.profiles.user_reader import UserReader, UserView
from shared.redis.store import decoded

AVATAR_SIZES_PX: Final = tuple(1 << power for power in range(4, 13))  # those Discord's CDN has
REDIRECT_MAX_AGE_S: Final = 60  # a changed avatar shows after a minute

_CUSTOM_AVATAR: Final = re.compile(r"(.*/avatars/[0-9]+/((?:a_)?[A-Za-z0-9_]+))\.png\?size=[0-9]+")
_decode_profile = msgspec.json.Decoder(Profile).decode


class AvatarEndpoints:
    """Each endpoint may raise the exceptions that shared.http.errors turns into responses."""

    def __init__(self, users: UserReader) -> None:
        self._users = users

    def routes(self) -> list[Route]:
        return [
            Route("/avatar/{user_id}.png", self.png),
            Route("/avatar/{user_id}.webp", self.webp),
            Route("/avatar/{user_id}.gif", self.gif),
            Route("/avatar/{user_id}", self.png),
        ]

    async def png(self, request: Request) -> RawResponse:
        return await self._redirect(request, "png")

    async def webp(self, request: Request) -> RawResponse:
        """Animated if the avatar is."""
        return await self._redirect(request, "webp")

    async def gif(self, request: Request) -> RawResponse:
        """PNG unless the avatar is animated."""
        return await self._redirect(request, "gif")

    async def _redirect(self, request: Request, image_format: str) -> RawResponse:
        """302, so that the image is served by the CDN."""
        size = parameters_of(request).get("size", "1024")
        if size not in map(str, AVATAR_SIZES_PX):
            raise InvalidSize
        user = await self._users.view(user_id_of(request))
        return avatar_redirect(request, user, image_format, int(size))


def avatar_redirect(
    request: Request, user: UserView, image_format: str, size: int, still: str = "png"
) -> RawResponse:
    """302 to the user's avatar. The other arguments: see `avatar_url`."""
    avatar_image = decoded(_decode_profile, user.profile).avatar_image
    location = avatar_url(avatar_image, image_format, size, still)
    location = as_reached(location, request.headers.get("host", ""))  # a simulated Discord's
    keep = (b"cache-control", b"public, max-age=%d" % REDIRECT_MAX_AGE_S)
    return redirect(302, location.encode("ascii", "replace"), keep, CROSS_ORIGIN)


def avatar_url(avatar_image: str, image_format: str, size: int, still: str = "png") -> str:
    """`avatar_image` in this format and size (px). Discord docs: Reference, Image Formatting.

    A static avatar has no GIF, so it gets the format `still`. Discord's default avatars exist in
    one format and size only, and are returned as they are.
    """
    custom = _CUSTOM_AVATAR.fullmatch(avatar_image)
    if custom is None:
        return avatar_image
    base, is_animated = custom[1], custom[2].startswith("a_")
    if image_format == "gif" and not is_animated:
        image_format = still
    animated = "&animated=true" if image_format == "webp" and is_animated else ""
    return f"{base}.{image_format}?size={size}{animated}"

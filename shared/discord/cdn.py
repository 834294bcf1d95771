"""URLs of Discord's images. Discord docs: Reference, Image Formatting."""

from __future__ import annotations

import re
from functools import cache
from typing import TypeGuard

from msgspec import Struct

from shared.net.loopback import leads_to_loopback

_HASH = re.compile(r"[A-Za-z0-9_]{1,128}", re.ASCII)
_NAMEPLATE = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*/", re.ASCII)


def is_hash(value: object) -> TypeGuard[str]:
    """Whether `value` may be put into a CDN path: hashes are not to be trusted."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def is_nameplate(value: object) -> TypeGuard[str]:
    """Whether `value` is a nameplate's asset: a relative folder that ends with a slash."""
    return isinstance(value, str) and len(value) <= 200 and bool(_NAMEPLATE.fullmatch(value))


class Cdn(Struct, frozen=True):
    """Builds image URLs below `base`. Arguments must have passed `is_hash` or be ids."""

    base: str = "https://cdn.discordapp.com"

    def avatar(self, user_id: int, avatar: str | None, discriminator: str | None) -> str:
        """PNG, 1024 px; the default avatar (which takes no size) where there is none."""
        if avatar is not None:
            return f"{self.base}/avatars/{user_id}/{avatar}.png?size=1024"
        if discriminator is None or not discriminator.strip("0"):
            number = (user_id >> 22) % 6
        else:  # from before unique names; bots still have one
            number = int(discriminator) % 5
        return f"{self.base}/embed/avatars/{number}.png"

    def banner(self, user_id: int, banner: str) -> str:
        return f"{self.base}/banners/{user_id}/{banner}.png?size=1024"

    def decoration(self, asset: str) -> str:
        return f"{self.base}/avatar-decoration-presets/{asset}.png"

    def nameplate(self, asset: str) -> str:
        return f"{self.base}/assets/collectibles/{asset}static.png"

    def clan(self, guild_id: str, badge: str) -> str:
        return f"{self.base}/clan-badges/{guild_id}/{badge}.png"

    def badge(self, icon: str) -> str:
        return f"{self.base}/badge-icons/{icon}.png"

    def emoji(self, emoji_id: str, animated: bool) -> str:
        return f"{self.base}/emojis/{emoji_id}.webp{'?animated=true' if animated else ''}"

    def app_icon(self, application_id: str, icon: str) -> str:
        return f"{self.base}/app-icons/{application_id}/{icon}.png"

    def app_asset(self, application_id: str, asset_id: str) -> str:
        return f"{self.base}/app-assets/{application_id}/{asset_id}.png"

    def elsewhere(self, url: str) -> str:
        """`url`, an image on a host of Spotify, Twitch, YouTube or of Discord's media proxy.

        A simulated Discord has a loopback address. It serves these images as well, below its CDN:
        the songs and streams of simulated users do not exist anywhere else.
        """
        return f"{self.base}/{url.split('/', 3)[3]}" if _is_simulated(self.base) else url


@cache
def _is_simulated(base: str) -> bool:
    return leads_to_loopback(base)

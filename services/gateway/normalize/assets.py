"""Image keys of activities as URLs. Users choose the keys: an allow-list, never a template.

Discord docs: Activity Asset Image.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from shared.discord.cdn import Cdn

_APP_ASSET = re.compile(r"[0-9]{15,20}", re.ASCII)
_SPOTIFY = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_TWITCH = re.compile(r"[A-Za-z0-9_]{1,25}", re.ASCII)
_YOUTUBE = re.compile(r"[A-Za-z0-9_-]{6,20}", re.ASCII)
_URL_CHARACTERS = r"[A-Za-z0-9._~:/?@!$&()*+,;=%-]"  # no quotes, brackets, blanks or fragment
_MEDIA_PROXY = re.compile(
    rf"external/[A-Za-z0-9_-]+/(?:%3F[^/]+/)?https?/{_URL_CHARACTERS}+"
    rf"|attachments/[0-9]+/[0-9]+/{_URL_CHARACTERS}+",
    re.ASCII,
)
_WEB = re.compile(
    rf"https?://[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?(?:[/?]{_URL_CHARACTERS}*)?", re.ASCII
)


def image(key: str | None, application_id: str | None, cdn: Cdn) -> str | None:
    """The URL of an asset key; None for every key that is not on the allow-list."""
    if not key:
        return None
    if _APP_ASSET.fullmatch(key):
        return cdn.app_asset(application_id, key) if application_id else None
    prefix, _, rest = key.partition(":")
    if prefix == "mp":
        return _media_proxy(rest, cdn)
    if prefix == "spotify" and _SPOTIFY.fullmatch(rest):
        return cdn.elsewhere(f"https://i.scdn.co/image/{rest}")
    if prefix == "twitch" and _TWITCH.fullmatch(rest):
        preview = f"https://static-cdn.jtvnw.net/previews-ttv/live_user_{rest}-1280x720.jpg"
        return cdn.elsewhere(preview)
    if prefix == "youtube" and _YOUTUBE.fullmatch(rest):
        return cdn.elsewhere(f"https://i.ytimg.com/vi/{rest}/hqdefault.jpg")
    return None


def link(url: str | None) -> str | None:
    """`url` if it is a plain web address: no script, no file, no credentials."""
    return url if url and _WEB.fullmatch(url) else None


def _media_proxy(path: str, cdn: Cdn) -> str | None:
    if not _MEDIA_PROXY.fullmatch(path):
        return None
    if any(part in ("..", ".") for part in re.split(r"[/\\?]", unquote(unquote(path)))):
        return None
    return cdn.elsewhere(f"https://media.discordapp.net/{path}")

"""An HTML page as an answer, with what keeps it harmless: the one place where that is said.

Nothing is allowed that a page does not name: no script, no style, no picture, no connection.
Sources: Content Security Policy Level 3; the OWASP Secure Headers Project.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from shared.http.responses import CacheableResponse, Header, cacheable

HTML: Final = b"text/html; charset=utf-8"
SELF: Final = "'self'"
_PICTURES: Final = (
    "https://media.discordapp.net",
    "https://i.scdn.co",
    "https://i.ytimg.com",
    "https://static-cdn.jtvnw.net",
)
"""Hosts of activity images besides Discord's CDN: see services/gateway/normalize/assets.py."""

_OFF: Final = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)
"""What no page of ours asks for: Permissions Policy, policy-controlled features."""

_ALWAYS: Final = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),  # what frame-ancestors says, for browsers that do not know it
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _OFF).encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Pictures from elsewhere are fetched without cookies, and need no header of their own.
    (b"cross-origin-embedder-policy", b"credentialless"),
)


class Allowed(Struct, frozen=True, kw_only=True):
    """What a page may use: sources as CSP spells them, such as SELF, an origin or `digest(…)`."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    style_attributes: tuple[str, ...] = ()  # else as `styles`
    images: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()  # fetch and WebSocket
    workers: tuple[str, ...] = ()

    def policy(self) -> str:
        """The value of Content-Security-Policy."""
        named = {
            "script-src": self.scripts,
            "style-src": self.styles,
            "style-src-attr": self.style_attributes,
            "img-src": self.images,
            "font-src": self.fonts,
            "connect-src": self.connect,
            "worker-src": self.workers,
        }
        allowed = [f"{name} {' '.join(sources)}" for name, sources in named.items() if sources]
        never = [f"{name} 'none'" for name in ("base-uri", "form-action", "frame-ancestors")]
        return "; ".join(["default-src 'none'", *allowed, *never])


def answer(body: bytes, allowed: Allowed, *headers: Header) -> CacheableResponse:
    """The page; clients may keep it but ask about it each time. `headers`: further ones."""
    policy = (b"content-security-policy", allowed.policy().encode())
    return cacheable(body, policy, *_ALWAYS, *headers, kind=HTML)


def digest(inline: str) -> str:
    """Allows the <script> or <style> with exactly this text."""
    return f"'sha256-{base64.b64encode(sha256(inline.encode()).digest()).decode()}'"


def pictures(cdn_url: str) -> tuple[str, ...]:
    """Where all the pictures of a presence are. `cdn_url`: DISCORD_CDN_URL."""
    return (*origins(cdn_url), *_PICTURES)


def origins(*urls: str) -> tuple[str, ...]:
    """Scheme, host and port of each, as PUBLIC_URL and PUBLIC_WS_URL; an empty one is left out."""
    split = [urlsplit(url) for url in urls if url]
    found = (f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" for parts in split)
    return tuple(dict.fromkeys(found))

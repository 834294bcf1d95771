"""HTML pages as responses, with the headers that keep them harmless.

A page may use nothing that it does not name: no script, no style, no image, no connection.
Sources: Content Security Policy Level 3; the OWASP Secure Headers Project.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.requests import Request

from services.api.http.precompressed import PrecompressedResponse
from shared.config import ApiSettings
from shared.http.responses import (
    CORS_HEADERS,
    CROSS_ORIGIN,
    NO_STORE,
    NOSNIFF,
    Header,
    RawResponse,
    cacheable,
)
from shared.net.loopback import is_loopback, leads_to_loopback

HTML: Final = b"text/html; charset=utf-8"
SELF: Final = "'self'"

_IMAGE_HOSTS: Final = (
    "https://media.discordapp.net",
    "https://i.scdn.co",
    "https://i.ytimg.com",
    "https://static-cdn.jtvnw.net",
)
"""Hosts of activity images besides Discord's CDN: see services/gateway/normalize/assets.py."""

_DISABLED_FEATURES: Final = (
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
"""Features of Permissions Policy that no page needs."""

_OF_EVERY_PAGE: Final = (
    (
        b"permissions-policy",
        ", ".join(f"{feature}=()" for feature in _DISABLED_FEATURES).encode(),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Images from other hosts are fetched without cookies, and need no header of their own.
    (b"cross-origin-embedder-policy", b"credentialless"),
)
_HEADERS: Final = (
    (b"x-frame-options", b"DENY"),  # frame-ancestors for browsers that do not support it
    (b"cross-origin-resource-policy", b"same-origin"),
    *_OF_EVERY_PAGE,
)
_FRAMED_HEADERS: Final = (CROSS_ORIGIN, *_OF_EVERY_PAGE)
_NO_REFERRER: Final = (b"referrer-policy", b"no-referrer")
_OWN_REFERRER: Final = (b"referrer-policy", b"same-origin")
"""For pages with forms: with `no-referrer`, browsers send `Origin: null` with a form."""


_ANYWHERE: Final = "* app: capacitor:"
"""`*` is every page of the web. Notes in Obsidian are none: they have the other two schemes."""


class PagePolicy(Struct, frozen=True, kw_only=True):
    """What a page may use: sources as CSP spells them, such as SELF or an origin."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()  # fetch and WebSocket
    forms: tuple[str, ...] = ()  # where forms may be sent
    framed: bool = False  # by pages of any origin

    def header(self) -> str:
        """The value of Content-Security-Policy."""
        directives = {
            "script-src": self.scripts,
            "style-src": self.styles,
            "img-src": self.images,
            "connect-src": self.connect,
        }
        allowed = [f"{name} {' '.join(sources)}" for name, sources in directives.items() if sources]
        forms = " ".join(self.forms) or "'none'"
        ancestors = _ANYWHERE if self.framed else "'none'"
        rest = ["base-uri 'none'", f"form-action {forms}", f"frame-ancestors {ancestors}"]
        return "; ".join(["default-src 'none'", *allowed, *rest])


def html_response(
    body: bytes, policy: PagePolicy, vary: bytes = b"Accept-Encoding"
) -> PrecompressedResponse:
    """The page, which clients may cache and must revalidate. `vary`: the value of Vary."""
    return PrecompressedResponse.of(body, HTML, *_public_headers(policy), vary=vary)


def small_page(request: Request, body: bytes, policy: PagePolicy, *headers: Header) -> RawResponse:
    """A page that is made for this request: 304 if the client has it already.

    It is not compressed: that would cost more than it saves.
    """
    response = cacheable(body, *_public_headers(policy), *headers, kind=HTML)
    return response.answer(request.scope["headers"])


def error_page(status: int, body: bytes, policy: PagePolicy, *headers: Header) -> RawResponse:
    """A page that says what is wrong. Nothing may store it."""
    return RawResponse(
        status,
        body,
        (
            (b"content-type", HTML),
            (b"content-length", b"%d" % len(body)),
            NOSNIFF,
            NO_STORE,
            *_public_headers(policy),
            *headers,
            *CORS_HEADERS,
        ),
    )


def _public_headers(policy: PagePolicy) -> tuple[Header, ...]:
    csp = (b"content-security-policy", policy.header().encode())
    return (csp, _NO_REFERRER, *(_FRAMED_HEADERS if policy.framed else _HEADERS))


def private_html_response(
    status: int, body: bytes, policy: PagePolicy, *headers: Header
) -> RawResponse:
    """A page for one person, which nothing may store or read but their browser.

    It is not compressed: it holds a secret (the token of its forms) beside what others may choose.
    """
    return RawResponse(
        status,
        body,
        (
            (b"content-type", HTML),
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", policy.header().encode()),
            NOSNIFF,
            NO_STORE,
            (b"vary", b"Accept, Cookie"),
            _OWN_REFERRER,
            *_HEADERS,
            *headers,
        ),
    )


def image_origins(cdn_url: str) -> tuple[str, ...]:
    """The origins of all images in a presence. `cdn_url`: DISCORD_CDN_URL."""
    return (*origins(cdn_url), *_IMAGE_HOSTS)


def origins(*urls: str) -> tuple[str, ...]:
    """Scheme, host and port of each URL, without passwords. Empty URLs are skipped."""
    split = [urlsplit(url) for url in urls if url]
    found = (f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" for parts in split)
    return tuple(dict.fromkeys(found))


def live_policy(settings: ApiSettings) -> PagePolicy:
    """For a page with the widget: its own files, the WebSocket, and the pictures of presences."""
    socket_origins = origins(settings.public_ws_url)
    images = image_origins(settings.discord_cdn_url)
    if not is_loopback(settings.api_host):
        socket_origins = _reachable(socket_origins)
        images = _reachable(images)
    return PagePolicy(
        scripts=(SELF,),
        styles=(SELF,),
        images=(SELF, *images),
        connect=(SELF, *socket_origins),
    )


def framed_anywhere(policy: PagePolicy) -> PagePolicy:
    """The same for a page that pages of any origin may frame."""
    return msgspec.structs.replace(policy, framed=True)


def _reachable(origins: tuple[str, ...]) -> tuple[str, ...]:
    """For a page that other machines can load: loopback origins, and their ports on any host.

    The page replaces a loopback host by the one it was loaded from: web/widget/loopback.js.
    """
    local = [urlsplit(origin) for origin in origins if leads_to_loopback(origin)]
    return (*origins, *(f"{parts.scheme}://*:{parts.port}" for parts in local if parts.port))

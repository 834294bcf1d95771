"""The headers that keep pages harmless."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from services.api.http import security_headers
from services.api.http.security_headers import SELF, PagePolicy
from services.gateway.normalize import assets
from shared.discord.cdn import Cdn
from tests.api.http_client import ask

PAGES = ["/", "/docs", "/docs/websocket"]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_them(port: int, path: str) -> None:
    """No framing, no sniffing, no referrer, no device features, no shared window."""
    page = await ask(port, path, "Accept: text/html")
    assert page.status == 200
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("x-content-type-options") == "nosniff"
    assert page.header("referrer-policy") == "no-referrer"
    assert page.header("x-frame-options") == "DENY"
    assert page.header("cross-origin-opener-policy") == "same-origin"
    assert page.header("cross-origin-resource-policy") == "same-origin"
    assert page.header("cross-origin-embedder-policy") == "credentialless"
    features = (page.header("permissions-policy") or "").split(", ")
    assert {"camera=()", "microphone=()", "geolocation=()", "payment=()"} <= set(features)
    assert all(re.fullmatch(r"[a-z-]+=\(\)", feature) for feature in features)


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_runs_inline_code(port: int, path: str) -> None:
    """Scripts and styles come from this server only, and nothing is evaluated."""
    policy = (await ask(port, path, "Accept: text/html")).header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives.get("script-src", SELF) == SELF
    assert directives["style-src"] == SELF
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_a_304_has_the_policy_too(port: int) -> None:
    """RFC 9111, 3.2: the headers of a 304 replace those that the browser stored."""
    page = await ask(port, "/", "Accept: text/html")
    same = await ask(port, "/", "Accept: text/html", f"If-None-Match: {page.header('etag')}")
    assert same.status == 304
    name = "content-security-policy"
    assert same.header(name) == page.header(name)


def test_a_policy_allows_what_is_named_and_nothing_else() -> None:
    """Each list is a directive; default-src covers an empty one."""
    policy = PagePolicy(
        scripts=(SELF,),
        images=(SELF, "data:"),
        connect=security_headers.origins(
            "https://api.example.org/v1", "wss://ws.example.org:444/x", ""
        ),
    )
    assert policy.header() == (
        "default-src 'none'; script-src 'self'; img-src 'self' data:; "
        "connect-src https://api.example.org wss://ws.example.org:444; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/websocket"])
async def test_pages_are_compressed(port: int, path: str) -> None:
    """With gzip for clients that accept it, each form with its own tag."""
    plain = await ask(port, path, "Accept: text/html")
    zipped = await ask(port, path, "Accept: text/html", "Accept-Encoding: gzip, br")
    assert (plain.header("content-encoding"), zipped.header("content-encoding")) == (None, "gzip")
    assert gzip.decompress(zipped.body) == plain.body
    assert len(zipped.body) < len(plain.body)
    assert plain.header("etag") != zipped.header("etag")
    for answer in (plain, zipped):
        assert "Accept-Encoding" in (answer.header("vary") or "")
        assert answer.header("content-security-policy") is not None


def test_origins_hold_no_password() -> None:
    """A policy is public."""
    assert security_headers.origins("http://me:secret@localhost:8000/a", "") == (
        "http://localhost:8000",
    )


@pytest.mark.parametrize(
    "key",
    [
        "1234567890123456789",
        "mp:external/abc/https/example.org/a.png",
        "spotify:ab67616d0000b273",
        "twitch:streamer",
        "youtube:dQw4w9WgXcQ",
    ],
)
def test_every_image_of_a_presence_is_allowed(key: str) -> None:
    """The origin of every image URL that the gateway makes is on the list."""
    url = assets.image(key, "383226320970055681", Cdn())
    assert url is not None
    assert security_headers.origins(url)[0] in security_headers.image_origins(
        "https://cdn.discordapp.com"
    )


def test_pages_are_made_in_one_place() -> None:
    """No other module of the api sends HTML, so every page has the headers."""
    files = (ROOT / "services" / "api").rglob("*.py")
    assert [path.name for path in files if "text/html; charset" in path.read_text()] == [
        "security_headers.py"
    ]

"""The headers that keep pages harmless."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from pathlib import Path

import pytest

from services.api.http import security_headers
from services.api.http.security_headers import SELF, Allowed
from services.gateway.normalize import assets
from shared.discord.cdn import Cdn
from tests.api.http_client import ask

PAGES = ["/", "/docs", "/docs/websocket"]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_them(port: int, path: str) -> None:
    """No framing, no sniffing, no address told on, nothing of the device, no shared window."""
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
async def test_no_page_runs_what_stands_in_it(port: int, path: str) -> None:
    """Scripts and styles come from here or are named by their digest.

    One page may evaluate text: test_docs_pages.py says which.
    """
    policy = (await ask(port, path, "Accept: text/html")).header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    scripts = set(directives.get("script-src", "").split()) - {"'unsafe-eval'"}
    assert all(source == SELF or source.startswith("'sha256-") for source in scripts)
    assert "unsafe" not in "".join(directives.get("style-src", ""))
    assert "*" not in policy


async def test_whoever_has_the_page_is_told_the_policy_again(port: int) -> None:
    """RFC 9111, 3.2: the headers of a 304 take the place of those that the browser kept."""
    page = await ask(port, "/", "Accept: text/html")
    same = await ask(port, "/", "Accept: text/html", f"If-None-Match: {page.header('etag')}")
    assert same.status == 304
    name = "content-security-policy"
    assert same.header(name) == page.header(name)


def test_what_a_page_names_is_allowed_and_nothing_else() -> None:
    """Each list is a directive; an empty one is covered by default-src."""
    allowed = Allowed(
        scripts=(SELF,),
        images=(SELF, "data:"),
        connect=security_headers.origins(
            "https://api.example.org/v1", "wss://ws.example.org:444/x", ""
        ),
    )
    assert allowed.policy() == (
        "default-src 'none'; script-src 'self'; img-src 'self' data:; "
        "connect-src https://api.example.org wss://ws.example.org:444; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_a_digest_is_that_of_the_text() -> None:
    """As browsers compute it: SHA-256 over the UTF-8, in base64."""
    expected = base64.b64encode(sha256("p { color: red } /* é */".encode()).digest()).decode()
    assert security_headers.digest("p { color: red } /* é */") == f"'sha256-{expected}'"


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
        "twitch:somebody",
        "youtube:dQw4w9WgXcQ",
    ],
)
def test_every_picture_of_a_presence_may_be_shown(key: str) -> None:
    """Whatever the gateway makes of an image key is on the list for pages that show presences."""
    url = assets.image(key, "383226320970055681", Cdn())
    assert url is not None
    assert security_headers.origins(url)[0] in security_headers.pictures(
        "https://cdn.discordapp.com"
    )


def test_pages_are_made_in_one_place() -> None:
    """Nobody else in the api sends HTML, so no page goes without."""
    files = (ROOT / "services" / "api").rglob("*.py")
    assert [path.name for path in files if "text/html; charset" in path.read_text()] == [
        "security_headers.py"
    ]

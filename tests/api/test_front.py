"""GET /: JSON for programs, the page for browsers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from services.api import html_page
from shared.store import Store
from tests.api.http_client import Answer, ask
from tests.api.replica import serving

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
INFO = (
    b'{"data":{"info":"Grux: Discord presence as one fetch or one WebSocket. Ask GET '
    b'/user/:userid for profile and presence, GET /activity/:userid for presence alone.",'
    b'"discord_invite":%b,"monitored_user_count":3},"success":true}'
)


async def test_a_program_gets_json(port: int) -> None:
    """How many users there are, and where to go."""
    answer = await ask(port, "/")
    assert answer.body == INFO % b"null"
    assert answer.status == 200
    assert [header for header in answer.headers if header[0] not in ("etag", "content-length")] == [
        ("content-type", "application/json; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-cache"),
        ("vary", "Accept"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "ETag, Retry-After, X-Grux-Stale"),
        ("connection", "close"),
    ]


async def test_the_invite_is_told(store: Store) -> None:
    """What the operator has set stands in the JSON and, escaped, in the page."""
    async with serving(store, discord_invite="https://discord.gg/a?b=1&c=2") as port:
        assert (await ask(port, "/")).body == INFO % b'"https://discord.gg/a?b=1&c=2"'
        page = await ask(port, "/", f"Accept: {CHROME}")
    assert b'<a href="https://discord.gg/a?b=1&amp;c=2">' in page.body


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (CHROME, "text/html"),
        ("text/html", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("text/*", "text/html"),
        ("text/html, */*", "text/html"),
        ("application/json;q=0.5, text/html;q=0.6", "text/html"),
        ("text/html;level=1", "text/html"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0.9, application/json", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("text/html ; q = 0.1 , */* ; q = 0.2", "application/json"),
        ("image/png", "application/json"),
        ("text/html;q=nonsense, application/json;q=0.1", "application/json"),
        (",;,=;q", "application/json"),
    ],
)
async def test_negotiation(port: int, accept: str, kind: str) -> None:
    """Whoever would rather have HTML gets the page; caches are told that it depends."""
    answer = await ask(port, "/", f"Accept: {accept}")
    assert answer.status == 200
    assert answer.header("content-type") == f"{kind}; charset=utf-8"
    assert answer.header("vary") == "Accept"


async def test_several_accept_headers_are_one_list(port: int) -> None:
    """RFC 9110, 5.3: lines of the same name are one list."""
    answer = await ask(port, "/", "Accept: application/json;q=0.5", "Accept: text/html")
    assert answer.header("content-type") == "text/html; charset=utf-8"


async def test_the_page_needs_no_redis() -> None:
    """A browser sees what this is even when nothing can be looked up."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        assert (await ask(port, "/", f"Accept: {CHROME}")).status == 200


async def test_the_page_may_be_kept(port: int) -> None:
    """A browser that has the page asks whether it is still the same; JSON has another tag."""
    page = await ask(port, "/", f"Accept: {CHROME}")
    tag = f"If-None-Match: {page.header('etag')}"
    assert (await ask(port, "/", f"Accept: {CHROME}", tag)).status == 304
    assert (await ask(port, "/", tag)).status == 200


class Outward(HTMLParser):
    """Collects what the page makes a browser load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "base", "form"):
            self.found.append(tag)
        for name, value in attrs:
            if name in ("style", "src", "srcset") or name.startswith("on"):
                self.found.append(f"{tag} {name}")
            if name == "href" and value:
                self.links.append(value)


async def page_of(store: Store) -> Answer:
    async with serving(
        store, public_url="https://api.example.org", public_ws_url="wss://ws.example.org"
    ) as port:
        return await ask(port, "/", f"Accept: {CHROME}")


async def test_the_page_asks_nobody_else(store: Store) -> None:
    """It loads and runs nothing; its links lead to this API."""
    reader = Outward()
    reader.feed((await page_of(store)).body.decode())
    assert reader.found == []
    assert reader.links
    assert all(link.startswith("https://api.example.org/") for link in reader.links)


async def test_the_policy_allows_the_style_sheet_alone(store: Store) -> None:
    """Nothing unsafe, and the digest is that of the style sheet in the page."""
    page = await page_of(store)
    policy = page.header("content-security-policy") or ""
    style = re.search(rb"<style>(.*?)</style>", page.body, re.DOTALL)
    assert style is not None
    allowed = html_page.Allowed(styles=(html_page.digest(style[1].decode()),))
    assert policy == allowed.policy()


async def test_the_page_shows_the_public_addresses(store: Store) -> None:
    """Code to copy has the addresses that clients can reach."""
    page = (await page_of(store)).body
    assert b'fetch("https://api.example.org/user/' in page
    assert b'new WebSocket("wss://ws.example.org/?user_id=' in page

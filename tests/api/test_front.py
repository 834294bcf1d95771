"""GET /: JSON for programs, the page for browsers."""

from __future__ import annotations

import struct
from html.parser import HTMLParser

import pytest

from services.api.endpoints.front_page import front
from shared.config import ApiSettings
from shared.redis.store import Store
from tests.api.http_client import EXPOSED_HEADERS, Answer, ask
from tests.api.replica import NOWHERE, serving

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
INFO = (
    b'{"data":{"info":"Grux: Discord presence as one fetch or one WebSocket. Ask GET '
    b'/user/:userid for profile and presence, GET /activity/:userid for presence alone.",'
    b'"discord_invite":%b,"monitored_user_count":3,"version":"0.1.0"},"success":true}'
)


async def test_a_program_gets_json(port: int) -> None:
    """The number of users and the invite."""
    answer = await ask(port, "/")
    assert answer.body == INFO % b"null"
    assert answer.status == 200
    assert [header for header in answer.headers if header[0] not in ("etag", "content-length")] == [
        ("content-type", "application/json; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-cache"),
        ("vary", "Accept"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("connection", "close"),
    ]


async def test_the_invite_is_told(store: Store) -> None:
    """The operator's invite is in the JSON and, escaped, in the page."""
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
    """Clients that prefer HTML get the page; `Vary` says so to caches."""
    answer = await ask(port, "/", f"Accept: {accept}")
    assert answer.status == 200
    assert answer.header("content-type") == f"{kind}; charset=utf-8"
    vary = {"application/json": "Accept", "text/html": "Accept, Accept-Encoding"}
    assert answer.header("vary") == vary[kind]


async def test_several_accept_headers_are_one_list(port: int) -> None:
    """RFC 9110, 5.3: lines of the same name are one list."""
    answer = await ask(port, "/", "Accept: application/json;q=0.5", "Accept: text/html")
    assert answer.header("content-type") == "text/html; charset=utf-8"


async def test_the_page_needs_no_redis() -> None:
    """A browser gets the page although Redis is down."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        assert (await ask(port, "/", f"Accept: {CHROME}")).status == 200


async def test_the_page_may_be_kept(port: int) -> None:
    """The page is revalidated by its tag; the JSON has another one."""
    page = await ask(port, "/", f"Accept: {CHROME}")
    tag = f"If-None-Match: {page.header('etag')}"
    assert (await ask(port, "/", f"Accept: {CHROME}", tag)).status == 304
    assert (await ask(port, "/", tag)).status == 200


class Outward(HTMLParser):
    """Collects what the page makes a browser load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.inline: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        address = known.get("src") or (known.get("href") if tag == "link" else None)
        if address:
            self.loaded.add(address)
        if tag in ("iframe", "object", "base", "style") or (tag == "script" and not address):
            self.inline.append(tag)
        self.inline += [f"{tag} {name}" for name in known if name == "style" or name[:2] == "on"]
        if tag == "a":
            self.links.append(known.get("href") or "")


class Metadata(HTMLParser):
    """Collects the content of the page's meta elements by name or property."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "meta":
            self.found[known.get("property") or known.get("name") or ""] = (
                known.get("content") or ""
            )


async def page_of(store: Store) -> Answer:
    async with serving(
        store,
        public_url="https://api.example.org",
        public_ws_url="wss://ws.example.org",
        example_users="161092844126208001, 285745753341558786",
    ) as port:
        return await ask(port, "/", f"Accept: {CHROME}")


async def test_the_page_loads_its_own_files_alone(store: Store) -> None:
    """Every file exists, and the page has no inline code."""
    reader = Outward()
    async with serving(store) as port:
        reader.feed((await ask(port, "/", f"Accept: {CHROME}")).body.decode())
        styles, scripts = {"page.css", "builder.css"}, {"page.js", "theme.js", "widget.js"}
        assert reader.loaded == {"favicon.svg", *styles, *scripts}
        for name in (*reader.loaded, "docs", "health"):
            assert (await ask(port, f"/{name}")).status == 200
    assert {"docs", "health"} <= set(reader.links)
    assert reader.inline == []
    assert {link for link in reader.links if link.startswith("http")} == {
        "https://github.com/matheusaudibert/grux"
    }


async def test_a_link_to_the_page_has_a_preview(store: Store) -> None:
    """Open Graph: title, text, and an image of the stated size with its whole URL."""
    reader = Metadata()
    reader.feed((await page_of(store)).body.decode())
    found = reader.found
    assert found["og:title"] == "Grux: Discord presence, live on any page"
    assert found["og:description"] == found["description"]
    assert found["og:image"] == "https://api.example.org/preview.png"
    assert found["og:image:alt"]
    async with serving(store) as port:
        reader.feed((await ask(port, "/", f"Accept: {CHROME}")).body.decode())
        assert reader.found["og:image"] == "preview.png"
        image = await ask(port, "/preview.png")
    assert image.body.startswith(b"\x89PNG\r\n")
    size = struct.unpack(">II", image.body[16:24])
    assert size == (int(found["og:image:width"]), int(found["og:image:height"])) == (1200, 630)


async def test_the_policy_names_what_the_page_uses(store: Store) -> None:
    """Its own files, the WebSocket and the image hosts; nothing unsafe."""
    policy = (await page_of(store)).header("content-security-policy") or ""
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == "'self' wss://ws.example.org"
    assert directives["img-src"].startswith(f"'self' {NOWHERE} https://media.discordapp.net ")
    assert "unsafe" not in policy


def test_loopback_addresses_from_another_machine() -> None:
    """If others can load the page, its policy allows their ports on any host."""
    ws, cdn = "ws://127.0.0.1:8001", "http://127.0.0.1:8100/cdn"
    policies = []
    for host in ("127.0.0.1", "0.0.0.0"):
        page = front(ApiSettings(api_host=host, public_ws_url=ws, discord_cdn_url=cdn))
        _, _, rest = page.answer(()).wire.partition(b"content-security-policy: ")
        policies.append(rest.partition(b"\r\n")[0])
    assert b"*" not in policies[0]
    assert b"connect-src 'self' ws://127.0.0.1:8001 ws://*:8001;" in policies[1]
    assert b" http://*:8100" in policies[1]


async def test_the_page_has_what_the_settings_say(store: Store) -> None:
    """Addresses that clients can reach, and example users."""
    page = (await page_of(store)).body
    assert b'data-api="https://api.example.org"' in page
    assert b'data-socket="wss://ws.example.org"' in page
    assert b'data-examples="161092844126208001 285745753341558786"' in page
    assert b"curl https://api.example.org/user/161092844126208001" in page


@pytest.mark.parametrize(
    ("settings", "own", "join"),
    [
        (ApiSettings(), False, False),
        (ApiSettings(discord_invite="https://discord.gg/a"), False, True),
        (ApiSettings(discord_client_secret="s" * 32), True, False),
        (ApiSettings(discord_client_secret="s" * 32, discord_invite="https://a.b"), True, True),
        (
            ApiSettings(
                discord_client_secret="s" * 32,
                discord_invite="https://discord.gg/a",
                join_guild_id="816976062578688017",
            ),
            True,
            False,
        ),
    ],
)
def test_the_main_button_is_ones_own_presence(settings: ApiSettings, own: bool, join: bool) -> None:
    """Where people can sign in; with one-click joining no other way to join is offered."""
    page = front(settings).answer(()).wire
    assert (b'<a href="auth/login?return_to=/me">Show my presence</a>' in page) == own
    assert (b"Join the server" in page) == join

"""/u/:id and /oembed: what a link to a person shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
import pytest
import pytest_asyncio

from services.cards.render.card import WIDE
from services.cards.render.raster import SCALE
from shared.redis.store import Fields, Save, Store
from tests.api.golden import GUILD, RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving

ID = RICH.user_id
STRANGER = 1138383128625152999
HOSTILE = 285745753341558786
SITE = "https://presence.example.org"
TEXT = "\"><script>alert(1)</script>' onload=x & $name ${words}\u202e"


class Head(HTMLParser):
    """Collects what programs that make previews read, and what a browser would run."""

    def __init__(self, page: Answer) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.links: dict[str, dict[str, str | None]] = {}
        self.scripts: list[str | None] = []
        self.attributes: set[str] = set()
        self.title = ""
        self._in_title = False
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.attributes |= known.keys()
        self._in_title = tag == "title"
        if tag == "meta":
            name = known.get("property") or known.get("name") or ""
            assert name not in self.meta, name
            self.meta[name] = known.get("content") or ""
        if tag == "link":
            self.links[known["rel"] or ""] = known
        if tag == "script":
            self.scripts.append(known.get("src"))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False


@pytest_asyncio.fixture
async def site(store: Store) -> AsyncIterator[int]:
    """The port of a replica that knows its public address, with a person of hostile texts."""
    presence = msgspec.json.decode(RICH.presence)
    presence["activity"][0] |= {"name": TEXT, "details": TEXT}
    presence["custom_status"] = {"text": TEXT, "emoji": None}
    profile = msgspec.json.decode(RICH.profile) | {"id": str(HOSTILE), "display_name": TEXT}
    discord = b'{"user":{"id":"%d"},"status":"online","client_status":{},"activities":[]}' % HOSTILE
    fields = Fields(msgspec.json.encode(profile), msgspec.json.encode(presence), discord)
    await store.save([Save(HOSTILE, fields, joined=(GUILD,))])
    async with serving(store, public_url=SITE) as port:
        yield port


async def test_a_link_shows_who_it_is(site: int) -> None:
    """Open Graph and Twitter cards: the name, the presence in words, the card."""
    page = await ask(site, f"/u/{ID}")
    assert page.status == 200
    head = Head(page)
    assert head.meta["og:title"] == "Audibert"
    words = head.meta["og:description"]
    assert words.startswith("Online · ")
    assert "Playing Visual Studio Code: Editing README.md" in words
    assert head.meta["description"] == words
    assert head.meta["og:image"] == f"{SITE}/card/{ID}.png?layout=wide"
    size = (head.meta["og:image:width"], head.meta["og:image:height"])
    assert size == tuple(str(round(SCALE * side)) for side in WIDE)
    assert head.meta["twitter:image:alt"] == head.meta["og:image:alt"]
    assert head.meta["og:image:type"] == "image/png"
    assert head.meta["og:image:alt"] == f"Audibert: {words}"
    assert head.meta["og:url"] == head.links["canonical"]["href"] == f"{SITE}/u/{ID}"
    assert head.meta["twitter:card"] == "summary_large_image"
    assert head.meta["robots"] == "noindex"
    assert head.title == "Grux: Audibert"
    assert page.header("x-frame-options") == "DENY"


async def test_what_a_program_accepts_makes_no_difference(site: int) -> None:
    """Discord's and Slack's accept anything: at `/` they would get JSON."""
    pages = [await ask(site, f"/u/{ID}", f"Accept: {kind}") for kind in ("*/*", "text/html")]
    assert pages[0].body == pages[1].body
    assert pages[0].header("content-type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", [f"/u/{HOSTILE}", f"/oembed?url={SITE}/u/{HOSTILE}"])
async def test_a_hostile_name_is_text(site: int, path: str) -> None:
    """In the page, in its head, and in the HTML that oEmbed hands out."""
    answer = await ask(site, path)
    assert answer.status == 200
    shown = TEXT.removesuffix("\u202e")
    html = answer.body.decode()
    if path.startswith("/oembed"):
        found = msgspec.json.decode(answer.body)
        assert found["title"] == shown
        html = found["html"]
    head = Head(Answer(200, [], html.encode()))
    assert [src for src in head.scripts if src is None] == []
    assert head.attributes & {"onload", "style"} <= {"style"}
    assert "<script>alert" not in html
    assert "\u202e" not in html
    if path.startswith("/u/"):
        assert head.meta["og:title"] == shown
        assert shown in head.meta["og:description"]
        assert head.title == f"Grux: {shown}"


async def test_the_page_of_somebody_who_is_not_shown(site: int, store: Store) -> None:
    """It is the same whether they have left or were never there, and has no preview."""
    assert (await ask(site, f"/u/{ID}")).status == 200
    await store.save([Save(ID, left=(GUILD,))])
    gone, unknown = [await ask(site, f"/u/{user_id}") for user_id in (ID, STRANGER)]
    assert gone.body.replace(b"%d" % ID, b"%d" % STRANGER) == unknown.body
    assert (gone.status, gone.headers) == (404, unknown.headers)
    assert unknown.header("cache-control") == "no-store"
    head = Head(unknown)
    assert not [name for name in head.meta if name.startswith(("og:", "twitter:"))]
    assert "alternate" not in head.links
    assert head.title == "Grux: Discord presence"


async def test_without_redis_there_is_a_page() -> None:
    """It says that it is temporary; the card becomes live when Redis is back."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        page = await ask(port, f"/u/{ID}")
    assert (page.status, page.header("retry-after")) == (503, "5")
    assert Head(page).title == "Grux: Discord presence"
    assert f'<grux-presence user="{ID}" history>'.encode() in page.body


async def test_a_malformed_id_is_explained(site: int) -> None:
    """On a page, in words, which repeat nothing of it."""
    page = await ask(site, "/u/robin%3Cb%3E")
    assert page.status == 400
    assert b"names are no ids" in page.body
    assert b"robin" not in page.body
    assert b"widget.js" not in page.body


async def test_without_a_public_address(store: Store) -> None:
    """Nothing is made of the Host header: a client may send any."""
    async with serving(store) as port:
        page = await ask(port, f"/u/{ID}", "X-Forwarded-Host: evil.example")
        assert (await ask(port, f"/oembed?url=http://localhost/u/{ID}")).status == 404
    head = Head(page)
    assert head.meta["og:image"] == f"../card/{ID}.png?layout=wide"
    assert "og:url" not in head.meta
    assert {"canonical", "alternate"}.isdisjoint(head.links)
    assert b"evil.example" not in page.body
    assert b"localhost" not in page.body


async def test_the_page_loads_its_own_files_alone(site: int) -> None:
    """Each exists, and has the address that is right below /u/."""
    page = await ask(site, f"/u/{ID}")
    head = Head(page)
    files = [*head.scripts, *(head.links[rel]["href"] for rel in ("stylesheet", "icon"))]
    for name in files:
        assert name is not None
        assert name.startswith("../")
        assert (await ask(site, name.removeprefix(".."))).status == 200
    policy = page.header("content-security-policy") or ""
    assert "script-src 'self'; style-src 'self'; " in policy
    assert policy.endswith("frame-ancestors 'none'")
    moved = await ask(site, f"/U/{ID}/")
    assert (moved.status, moved.header("location")) == (308, f"../../u/{ID}")


async def test_a_page_that_has_not_changed(site: int) -> None:
    """HEAD and 304, as for the other routes."""
    page = await ask(site, f"/u/{ID}")
    assert (await ask(site, f"/u/{ID}", f"If-None-Match: {page.header('etag')}")).status == 304
    head = await ask(site, f"/u/{ID}", method="HEAD")
    assert (head.headers, head.body) == (page.headers, b"")


# --- oEmbed -------------------------------------------------------------------------------------


async def oembed(port: int, url: str, **more: object) -> tuple[int, dict[str, Any]]:
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    answer = await ask(port, f"/oembed?url={quote(url, safe='')}{rest}")
    return answer.status, msgspec.json.decode(answer.body)


async def test_the_page_names_its_oembed(site: int) -> None:
    """Discovery: the link is the request that works."""
    link = Head(await ask(site, f"/u/{ID}")).links["alternate"]
    assert link["type"] == "application/json+oembed"
    address = urlsplit(link["href"] or "")
    assert f"{address.scheme}://{address.netloc}" == SITE
    assert parse_qs(address.query) == {"format": ["json"], "url": [f"{SITE}/u/{ID}"]}
    answer = await ask(site, f"{address.path}?{address.query}")
    assert answer.status == 200
    assert answer.header("content-type") == "application/json; charset=utf-8"
    found = msgspec.json.decode(answer.body)
    assert (found["version"], found["type"], found["title"]) == ("1.0", "rich", "Audibert")
    assert (found["width"], found["height"]) == (400, 320)
    assert found["author_url"] == f"{SITE}/u/{ID}"
    assert found["provider_url"] == SITE
    assert f'<iframe src="{SITE}/embed/{ID}" ' in found["html"]
    assert 'width="400" height="320"' in found["html"]
    again = await ask(
        site, f"{address.path}?{address.query}", f"If-None-Match: {answer.header('etag')}"
    )
    assert again.status == 304


@pytest.mark.parametrize(
    "path",
    ["/u/{}", "/u/{}/", "/u/{}?theme=dark", "/u/{}#top", "/embed/{}", "/?user={}", "/?user={}&a=b"],
)
async def test_every_page_of_a_person(site: int, path: str) -> None:
    """Also with what people add to addresses."""
    status, found = await oembed(site, SITE + path.format(ID))
    assert (status, found.get("title")) == (200, "Audibert")


@pytest.mark.parametrize(
    "url",
    [
        "",
        SITE,
        f"{SITE}/",
        f"{SITE}/user/{ID}",
        f"{SITE}/u/",
        f"{SITE}/u/robin",
        f"{SITE}/u/{ID}x",
        f"{SITE}/u/{ID}/more",
        f"{SITE}.evil.example/u/{ID}",
        f"https://presence.example.org@evil.example/u/{ID}",
        f"http://presence.example.org/u/{ID}",
        f"https://evil.example/u/{ID}",
        f"//presence.example.org/u/{ID}",
        f"{SITE}/u/{ID}?{'a' * 600}",
        "http://[",
    ],
)
async def test_any_other_address_is_unknown(site: int, url: str) -> None:
    """oEmbed: 404."""
    status, found = await oembed(site, url)
    assert (status, found["error"]["code"]) == (404, "not_found")
    assert "page of a person" in found["error"]["message"]


async def test_somebody_who_is_not_shown_has_no_oembed(site: int) -> None:
    """The same answer for everyone."""
    status, found = await oembed(site, f"{SITE}/u/{STRANGER}")
    assert (status, found["error"]["code"]) == (404, "user_not_monitored")


@pytest.mark.parametrize(
    ("limits", "size", "is_compact"),
    [
        ({}, (400, 320), False),
        ({"maxwidth": 300}, (300, 320), False),
        ({"maxwidth": 9999, "maxheight": 9999}, (400, 320), False),
        ({"maxheight": 200}, (400, 72), True),
        ({"maxwidth": 10, "maxheight": 10}, (10, 10), True),
        ({"maxwidth": 0, "maxheight": "tall"}, (400, 320), False),
    ],
)
async def test_the_frame_is_not_larger_than_allowed(
    site: int, limits: dict[str, object], size: tuple[int, int], is_compact: bool
) -> None:
    """A low one shows the compact card; what is no number counts as no limit."""
    _, found = await oembed(site, f"{SITE}/u/{ID}", **limits)
    assert (found["width"], found["height"]) == size
    assert f'width="{size[0]}" height="{size[1]}"' in found["html"]
    assert ("?size=compact" in found["html"]) == is_compact


async def test_there_is_json_alone(site: int) -> None:
    """oEmbed: 501 for a format that is not supported."""
    status, found = await oembed(site, f"{SITE}/u/{ID}", format="xml")
    assert (status, found["error"]["code"]) == (501, "not_implemented")
    assert (await oembed(site, f"{SITE}/u/{ID}", format="json"))[0] == 200

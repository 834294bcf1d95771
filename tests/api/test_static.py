"""Static files: the widget, its types, and the parts of the page."""

from __future__ import annotations

import gzip
import re
from typing import get_type_hints

import msgspec
import pytest
from msgspec import Struct

from services.api.endpoints import widget_bundle
from services.api.endpoints.static import WIDGET_DIR
from services.cards.name_styles import FACES, SCALES
from shared.config import ApiSettings
from shared.model import snapshot
from shared.redis.store import Store
from tests.api.http_client import ask
from tests.api.replica import serving

WS, INVITE = "wss://presence.example.org", "https://discord.gg/example"
WIDGET_BUDGET_BYTES = 13 * 1024  # of /widget.js, gzipped
CONTENT_TYPES = {
    "widget.js": "text/javascript; charset=utf-8",
    "widget.d.ts": "application/typescript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "loopback.js": "text/javascript; charset=utf-8",
    "snippets.js": "text/javascript; charset=utf-8",
    "builder.js": "text/javascript; charset=utf-8",
    "options.js": "text/javascript; charset=utf-8",
    "builder.css": "text/css; charset=utf-8",
    "me.js": "text/javascript; charset=utf-8",
    "patch.js": "text/javascript; charset=utf-8",
    "me.css": "text/css; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "preview.png": "image/png",
    "favicon.svg": "image/svg+xml; charset=utf-8",
    "live_picture.js": "text/javascript; charset=utf-8",
    "fonts/7.woff2": "font/woff2",
}
TYPES = (WIDGET_DIR / "widget.d.ts").read_text()
MODULES = sorted(WIDGET_DIR.glob("*.js"))


@pytest.mark.parametrize("name", CONTENT_TYPES)
async def test_every_file(port: int, name: str) -> None:
    """Content type, cross-origin headers, plain and gzipped with an ETag each, and 304."""
    plain = await ask(port, f"/{name}")
    packed = await ask(port, f"/{name}", "Accept-Encoding: gzip, br")
    assert plain.status == packed.status == 200
    assert gzip.decompress(packed.body) == plain.body
    assert packed.header("content-encoding") == "gzip"
    for answer in (plain, packed):
        assert answer.header("content-type") == CONTENT_TYPES[name]
        assert answer.header("vary") == "Accept-Encoding"
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert plain.header("etag") != packed.header("etag")
    same = f"If-None-Match: {packed.header('etag')}"
    again = await ask(port, f"/{name}", "Accept-Encoding: gzip", same)
    assert (again.status, again.body) == (304, b"")
    assert again.header("cache-control") == packed.header("cache-control")


async def test_a_new_widget_is_everywhere_in_minutes(port: int) -> None:
    """The widget is cached for minutes; the parts of the page are revalidated each time."""
    widget = (await ask(port, "/widget.js")).header("cache-control") or ""
    assert 0 < int(re.findall(r"max-age=(\d+)", widget)[0]) <= 600
    assert (await ask(port, "/page.js")).header("cache-control") == "no-cache"


async def test_the_fonts_of_names_are_those_of_cards(port: int) -> None:
    """With the same sizes. Each is a small file that browsers keep."""
    script = (WIDGET_DIR / "name_style.js").read_text()
    (scales,) = re.findall(r"^const FONT_SCALES = \{([^}]*)\}", script, re.MULTILINE)
    known = {int(number): float(scale) for number, scale in re.findall(r"(\d+): ([\d.]+)", scales)}
    assert known == {number: SCALES.get(face, 1.0) for number, face in FACES.items()}
    for number in known:
        answer = await ask(port, f"/fonts/{number}.woff2")
        assert answer.body[:4] == b"wOF2"
        assert len(answer.body) < 27_000
        assert answer.header("cache-control") == "public, max-age=2592000"


async def test_the_widget_is_small(store: Store) -> None:
    """Gzipped as it is sent, with addresses in it."""
    async with serving(store, public_ws_url=WS, discord_invite=INVITE) as port:
        packed = await ask(port, "/widget.js", "Accept-Encoding: gzip")
    assert len(packed.body) < WIDGET_BUDGET_BYTES


async def test_the_widget_holds_the_settings(store: Store) -> None:
    """The WebSocket's address and the invite of the settings, escaped as JSON."""
    invite = 'https://discord.gg/"+alert(1)+"'
    async with serving(store, public_ws_url="wss://ws.example.org", discord_invite=invite) as port:
        text = (await ask(port, "/widget.js")).body.decode()
    (served,) = re.findall(r"^const SERVED = (.*);$", text, re.MULTILINE)
    assert msgspec.json.decode(served) == {"socket": "wss://ws.example.org", "invite": invite}


def test_the_widget_is_one_file() -> None:
    """Every module is in it once, after those that it imports; no import is left."""
    text = widget_bundle.bundle(WIDGET_DIR, ApiSettings())
    assert re.findall(r"^import\b.*", text, re.MULTILINE) == []
    assert len(re.findall(r"^export\b.*", text, re.MULTILINE)) == 1
    for path in MODULES:
        for name in re.findall(
            r"^export (?:class|function|const) (\w+)", path.read_text(), re.MULTILINE
        ):
            declared = re.findall(rf"^(?:class|function|const) {name}\b", text, re.MULTILINE)
            assert len(declared) == 1, name


def test_no_two_modules_use_a_name() -> None:
    """The joined modules share one scope."""
    names = [
        name
        for path in MODULES
        for name in re.findall(
            r"^(?:export )?(?:class|function|const|let) (\w+)", path.read_text(), re.MULTILINE
        )
    ]
    assert sorted(names) == sorted(set(names))


def test_the_widget_holds_its_style_sheet() -> None:
    """widget.css without comments and line breaks; every rule of it is there."""
    text = widget_bundle.bundle(WIDGET_DIR, ApiSettings())
    (style,) = re.findall(r"^const STYLE = (.*);$", text, re.MULTILINE)
    sheet = (WIDGET_DIR / "widget.css").read_text()
    packed = msgspec.json.decode(style, type=str)
    assert packed.count("{") == sheet.count("{") > 50
    assert packed.count("}") == sheet.count("}")
    assert "/*" not in packed
    assert ".card::before{" in packed


@pytest.mark.parametrize("struct", [
    snapshot.Badge, snapshot.Clan, snapshot.ConnectedAccount, snapshot.Profile,
    snapshot.Timestamps, snapshot.Spotify, snapshot.Party, snapshot.Activity, snapshot.Emoji,
    snapshot.CustomStatus, snapshot.Listening, snapshot.Presence,
])  # fmt: skip
def test_the_types_are_those_of_the_answers(struct: type[Struct]) -> None:
    """Every field in its order, nullable and optional as in the answers."""
    (body,) = re.findall(rf"^export interface {struct.__name__} \{{\n(.*?)^\}}", TYPES, re.S | re.M)
    found = re.findall(r"^  (\w+)(\??): (.*);$", body, re.M)
    fields = get_type_hints(struct)
    assert [name for name, _, _ in found] == list(fields)
    for name, optional, kind in found:
        allowed = getattr(fields[name], "__args__", ())
        assert ("| null" in kind) == (type(None) in allowed), name
        assert bool(optional) == (msgspec.UnsetType in allowed), name


def test_the_names_of_the_widget_are_shortened_alone_where_they_are_unique() -> None:
    """Strings stay as they are, and no private member or constant has the name of another."""
    text = widget_bundle.bundle(WIDGET_DIR, ApiSettings())
    strings = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
    for path in MODULES:
        module = widget_bundle._COMMENT.sub("", path.read_text())
        for string in strings.findall(widget_bundle._IMPORT.sub("", module)):
            assert string in text or string == '""', string
    assert len(set(re.findall(r"^const (K\d+)", text, re.M))) == len(
        re.findall(r"^const K", text, re.M)
    )

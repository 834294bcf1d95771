"""The files that browsers load: the widget, its types, and the parts of the page."""

from __future__ import annotations

import gzip
import re
from typing import get_type_hints

import msgspec
import pytest
from msgspec import Struct

from services.api.endpoints import widget_bundle
from services.api.endpoints.static import FOLDER
from shared.config import ApiSettings
from shared.model import snapshot
from shared.redis.store import Store
from tests.api.http_client import ask
from tests.api.replica import serving

WS, INVITE = "wss://presence.example.org", "https://discord.gg/example"
BUDGET = 10 * 1024  # bytes of /widget.js, packed
KINDS = {
    "widget.js": "text/javascript; charset=utf-8",
    "widget.d.ts": "application/typescript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "snippets.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "favicon.svg": "image/svg+xml; charset=utf-8",
}
TYPES = (FOLDER / "widget.d.ts").read_text()
MODULES = sorted((FOLDER / "widget").glob("*.js"))


@pytest.mark.parametrize("name", KINDS)
async def test_every_file(port: int, name: str) -> None:
    """Each has its type, is readable by any site, has a tag per encoding, and gets 304 by it."""
    plain = await ask(port, f"/{name}")
    packed = await ask(port, f"/{name}", "Accept-Encoding: gzip, br")
    assert plain.status == packed.status == 200
    assert gzip.decompress(packed.body) == plain.body
    assert packed.header("content-encoding") == "gzip"
    for answer in (plain, packed):
        assert answer.header("content-type") == KINDS[name]
        assert answer.header("vary") == "Accept-Encoding"
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert plain.header("etag") != packed.header("etag")
    same = f"If-None-Match: {packed.header('etag')}"
    again = await ask(port, f"/{name}", "Accept-Encoding: gzip", same)
    assert (again.status, again.body) == (304, b"")
    assert again.header("cache-control") == packed.header("cache-control")


async def test_a_new_widget_is_everywhere_in_minutes(port: int) -> None:
    """The widget is cached for minutes; the page's own parts are revalidated each time."""
    widget = (await ask(port, "/widget.js")).header("cache-control") or ""
    assert 0 < int(re.findall(r"max-age=(\d+)", widget)[0]) <= 600
    assert (await ask(port, "/page.js")).header("cache-control") == "no-cache"


async def test_the_widget_is_small(store: Store) -> None:
    """As transferred, with the addresses of an instance in it."""
    async with serving(store, public_ws_url=WS, discord_invite=INVITE) as port:
        packed = await ask(port, "/widget.js", "Accept-Encoding: gzip")
    assert len(packed.body) < BUDGET


async def test_the_widget_knows_its_place(store: Store) -> None:
    """The WebSocket address and the invite of the settings, as JSON, whatever they contain."""
    invite = 'https://discord.gg/"+alert(1)+"'
    async with serving(store, public_ws_url="wss://ws.example.org", discord_invite=invite) as port:
        text = (await ask(port, "/widget.js")).body.decode()
    (served,) = re.findall(r"^const SERVED = (.*);$", text, re.MULTILINE)
    assert msgspec.json.decode(served) == {"socket": "wss://ws.example.org", "invite": invite}


def test_the_widget_is_one_file() -> None:
    """Every module is in it once, after those it imports; no import is left."""
    text = widget_bundle.joined(FOLDER / "widget", ApiSettings())
    assert re.findall(r"^import\b.*", text, re.MULTILINE) == []
    assert len(re.findall(r"^export\b.*", text, re.MULTILINE)) == 1
    for path in MODULES:
        for name in re.findall(
            r"^export (?:class|function|const) (\w+)", path.read_text(), re.MULTILINE
        ):
            declared = re.findall(rf"^(?:class|function|const) {name}\b", text, re.MULTILINE)
            assert len(declared) == 1, name


def test_no_two_modules_use_a_name() -> None:
    """Joined, they share one scope."""
    names = [
        name
        for path in MODULES
        for name in re.findall(
            r"^(?:export )?(?:class|function|const|let) (\w+)", path.read_text(), re.MULTILINE
        )
    ]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("struct", [
    snapshot.Badge, snapshot.Clan, snapshot.ConnectedAccount, snapshot.Profile,
    snapshot.Timestamps, snapshot.Spotify, snapshot.Party, snapshot.Activity, snapshot.Emoji,
    snapshot.CustomStatus, snapshot.Presence,
])  # fmt: skip
def test_the_types_are_those_of_the_answers(struct: type[Struct]) -> None:
    """Every field in its place, nullable or optional as in the struct."""
    (body,) = re.findall(rf"^export interface {struct.__name__} \{{\n(.*?)^\}}", TYPES, re.S | re.M)
    found = re.findall(r"^  (\w+)(\??): (.*);$", body, re.M)
    fields = get_type_hints(struct)
    assert [name for name, _, _ in found] == list(fields)
    for name, optional, kind in found:
        allowed = getattr(fields[name], "__args__", ())
        assert ("| null" in kind) == (type(None) in allowed), name
        assert bool(optional) == (msgspec.UnsetType in allowed), name

"""/docs and /docs/websocket, and the files that they load from this server."""

from __future__ import annotations

import gzip
import json
import re
from hashlib import sha256
from html import unescape
from urllib.parse import urljoin

import pytest

from services.api.endpoints.docs.routes import STATIC, VENDOR
from services.run import vendor
from shared.redis.store import Store
from tests.api.http_client import ask
from tests.api.replica import serving

PAGES = {"/docs": "openapi.json", "/docs/websocket": "asyncapi.json"}
REPOSITORY_BYTES = 1_000_000  # that the files of the pages may take


def policy(header: str | None) -> dict[str, str]:
    """Content-Security-Policy by directive."""
    parts = [part.partition(" ") for part in (header or "").split("; ")]
    return {name: sources for name, _, sources in parts}


def plain(text: str) -> str:
    """A description of the document without its markup."""
    return text.replace("`", "")


def shown(html: str) -> str:
    """The text of the page."""
    return unescape(re.sub(r"<[^>]+>", "", html))


def rows(html: str) -> list[tuple[str, ...]]:
    """The text of each row of each table."""
    return [
        tuple(shown(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.S))
        for row in re.findall(r"<tr><td>(.*?</td>)</tr>", html, re.S)
        for row in [f"<td>{row}"]
    ]


@pytest.mark.parametrize("path", sorted(PAGES))
async def test_a_page_loads_what_is_there(port: int, path: str) -> None:
    """Each URL is relative, and served with the type that a browser needs."""
    page = await ask(port, path)
    assert page.status == 200
    found = re.findall(r'(?:src|href|data-document)="([^"]*)"', page.body.decode())
    assert any(PAGES[path] in address for address in found)
    for address in found:
        if address == "data:," or address.startswith("#"):  # the empty icon; anchors
            continue
        assert not re.match(r"[a-z]+:|//|/", address)
        answer = await ask(port, urljoin(path, address), "Accept-Encoding: gzip")
        assert answer.status == 200, address
        kind = {"js": "text/javascript", "css": "text/css", "json": "application/json"}
        wanted = kind.get(address.rpartition(".")[2])
        if wanted:
            assert answer.header("content-type") == f"{wanted}; charset=utf-8"
            assert answer.header("content-encoding") == "gzip"
            assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("path", sorted(PAGES))
async def test_no_page_has_inline_code(port: int, path: str) -> None:
    """No inline script, style or handler: the policy would forbid it."""
    text = (await ask(port, path)).body.decode()
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []


async def test_what_the_pages_may_use(port: int) -> None:
    """Scripts only on the page with buttons, and only from this server; nothing is evaluated."""
    rest = policy((await ask(port, "/docs")).header("content-security-policy"))
    socket = policy((await ask(port, "/docs/websocket")).header("content-security-policy"))
    for found in (rest, socket):
        assert found["default-src"] == "'none'"
        assert found["style-src"] == "'self'"
    assert rest["script-src"] == rest["connect-src"] == "'self'"
    assert rest["img-src"] == "'self' data:"
    assert socket["img-src"] == "data:"
    assert not {"script-src", "connect-src"} & socket.keys()


async def test_the_websocket_page_shows_the_whole_document(store: Store) -> None:
    """Every frame with its example, every close code, every type with every field and text."""
    async with serving(store, public_ws_url="wss://ws.example.org/live") as port:
        page = (await ask(port, "/docs/websocket")).body.decode()
        document = json.loads((await ask(port, "/asyncapi.json")).body)
    text = shown(page)
    assert "wss://ws.example.org/live/?user_id=…" in text
    for message in document["components"]["messages"].values():
        assert f'<h3 id="{message["name"]}">' in page
        assert plain(message["summary"]) in text
        for example in message["examples"]:
            assert json.dumps(example["payload"]) in [
                json.dumps(json.loads(unescape(block)))
                for block in re.findall(r"<pre[^>]*><code>(\{.*?)</code></pre>", page, re.S)
            ]
    for close in document["channels"]["frames"]["x-close-codes"]:
        row = (str(close["code"]), close["reason"], plain(close["when"]), close["then"])
        assert row in rows(page)
    for schema in document["components"]["schemas"].values():
        for name, field in schema["properties"].items():
            assert any(
                row[0] == name and row[-1] == plain(field.get("description", ""))
                for row in rows(page)
            ), name


async def test_links_within_the_websocket_page(port: int) -> None:
    """Each anchor exists once."""
    page = (await ask(port, "/docs/websocket")).body.decode()
    ids = re.findall(r'\sid="([^"]+)"', page)
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert links
    assert set(links) <= set(ids)


async def test_the_websocket_page_is_small(port: int) -> None:
    assert len(gzip.compress((await ask(port, "/docs/websocket")).body)) < 6_000


async def test_requests_to_the_public_url_are_allowed(store: Store) -> None:
    """The page can try out routes there too when it was loaded from another address."""
    async with serving(store, public_url="https://grux.example.org/api") as port:
        found = policy((await ask(port, "/docs")).header("content-security-policy"))
    assert found["connect-src"] == "'self' https://grux.example.org"


@pytest.mark.parametrize("name", sorted(path.name for path in [*VENDOR.iterdir()]))
async def test_vendored_files_are_served(port: int, name: str) -> None:
    """With gzip and without, each form with its own tag."""
    if name == "pins.json":
        return
    address = f"/docs/{name.removesuffix('.gz')}"
    plain = await ask(port, address)
    zipped = await ask(port, address, "Accept-Encoding: gzip")
    assert plain.status == zipped.status == 200
    assert gzip.decompress(zipped.body) == plain.body
    assert plain.header("etag") != zipped.header("etag")
    assert plain.header("vary") == zipped.header("vary") == "Accept-Encoding"
    again = f"If-None-Match: {zipped.header('etag')}"
    same = await ask(port, address, again, "Accept-Encoding: gzip")
    assert (same.status, same.body) == (304, b"")


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "pins.json", "..%2Fpages.py", "swagger-ui.css.gz", "%00"],
)
async def test_nothing_else_is_served(port: int, name: str) -> None:
    """Only the files that were loaded at the start, under exactly these names."""
    answer = await ask(port, f"/docs/{name}")
    assert answer.status == 404
    assert b'"not_found"' in answer.body


def test_vendored_files_are_as_pinned() -> None:
    """Every file has its hash in the pins, and every package its licence."""
    expected = {"pins.json"}
    for pin in vendor.pins():
        assert pin.integrity.startswith("sha512-")
        assert pin.licence in ("MIT", "Apache-2.0")
        assert pin.sha256.keys() == pin.files.keys()
        licences = [name for name, path in pin.files.items() if path == "LICENSE"]
        assert licences, pin.package
        for name, digest in pin.sha256.items():
            path = VENDOR / name
            if path.exists():
                content = path.read_bytes()
            else:
                path = VENDOR / f"{name}.gz"
                content = gzip.decompress(path.read_bytes())
            assert sha256(content).hexdigest() == digest, name
            expected.add(path.name)
    assert {path.name for path in VENDOR.iterdir()} == expected


def test_the_files_stay_small() -> None:
    """They are part of every clone."""
    files = [*VENDOR.iterdir(), *STATIC.iterdir()]
    assert sum(path.stat().st_size for path in files) < REPOSITORY_BYTES

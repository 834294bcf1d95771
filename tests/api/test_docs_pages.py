"""/docs, /docs/websocket and /privacy, and the files that they load from this server."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape
from urllib.parse import urljoin

import pytest

from services.api.endpoints.docs.routes import STATIC
from services.api.openapi.paths import HEADERS_ONLY
from shared.redis.store import Store
from tests.api.http_client import ask
from tests.api.replica import serving

PAGES = {"/docs": "openapi.json", "/docs/websocket": "asyncapi.json", "/privacy": "docs"}


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
        if address.startswith("#"):  # anchors
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
    assert re.findall(r"<style|<[a-z][^<>]*\s(?:style|on\w+)=", text) == []


async def test_what_the_pages_may_use(port: int) -> None:
    """Scripts only from this server; only the page with forms sends requests."""
    rest = policy((await ask(port, "/docs")).header("content-security-policy"))
    for path in ("/docs/websocket", "/privacy"):
        found = policy((await ask(port, path)).header("content-security-policy"))
        assert found["img-src"] == "'self'"
        assert "connect-src" not in found
        assert found["default-src"] == "'none'"
        assert found["script-src"] == found["style-src"] == "'self'"
    assert rest["script-src"] == rest["style-src"] == rest["connect-src"] == "'self'"
    assert rest["img-src"].startswith("'self' ")


async def test_the_rest_page_shows_the_whole_document(port: int) -> None:
    """Every route with its parameters, responses and examples, and every type with its fields."""
    page = (await ask(port, "/docs")).body.decode()
    document = json.loads((await ask(port, "/openapi.json")).body)
    text, found = shown(page), rows(page)
    blocks = [
        json.dumps(json.loads(unescape(block)))
        for block in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.S)
    ]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters" or operation["tags"] == [HEADERS_ONLY]:
                continue
            assert f'<h3 id="{operation["operationId"]}">' in page
            assert f"{method.upper()} {path}" in text
            assert plain(operation["summary"]) in text
            assert plain(operation.get("description", "")) in text
            for parameter in item.get("parameters", []):
                cells = (parameter["name"], plain(parameter["description"]))
                assert cells in [(row[0], row[-1]) for row in found]
            for status, response in operation["responses"].items():
                cells = (status, plain(response["description"]))
                assert cells in [row[:2] for row in found]
            content = operation["responses"].get("200", {}).get("content", {})
            for example in content.get("application/json", {}).get("examples", {}).values():
                assert json.dumps(example["value"]) in blocks
    for name, schema in document["components"]["schemas"].items():
        assert f'<h3 id="{name}">' in page
        for field in schema["properties"]:
            assert any(row[0] == field for row in found)


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


@pytest.mark.parametrize("path", ["/docs", "/docs/websocket"])
async def test_links_within_a_page(port: int, path: str) -> None:
    """Each anchor exists once."""
    page = (await ask(port, path)).body.decode()
    ids = re.findall(r'\sid="([^"]+)"', page)
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert links
    assert set(links) <= set(ids)


@pytest.mark.parametrize("path", PAGES)
async def test_the_pages_are_small(port: int, path: str) -> None:
    """With all that they load."""
    files = [f"/docs/{file.name}" for file in STATIC.iterdir()]
    answers = [await ask(port, name) for name in (path, "/page.css", "/theme.js", *files)]
    assert all(answer.status == 200 for answer in answers)
    assert sum(len(gzip.compress(answer.body)) for answer in answers) < 40_000


async def test_the_privacy_notice(store: Store) -> None:
    """Linked from the start page; it says whom to ask, with the invitation where there is one."""
    async with serving(store) as port:
        front = (await ask(port, "/", "Accept: text/html")).body.decode()
        assert 'href="privacy"' in front
        page = shown((await ask(port, "/privacy")).body.decode())
        assert "Leave the servers that you share with the bot." in page
        assert "the Discord server in which you met this bot" in page
    async with serving(store, discord_invite="https://discord.gg/example") as port:
        page = (await ask(port, "/privacy")).body.decode()
        assert '<a href="https://discord.gg/example">the Discord server of this bot</a>' in page


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "privacy.html", "..%2Fpages.py", "docs.css.gz", "%00"],
)
async def test_nothing_else_is_served(port: int, name: str) -> None:
    """Only the files that were loaded at the start, under exactly these names."""
    answer = await ask(port, f"/docs/{name}")
    assert answer.status == 404
    assert b'"not_found"' in answer.body

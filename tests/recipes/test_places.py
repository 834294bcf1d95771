"""docs/recipes/: OBS, profile READMEs, shields.io, Notion and Obsidian."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from services.cards.badges import ShieldsBadge
from testing.eventually import eventually_async
from tests.e2e.stack import Stack
from tests.recipes.recipe import HOST, RECIPES, addresses, code, page_blocks, running

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = sorted(path.name for path in RECIPES.glob("*.md"))
TESTED = {
    ("home-assistant.md", "python", "yaml"),
    ("notes.md", "html", "md"),
    ("obs.md", "css"),
    ("profile-readme.md", "html", "md"),
    ("programs.md", "go", "js", "python", "sh", "swift"),
}
"""Pages and the languages of their code. A new one needs a test."""


async def test_no_code_is_without_a_test() -> None:
    """Each language of each page is known here."""
    found = {
        (page, *sorted({block.language for block in page_blocks(page)}))
        for page in PAGES
        if page_blocks(page)
    }
    assert found == TESTED


async def answered(http: aiohttp.ClientSession, address: str) -> Mapping[str, str]:
    """The headers of an answer without a problem. A card may come late on a busy machine."""

    async def headers() -> Mapping[str, str]:
        async with http.get(address) as answer:
            assert answer.status in (200, 503), address
            whole = answer.status == 200 and await answer.read()
            return answer.headers if whole and "X-Grux-Problem" not in answer.headers else {}

    return await eventually_async(headers)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
async def test_every_address_exists(stack: Stack, page: str) -> None:
    """Cards, embeds, overlays and pages of people, as a reader's program requests them."""
    async with aiohttp.ClientSession() as http:
        for address in addresses(page):
            if "/events" in address:
                continue  # a stream: tests of its own
            headers = await answered(http, running(html.unescape(address), stack))
            assert "X-Grux-Unusable" not in headers, address


async def test_pictures_are_pictures(stack: Stack) -> None:
    """What a README and a note show."""
    async with aiohttp.ClientSession() as http:
        for page in ("profile-readme.md", "notes.md"):
            text = (RECIPES / page).read_text()
            shown = re.findall(rf"(?:!\[[^\]]*\]\(|src(?:set)?=\")(https://{HOST}/[^)\"]+)", text)
            assert shown
            for address in shown:
                headers = await answered(http, running(address, stack))
                kind = headers["Content-Type"].partition(";")[0]
                frame = "/embed/" in address
                assert kind in (("text/html",) if frame else ("image/svg+xml", "image/png"))


def shields(stack: Stack, heading: str, place: int) -> tuple[str, dict[str, str]]:
    """The path of the badge, and its parameters, with the running server in them."""
    text = code("profile-readme.md", heading, "md", stack, place)
    found = re.search(r"\((https://img\.shields\.io/[^)]+)\)", text)
    assert found
    address = urlsplit(found[1])
    parameters = {name: value for name, (value,) in parse_qs(address.query).items()}
    return address.path, parameters | {"url": running(parameters["url"], stack)}


async def requested(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        return await answer.read()


async def test_the_endpoint_badge(stack: Stack) -> None:
    """shields.io/badges/endpoint-badge: the body has the shape that it reads."""
    path, parameters = shields(stack, "A badge of shields.io", 0)
    assert path == "/endpoint"
    badge = msgspec.json.decode(await requested(parameters["url"]), type=ShieldsBadge)
    assert (badge.schema_version, badge.message, badge.is_error) == (1, "online", False)


async def test_the_dynamic_badge(stack: Stack) -> None:
    """shields.io/badges/dynamic-json-badge: the JSONPath leads to the value."""
    path, parameters = shields(stack, "A badge of shields.io", 1)
    assert path == "/badge/dynamic/json"
    found: Any = {"$": msgspec.json.decode(await requested(parameters["url"]))}
    for step in parameters["query"].split("."):
        found = found[step]
    assert found == "Paper Lanterns"

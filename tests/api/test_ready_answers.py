"""Responses from memory that are sent without ASGI: the same bytes, and the same limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from services.api.middleware.ready_answers import ReadyAnswers
from services.api.middleware.response_cache import ResponseCache
from shared.config import ProfileSettings
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import LARGE_RESPONSE_BYTES, SENT, cacheable
from shared.net.client_address import networks
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store
from testing.eventually import PATIENCE
from tests.api.golden import GOLDEN, RICH
from tests.api.replica import serving, warm
from tests.shared.http.http_fixture import App
from tests.shared.http.test_staleness import Liveness

PATHS = [f"/{route}/{g.user_id}" for route in ("user", "activity") for g in GOLDEN.values()]
HEAD_END = b"\r\n\r\n"


async def kept_alive(port: int, path: str, *headers: str, times: int = 2) -> list[bytes]:
    """The responses to the same request, one after the other, on one connection. Without dates."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers]
    found = []
    for _ in range(times):
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(HEAD_END)
            size = re.search(rb"content-length: (\d+)", head)
            body = await reader.readexactly(int(size[1])) if size else b""
        found.append(re.sub(rb"\r\ndate: [^\r]*", b"", head) + body)
    writer.close()
    await writer.wait_closed()
    return found


@pytest.fixture
async def cache() -> ResponseCache:
    return ResponseCache()


@pytest.fixture
async def port(store: Store, cache: ResponseCache) -> AsyncIterator[int]:
    """A replica with all golden users in its cache."""
    async with serving(store, cache=cache) as port:
        await warm(port, cache, *PATHS)
        yield port


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("etag", [None, RICH.user_etag, "*"])
async def test_it_is_what_the_application_sends(
    port: int, store: Store, cache: ResponseCache, path: str, etag: str | None
) -> None:
    """Every byte, but for the date."""
    headers = [] if etag is None else [f"If-None-Match: {etag}"]
    async with serving(store) as without:
        expected = await kept_alive(without, path, *headers)
    hits, sent = cache.hits, SENT.total()
    assert await kept_alive(port, path, *headers) == expected
    assert (cache.hits - hits, SENT.total() - sent) == (2, 2)


def known() -> ResponseCache:
    """With a response for /user/1 and a large one for /user/2."""
    cache = ResponseCache()
    cache.confirmed(float("inf"))
    for user_id, size in ((1, LARGE_RESPONSE_BYTES), (2, LARGE_RESPONSE_BYTES + 1)):
        with cache.loading(user_id) as load:
            load.store("/user/", 1, cacheable(b"x" * size))
    return cache


def ready(
    cache: ResponseCache,
    liveness: Liveness | None = None,
    rates: RateLimitMiddleware | None = None,
) -> ReadyAnswers:
    """Without Redis: `find` has no need of it."""
    store = Store.connect("redis://127.0.0.1:1")
    profiles = ProfileService(None, ProfileCache(store, 300))
    users = UserReader.of(store, profiles, ProfileSettings(profile_source="off"))
    return ReadyAnswers(cache, users, "", liveness, rates)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/user/1", True),
        (b"/user/3", False),
        (b"/user/1?x", False),
        (b"/user/1/", False),
        (b"http://x/user/1", False),
        (b"/user/%31", False),
        (b"/user/\xff", False),
        (b"/user/2", False),  # counts as two requests, and so the application counts it
    ],
)
def test_only_the_usual_spelling_is_known(target: bytes, found: bool) -> None:
    """What is not found is no hit."""
    cache = known()
    assert (ready(cache).find(target, (), "8.8.8.8") is not None) is found
    assert cache.hits == found


def test_while_the_gateway_is_silent_the_application_answers() -> None:
    """It adds a header."""
    liveness = Liveness(None)
    answers = ready(known(), liveness)
    assert answers.find(b"/user/1", (), "8.8.8.8")
    liveness.stale = 42
    assert answers.find(b"/user/1", (), "8.8.8.8") is None


def test_an_address_over_its_limit_is_left_to_the_application() -> None:
    """Which answers 429. Others are counted apart, by what a trusted proxy says."""
    rates = RateLimitMiddleware(2, networks("10.0.0.1"), App())
    answers = ready(known(), None, rates)
    asked = [answers.find(b"/user/1", (), "8.8.8.8") is not None for _ in range(3)]
    assert asked == [True, True, False]
    behind_proxy = ((b"x-forwarded-for", b"8.8.8.8"),)
    assert answers.find(b"/user/1", behind_proxy, "10.0.0.1") is None
    assert answers.find(b"/user/1", behind_proxy, "9.9.9.9")


def test_what_is_not_known_is_counted_once() -> None:
    """By the application alone."""
    rates = RateLimitMiddleware(1, (), App())
    answers = ready(known(), None, rates)
    assert answers.find(b"/user/3", (), "8.8.8.8") is None
    assert answers.find(b"/user/1", (), "8.8.8.8")

"""Icons of applications: requested once, kept for a day, and no presence waits for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from services.gateway.normalize.app_icons import ICON_TTL_S, AppIcons, IconRetries
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended

APP, PLAIN = "764429562019840003", "356877880938070016"


RETRIES = IconRetries(attempts=2, retry_s=0.01, pause_s=0.01)


class Discord:
    """Answers `/applications/{id}/rpc` as the test says, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answers: list[web.Response] = []
        self.user_agents: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        application_id = request.match_info["id"]
        self.asked[application_id] += 1
        self.user_agents.add(request.headers["User-Agent"])
        if self.answers:
            return self.answers.pop(0)
        icon = "ec48acbad4c32efab4275cb9f3ca3a58" if application_id == APP else None
        return web.json_response({"id": application_id, "icon": icon})


class IconFixture:
    """Icons, and the Discord that they are fetched from."""

    def __init__(self, store: Store, url: str, discord: Discord) -> None:
        self.store = store
        self.discord = discord
        self.icons = AppIcons(store, url, "DiscordBot (test, 1)", RETRIES)
        self.found: list[int] = []
        self.icons.on_found(self.found.append)


@pytest.fixture
async def fixture(redis_url: str) -> AsyncIterator[IconFixture]:
    discord = Discord()
    app = web.Application()
    app.router.add_get("/applications/{id}/rpc", discord.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Store.connect(redis_url, timeout=5.0) as store:
        fixture = IconFixture(store, f"http://127.0.0.1:{port}", discord)
        task = asyncio.create_task(fixture.icons.run())
        yield fixture
        await ended(task)
    await runner.cleanup()


async def test_icon_is_requested_once_for_many_users(fixture: IconFixture) -> None:
    """Each user who waits is rendered again."""
    for user_id in range(50):
        fixture.icons.request(APP, user_id)
    await eventually(lambda: len(fixture.found) == 50)
    fixture.icons.request(APP, 51)
    assert fixture.discord.asked == {APP: 1}
    assert fixture.icons.known[APP] == "ec48acbad4c32efab4275cb9f3ca3a58"
    assert fixture.discord.user_agents == {"DiscordBot (test, 1)"}


async def test_missing_icon_is_remembered_too(fixture: IconFixture) -> None:
    """In Redis for a day, as an icon is."""
    fixture.icons.request(PLAIN, 1)
    await eventually(lambda: PLAIN in fixture.icons.known)
    assert fixture.icons.known[PLAIN] is None
    assert await fixture.store.redis.get(keys.app_icon(PLAIN)) == b""
    assert await fixture.store.redis.ttl(keys.app_icon(PLAIN)) >= ICON_TTL_S - 60


async def test_icon_in_redis_is_not_requested(fixture: IconFixture) -> None:
    """Another process, or an earlier run, has requested it."""
    await fixture.store.redis.set(keys.app_icon(APP), "abc")
    fixture.icons.request(APP, 1)
    await eventually(lambda: fixture.found == [1])
    assert fixture.icons.known[APP] == "abc"
    assert not fixture.discord.asked


@pytest.mark.parametrize("kept", [b"../x", b"\xff\xfe", b"a" * 5000, b"<img>"])
async def test_garbage_in_redis_is_replaced(fixture: IconFixture, kept: bytes) -> None:
    """It gets into no URL, and ends nothing."""
    await fixture.store.redis.set(keys.app_icon(APP), kept)
    fixture.icons.request(APP, 1)
    await eventually(lambda: fixture.found == [1])
    assert fixture.icons.known[APP] == "ec48acbad4c32efab4275cb9f3ca3a58"


async def test_rate_limit_is_obeyed(fixture: IconFixture) -> None:
    """Retry-After, and then the icon."""
    fixture.discord.answers = [web.json_response({}, status=429, headers={"Retry-After": "0.05"})]
    fixture.icons.request(APP, 1)
    await eventually(lambda: fixture.found == [1])
    assert fixture.discord.asked == {APP: 2}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"icon": 5}', b'{"icon": "../x"}', b'{"icon": {}}']
)
async def test_unusable_answers_are_no_icon(fixture: IconFixture, body: bytes) -> None:
    """No URL is made of them, and the next application is served."""
    fixture.discord.answers = [web.Response(body=body)]
    fixture.icons.request(PLAIN, 1)
    await eventually(lambda: fixture.discord.asked[PLAIN] == 1)
    fixture.icons.request(APP, 2)
    await eventually(lambda: 2 in fixture.found)
    assert fixture.icons.known.get(PLAIN) is None


async def test_failure_is_retried_later(fixture: IconFixture) -> None:
    """However long it lasts: the users who wait get the icon without a new request."""
    fixture.discord.answers = [web.Response(status=500) for _ in range(7)]
    fixture.icons.request(APP, 1)
    await eventually(lambda: fixture.found == [1])
    assert fixture.discord.asked[APP] == 8
    assert fixture.icons.waiting == 0

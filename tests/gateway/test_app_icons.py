"""Icons of applications: asked for once, kept for a day, never in the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from services.gateway.normalize import app_icons as icons_module
from services.gateway.normalize.app_icons import Icons
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended

APP, PLAIN = "764429562019840003", "356877880938070016"


class Discord:
    """Answers `/applications/{id}/rpc` as told, and counts."""

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


class Bench:
    """Icons at work."""

    def __init__(self, store: Store, url: str, discord: Discord) -> None:
        self.store = store
        self.discord = discord
        self.icons = Icons(store, url, "DiscordBot (test, 1)")
        self.found: list[int] = []
        self.icons.on_found(self.found.append)


@pytest.fixture
async def bench(redis_url: str) -> AsyncIterator[Bench]:
    discord = Discord()
    app = web.Application()
    app.router.add_get("/applications/{id}/rpc", discord.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Store.connect(redis_url, timeout=5.0) as store:
        bench = Bench(store, f"http://127.0.0.1:{port}", discord)
        task = asyncio.create_task(bench.icons.run())
        yield bench
        await ended(task)
    await runner.cleanup()


async def test_icon_is_asked_for_once_however_many_want_it(bench: Bench) -> None:
    """Everyone who waited is told."""
    for user_id in range(50):
        bench.icons.want(APP, user_id)
    await eventually(lambda: len(bench.found) == 50)
    bench.icons.want(APP, 51)
    assert bench.discord.asked == {APP: 1}
    assert bench.icons.known[APP] == "ec48acbad4c32efab4275cb9f3ca3a58"
    assert bench.discord.user_agents == {"DiscordBot (test, 1)"}


async def test_having_none_is_remembered_too(bench: Bench) -> None:
    """In Redis for a day, as an icon is."""
    bench.icons.want(PLAIN, 1)
    await eventually(lambda: PLAIN in bench.icons.known)
    assert bench.icons.known[PLAIN] is None
    assert await bench.store.redis.get(keys.app_icon(PLAIN)) == b""
    assert await bench.store.redis.ttl(keys.app_icon(PLAIN)) >= icons_module.KEEP - 60


async def test_what_redis_keeps_is_not_asked_for(bench: Bench) -> None:
    """Another process, or an earlier run, has asked."""
    await bench.store.redis.set(keys.app_icon(APP), "abc")
    bench.icons.want(APP, 1)
    await eventually(lambda: bench.found == [1])
    assert bench.icons.known[APP] == "abc"
    assert not bench.discord.asked


@pytest.mark.parametrize("kept", [b"../x", b"\xff\xfe", b"a" * 5000, b"<img>"])
async def test_garbage_in_redis_is_asked_for_anew(bench: Bench, kept: bytes) -> None:
    """What is no icon's hash stands in no URL, and ends nothing."""
    await bench.store.redis.set(keys.app_icon(APP), kept)
    bench.icons.want(APP, 1)
    await eventually(lambda: bench.found == [1])
    assert bench.icons.known[APP] == "ec48acbad4c32efab4275cb9f3ca3a58"


async def test_rate_limit_is_obeyed(bench: Bench) -> None:
    """Retry-After, and then the icon."""
    bench.discord.answers = [web.json_response({}, status=429, headers={"Retry-After": "0.05"})]
    bench.icons.want(APP, 1)
    await eventually(lambda: bench.found == [1])
    assert bench.discord.asked == {APP: 2}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"icon": 5}', b'{"icon": "../x"}', b'{"icon": {}}']
)
async def test_strange_answers_are_no_icon(
    bench: Bench, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes: no address is made of it, and the next application is served."""
    monkeypatch.setattr(icons_module, "TRIES", 1)
    monkeypatch.setattr(icons_module, "AFTER_FAILURE", 0.01)
    bench.discord.answers = [web.Response(body=body)]
    bench.icons.want(PLAIN, 1)
    await eventually(lambda: bench.discord.asked[PLAIN] == 1)
    bench.icons.want(APP, 2)
    await eventually(lambda: 2 in bench.found)
    assert bench.icons.known.get(PLAIN) is None


async def test_failure_is_tried_again_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it lasts: whoever waits gets the icon, though nobody asks for it any more."""
    monkeypatch.setattr(icons_module, "TRIES", 2)
    monkeypatch.setattr(icons_module, "AFTER_FAILURE", 0.01)
    monkeypatch.setattr(icons_module, "AFTER_TRIES", 0.01)
    bench.discord.answers = [web.Response(status=500) for _ in range(7)]
    bench.icons.want(APP, 1)
    await eventually(lambda: bench.found == [1])
    assert bench.discord.asked[APP] == 8
    assert bench.icons.waiting == 0

"""Cards over HTTP: a real Redis, real servers of pictures, the processes that draw."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import pytest
from PIL import Image

from services.api.card import cards
from shared.redis.store import Store
from testing.eventually import eventually_async
from testing.redis_server import RedisServer
from tests.api.card.asking import USER, save, says
from tests.api.card.people import AT_WORK, EDITOR, LISTENING, NOTHING, like
from tests.api.card.test_safety import check
from tests.api.golden import HOSTILE
from tests.api.http_client import ask
from tests.api.replica import serving

STRANGER = "161092844126208999"


async def test_an_svg(store: Store) -> None:
    """What it is, how long it may be kept, and what it says."""
    await save(store, AT_WORK)
    async with serving(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?hideActivity=true")
        again = await ask(
            port, f"/card/{USER}.svg?hideActivity=true", f"If-None-Match: {answer.header('etag')}"
        )
        head = await ask(port, f"/card/{USER}.svg?hideActivity=true", method="HEAD")
    check(answer.body.decode())
    assert answer.status == 200
    assert answer.header("content-type") == "image/svg+xml; charset=utf-8"
    assert answer.header("access-control-allow-origin") == "*"
    assert "max-age=" in (answer.header("cache-control") or "")
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
    assert says(answer) == "Audibert is online · 🔥 shipping on a friday"
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.body) == (200, b"")
    assert head.header("etag") == answer.header("etag")


async def test_a_png(store: Store) -> None:
    """The same, in twice as many pixels."""
    await save(store, AT_WORK)
    async with serving(store) as port:
        answer = await ask(port, f"/card/{USER}.png?width=500")
    picture = Image.open(io.BytesIO(answer.body))
    assert answer.header("content-type") == "image/png"
    assert (picture.format, picture.width) == ("PNG", 1000)


async def test_a_change_is_seen_at_once(store: Store) -> None:
    """What was drawn before is not shown for it."""
    await save(store, NOTHING)
    async with serving(store) as port:
        before = await ask(port, f"/card/{USER}.svg")
        await save(store, LISTENING)
        after = await ask(port, f"/card/{USER}.svg")
    assert says(before) == "Audibert is offline · I'm not currently doing anything!"
    assert "Listening to Spotify: 夜の図書館, 水色ラジオ" in says(after)


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (f"/card/{STRANGER}.{{}}", "user_not_monitored"),
        ("/card/12.{}", "invalid_user_id"),
        ("/card/%3Cscript%3E.{}", "invalid_user_id"),
    ],
)
async def test_what_is_wrong_is_a_picture(store: Store, path: str, problem: str, kind: str) -> None:
    """With a status that proxies show, and the code in a header."""
    async with serving(store, discord_invite="https://discord.gg/abc") as port:
        answer = await ask(port, path.format(kind))
    assert answer.status == 200
    assert answer.header("x-grux-problem") == problem
    if kind == "png":
        assert Image.open(io.BytesIO(answer.body)).format == "PNG"
        return
    check(answer.body.decode())
    assert ("Join: https://discord.gg/abc" in says(answer)) == (problem == "user_not_monitored")


async def test_parameters_of_no_use_are_named(store: Store) -> None:
    """And the card comes all the same."""
    await save(store, AT_WORK)
    async with serving(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?theme=pink&bg=%22onload&width=400&v=3")
    assert answer.status == 200
    assert answer.header("x-grux-unusable") == "theme, bg"
    assert b'width="400"' in answer.body


async def test_strangers_text_stays_text(store: Store) -> None:
    """A name that would be a tag is letters, and none of it is markup."""
    async with serving(store) as port:
        answer = await ask(port, f"/card/{HOSTILE.user_id}.svg?idleMessage=%3Cimg%20onerror=x%3E")
    check(answer.body.decode())
    assert "&lt;/script&gt;" in says(answer)


async def test_redis_is_away() -> None:
    """A picture that says so, and the same card again when it is back."""
    async with RedisServer() as redis, Store.connect(redis.url) as store:
        await save(store, AT_WORK)
        async with serving(store) as port:
            assert (await ask(port, f"/card/{USER}.svg")).header("x-grux-problem") is None
            await redis.kill()
            away = await ask(port, f"/card/{USER}.svg")
            assert away.status == 200
            assert away.header("x-grux-problem") == "unavailable"
            check(away.body.decode())
            await redis.start()
            await save(store, AT_WORK)

            async def back() -> bool:
                return (await ask(port, f"/card/{USER}.svg")).header("x-grux-problem") is None

            await eventually_async(back)


async def test_how_old_it_is_stands_in_it(store: Store) -> None:
    """While the gateway is silent."""
    await save(store, NOTHING)
    async with serving(store) as port:
        fresh = await ask(port, f"/card/{USER}.svg")
    async with serving(store, silent_for=lambda: 700) as port:
        stale = await ask(port, f"/card/{USER}.svg")
    tall = re.compile(rb'viewBox="0 0 450 (\d+)"')
    assert int(tall.search(stale.body)[1]) > int(tall.search(fresh.body)[1])  # type: ignore[index]


async def test_many_who_ask_at_once_are_given_one_drawing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single flight: 30 requests, one job."""
    drawn: list[Any] = []
    drawing = cards.Cards._drawing

    async def counted(self: cards.Cards, job: Any) -> bytes:
        drawn.append(job)
        return await drawing(self, job)

    monkeypatch.setattr(cards.Cards, "_drawing", counted)
    await save(store, AT_WORK)
    async with serving(store) as port:
        answers = await asyncio.gather(*(ask(port, f"/card/{USER}.svg") for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(drawn) == 1


async def test_whoever_varies_parameters_is_held_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many drawings of one person a minute. Others' cards go on, and so does the usual one."""
    monkeypatch.setattr(cards, "LOOKS_A_MINUTE", 3)
    await save(store, NOTHING)
    async with serving(store) as port:
        common = await ask(port, f"/card/{USER}.svg")
        varied = [await ask(port, f"/card/{USER}.svg?accent=00000{n}") for n in range(5)]
        assert [answer.header("x-grux-problem") for answer in varied] == [None] * 2 + ["busy"] * 3
        for answer in varied:
            check(answer.body.decode())
        assert (await ask(port, f"/card/{USER}.svg")).body == common.body
        other = await ask(port, f"/card/{HOSTILE.user_id}.svg")
        assert other.header("x-grux-problem") is None


async def test_nothing_can_be_drawn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there are pictures that need no drawing."""
    monkeypatch.setattr("services.api.card.draughtsmen.sys.executable", "/nowhere/python")
    await save(store, AT_WORK)
    async with serving(store) as port:
        svg = await ask(port, f"/card/{USER}.svg")
        png = await ask(port, f"/card/{USER}.png")
        badge = await ask(port, f"/badge/{USER}.svg")
    check(svg.body.decode())
    check(badge.body.decode())
    assert Image.open(io.BytesIO(png.body)).size == (225, 44)
    assert svg.header("x-grux-problem") == "busy"


async def test_ignored_activities_are_not_told(store: Store) -> None:
    """Neither in the picture nor in its title."""
    await save(store, like(AT_WORK, activity=[EDITOR]))
    async with serving(store) as port:
        answer = await ask(port, f"/card/{USER}.svg?ignoreAppId={EDITOR.application_id}")
    assert "Visual Studio Code" not in answer.body.decode()

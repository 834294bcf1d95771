"""What a person hides, no reader sees; and a person who hides is a person who was never there.

`tests/public_routes.py` names the routes. One stack serves all tests here: each chooses settings of
its own, and does not rely on those before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from shared.model.user_settings import HIDEABLE_FIELDS, UserSettings
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.e2e.readers import (
    ACTIVITIES,
    GAME,
    PARTS,
    SHOWN,
    TRACES,
    Readers,
    matching,
    readers,
    requests_of,
)
from tests.e2e.stack import ROBIN, Stack
from tests.public_routes import SHOWING

STRANGER = "161092844126208999"  # as long as Robin's id
LIVE_ROUTES = ("/user/{id}", "/activity/{id}")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen() -> AsyncIterator[Readers]:
    async with readers() as found:
        yield found


def hiding(field: str) -> UserSettings:
    if field == "applications":
        return replace(SHOWN, hide_applications=(GAME,))
    return replace(SHOWN, hide=tuple(one for one in HIDEABLE_FIELDS if one == field))


async def everything_is_shown(seen: Readers) -> None:
    """Choose it, and wait until it is."""
    await seen.choose(SHOWN)

    async def is_shown() -> bool:
        texts = {"redis": await seen.stored(), **await seen.answers(ROBIN, LIVE_ROUTES)}
        return all(matching(field, texts) >= {"redis"} for field in TRACES) and all(
            len(matching(field, texts)) > 1 for field in TRACES
        )

    await eventually_async(is_shown)


async def test_everything_that_can_be_hidden_is_tried() -> None:
    """By a trace of its own."""
    assert set(TRACES) == {*HIDEABLE_FIELDS, "applications"}


async def test_every_route_shows_somebody(seen: Readers) -> None:
    """While nothing is hidden: else the tests below would prove nothing."""
    await everything_is_shown(seen)
    both: dict[str, list[str]] = {}

    async def is_shown() -> bool:  # what the gateway records of the past comes a moment later
        late = [one for one in requests_of(SHOWING) if len(set(both.get(one, ""))) < 2]
        robin, stranger = await seen.answers(ROBIN, late), await seen.answers(STRANGER, late)
        both.update({one: [robin[one], stranger[one]] for one in late})
        past = await seen.answers(ROBIN, ["/history/{id}"])
        return not late and bool(matching("activities", past) and matching("spotify", past))

    await eventually_async(is_shown)


@pytest.mark.parametrize("field", TRACES)
async def test_what_is_hidden_is_in_no_answer(seen: Readers, field: str) -> None:
    """Routes of all services, open and new connections, a webhook endpoint, and Redis itself.

    It is seen before, and everything else is seen all the time.
    """
    await everything_is_shown(seen)
    async with seen.following() as clients:
        await seen.choose(hiding(field))

        async def is_hidden() -> bool:
            return not matching(field, {"redis": await seen.stored()})

        await eventually_async(is_hidden)
        texts = await seen.everything(clients)

        async def is_nowhere() -> bool:  # readers follow Redis within a moment
            late = matching(field, texts)
            texts.update(await seen.answers(ROBIN, [one for one in late if one[0] == "/"]))
            if any(one[0] != "/" for one in late):
                texts.update(await seen.everything(clients))
            return not matching(field, texts)

        await eventually_async(is_nowhere)
        for other in set(TRACES) - {field, *PARTS.get(field, ())}:
            if field not in PARTS.get(other, ()):
                assert len(matching(other, texts)) > 1, other


@pytest.mark.parametrize("how", ["hidden", "paused"])
async def test_who_hides_was_never_there(seen: Readers, how: str) -> None:
    """Every route answers byte for byte as about a stranger, and Redis names them nowhere.

    Open connections and webhook endpoints are told what they are told when somebody leaves.
    """
    stack = seen.stack
    await everything_is_shown(seen)
    members = len(stack.member_ids())
    await eventually_async(lambda: counts(stack, members))
    pages = await seen.fixed(STRANGER)
    assert await seen.fixed(ROBIN) == pages
    gone = (
        replace(SHOWN, visible=False)
        if how == "hidden"
        else replace(SHOWN, paused_until=round(time.time() * 1000) + 3_600_000)
    )
    async with seen.following() as clients:
        await seen.choose(gone)
        await stack.not_monitored(ROBIN)
        await is_like_a_stranger(seen)
        assert await seen.fixed(ROBIN) == pages
        assert (await first_frame(stack, ROBIN)) == (await first_frame(stack, STRANGER))
        await eventually_async(lambda: counts(stack, members - 1))
        await eventually(clients["ws"].task.done)
        await eventually(lambda: seen.endpoint.received[-1].body["data"] is None)
        assert clients["ws"].connection.close_code == 4404
        await eventually(lambda: clients["socket"].state["discord_status"] == "offline")
        assert clients["socket"].state["activities"] == []

        async def is_without_a_trace() -> bool:
            return not await traces(stack)

        await eventually_async(is_without_a_trace)

        # Events of theirs go on, and change nothing.
        world = stack.simulator.world
        world.set_presence(ROBIN, "idle", ACTIVITIES, {"web": "idle"})
        world.update_user(ROBIN, global_name=f"Somebody {how}")
        other = next(one for one in stack.member_ids() if one != ROBIN)
        world.update_user(other, global_name=f"The last one {how}")
        await stack.shows(
            other, lambda data: bool(data["profile"]["display_name"] == f"The last one {how}")
        )
        assert await traces(stack) == set()
        texts = await is_like_a_stranger(seen)
        assert not any("Somebody" in text for text in texts)

        await seen.choose(SHOWN)
        data = await stack.shows(ROBIN, lambda data: True)
        shown = (data["status"], data["profile"]["display_name"])
        assert shown == ("idle", f"Somebody {how}")
        await eventually(lambda: clients["socket"].state["discord_status"] == "idle")
    world.set_presence(ROBIN, "dnd", ACTIVITIES, {"mobile": "dnd"})


async def is_like_a_stranger(seen: Readers) -> list[str]:
    """Wait until every answer is that about a stranger. Returns all answers that came.

    A machine that is busy may draw a placeholder instead of a card.
    """
    both: dict[str, tuple[str, str]] = {}
    came: list[str] = []

    async def is_one() -> bool:
        late = [one for one in requests_of(SHOWING) if len(set(both.get(one, "12"))) > 1]
        robin, stranger = await seen.answers(ROBIN, late), await seen.answers(STRANGER, late)
        came.extend(robin.values())
        both.update({one: (robin[one], stranger[one]) for one in late})
        return all(robin == stranger for robin, stranger in both.values())

    await eventually_async(is_one)
    return came


async def counts(stack: Stack, users: int) -> bool:
    return bool((await stack.get("/"))[1]["data"]["monitored_user_count"] == users)


async def first_frame(stack: Stack, user_id: str) -> tuple[str, int | None]:
    """What a new connection is told, and the code with which it is closed."""
    url = f"ws://127.0.0.1:{stack.ws_port}/?user_id={user_id}"
    async with connect(url, proxy=None) as client:
        async with asyncio.timeout(PATIENCE):
            frame = str(await client.recv()).replace(user_id, "ID")
            await client.wait_closed()
        return frame, client.close_code


async def traces(stack: Stack) -> set[str]:
    """Where the presence Redis names Robin. The number of the last write of any user who has left
    stays for an hour: `fence:{id}`."""
    found: set[str] = set()
    async with Redis.from_url(stack.redis.url, protocol=2) as redis:
        names: Any = await redis.keys("*")
        for name in names:
            if name.startswith((b"durable:", b"fence:", b"kv-revision:")):
                continue
            held: Any = name
            match await redis.type(name):
                case b"string":
                    held = await redis.get(name)
                case b"hash":
                    held = await redis.hgetall(name)
                case b"set":
                    held = await redis.smembers(name)
                case b"zset":
                    held = await redis.zrange(name, 0, -1)
            if ROBIN in f"{name!r} {held!r}":
                found.add(name.decode())
    return found

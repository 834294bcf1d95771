"""What a person hides, no reader sees; and a person who hides is a person who was never there."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from shared.model.user_settings import DEFAULTS, HIDEABLE_FIELDS, UserSettings
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.e2e.readers import ACTIVITIES, GAME, TRACES, matching, readers
from tests.e2e.stack import ROBIN, Stack

STRANGER = "1138383128625152999"


async def test_what_is_hidden_is_hidden_from_every_reader() -> None:
    """Routes of both dialects, pictures, open and new connections, and Redis itself.

    One thing after the other: each is seen before, hidden, and seen again after it.
    """
    async with readers() as (_, seen, settings, _):
        before = await seen.everything()
        for field in TRACES:
            assert matching(field, before) >= {"redis"}, field
        for field in TRACES:
            chosen = (
                UserSettings(hide_applications=(GAME,))
                if field == "applications"
                else UserSettings(hide=tuple(one for one in HIDEABLE_FIELDS if one == field))
            )
            await settings.change(int(ROBIN), lambda _, chosen=chosen: chosen)  # type: ignore[misc]

            async def is_hidden(field: str = field) -> bool:
                return not matching(field, await seen.everything())

            await eventually_async(is_hidden)
            others = set(TRACES) - {field, "applications", "activities", "device"}
            now = await seen.everything()
            assert all(matching(other, now) for other in others), field
        await settings.change(int(ROBIN), lambda _: DEFAULTS)

        async def is_shown() -> bool:
            now = await seen.everything()
            return all(matching(field, now) == matching(field, before) for field in TRACES)

        await eventually_async(is_shown)


async def test_a_hidden_person_was_never_there() -> None:
    """Every route answers byte for byte as about a stranger, and Redis names them nowhere.

    Open connections are told what they are told when somebody leaves.
    """
    async with readers() as (stack, seen, settings, clients):
        await eventually_async(lambda: counts(stack, len(stack.member_ids())))
        others = await seen.rest(STRANGER)
        await settings.change(int(ROBIN), lambda old: replace(old, visible=False))

        async def is_gone() -> bool:
            return await seen.rest(ROBIN) == others

        await eventually_async(is_gone)
        assert (await first_frame(stack, ROBIN)) == (await first_frame(stack, STRANGER))
        await eventually_async(lambda: counts(stack, len(stack.member_ids()) - 1))
        await eventually(clients["ws"].task.done)
        assert clients["ws"].connection.close_code == 4404
        await eventually(lambda: clients["socket"].state["discord_status"] == "offline")
        assert clients["socket"].state["activities"] == []

        async def is_without_a_trace() -> bool:
            return not await traces(stack)

        await eventually_async(is_without_a_trace)

        # Events of theirs go on, and change nothing.
        stack.simulator.world.set_presence(ROBIN, "idle", ACTIVITIES, {"web": "idle"})
        stack.simulator.world.update_user(ROBIN, global_name="Somebody else")
        other = next(one for one in stack.member_ids() if one != ROBIN)
        stack.simulator.world.update_user(other, global_name="The last one")
        await stack.shows(
            other, lambda data: bool(data["profile"]["display_name"] == "The last one")
        )
        assert await traces(stack) == set()
        assert await seen.rest(ROBIN) == others

        await settings.change(int(ROBIN), lambda old: replace(old, visible=True))
        data = await stack.shows(ROBIN, lambda data: True)
        assert (data["status"], data["profile"]["display_name"]) == ("idle", "Somebody else")
        await eventually(lambda: clients["socket"].state["discord_status"] == "idle")


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
    async with Redis.from_url(stack.redis.url, protocol=2, decode_responses=True) as redis:
        for name in map(str, await redis.keys("*")):
            if name.startswith(("durable:", "fence:", "kv-revision:")):
                continue
            text = name
            match await redis.type(name):
                case "string":
                    text += str(await redis.get(name))
                case "hash":
                    text += str(await redis.hgetall(name))
                case "set":
                    text += str(await redis.smembers(name))
                case "zset":
                    text += str(await redis.zrange(name, 0, -1))
            if ROBIN in text:
                found.add(name)
    return found

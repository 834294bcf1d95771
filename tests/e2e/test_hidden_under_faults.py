"""What is hidden stays hidden while Redis fails, gateways change, and nobody is listening."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from services.gateway.status import UNKNOWN_SETTINGS
from shared.discord.snowflake import shard_of
from shared.model.user_settings import DEFAULTS, UserSettings
from shared.redis import keys
from shared.redis.durable import DurableUnavailable
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from testing.redis_server import RedisServer
from tests.e2e.stack import FIRST, REST, ROBIN, SECOND, Stack, running
from tests.e2e.standby import holder_knows_standby
from tests.ended import ended
from tests.scraped import asked

SHARDS: Final = 7  # of which Robin's servers belong to two
WITHOUT_SONGS: Final = UserSettings(hide=("spotify",))


def song(number: int) -> dict[str, Any]:
    return {
        "id": "spotify:1",
        "type": 2,
        "name": "Spotify",
        "details": f"SecretSong{number}",
        "created_at": number,
    }


class Observer:
    """Everything that is written about Robin."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.messages: list[bytes] = []

    async def run(self) -> None:
        """Follow the channel until cancelled."""
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(keys.presence(int(ROBIN)))
            while True:
                message = await pubsub.get_message(timeout=PATIENCE)
                if message is not None and message["type"] == "message":
                    self.messages.append(message["data"])

    async def stored(self) -> bytes:
        found: Any = await self._redis.hgetall(keys.presence(int(ROBIN)))
        return b"".join(found.values())

    @asynccontextmanager
    async def sees_no(self, secret: bytes) -> AsyncIterator[None]:
        """In no message until the block ends."""
        await self._catch_up()
        before = len(self.messages)
        yield
        await self._catch_up()
        assert not any(secret in message for message in self.messages[before:])

    async def _catch_up(self) -> None:
        """Messages from before may still be on their way."""
        mark = b"mark %d" % len(self.messages)
        await self._redis.publish(keys.presence(int(ROBIN)), mark)
        await eventually(lambda: mark in self.messages)


@asynccontextmanager
async def faulty() -> AsyncIterator[tuple[Stack, RedisServer, UserSettingsStore, Observer]]:
    """A stack with a durable Redis of its own, and Robin, who hides songs."""
    async with (
        RedisServer("--appendonly", "yes") as durable,
        Store.connect(durable.url, timeout=PATIENCE) as store,
        running(services=REST, env={"DURABLE_REDIS_URL": durable.url}) as stack,
        stack.redis.client() as redis,
    ):
        settings = UserSettingsStore(store)
        observer = Observer(redis)
        task = asyncio.create_task(observer.run())
        stack.simulator.world.set_presence(ROBIN, "online", [song(1)])
        await stack.shows(ROBIN, lambda data: bool(data["spotify"]))
        await settings.change(int(ROBIN), lambda _: WITHOUT_SONGS)
        await stack.shows(ROBIN, lambda data: data["spotify"] is None)
        assert b"SecretSong" not in await observer.stored()
        try:
            yield stack, durable, settings, observer
        finally:
            await ended(task)


async def play(stack: Stack, number: int, status: str) -> None:
    """Robin's song changes, and so does the status, which is written."""
    stack.simulator.world.set_presence(ROBIN, status, [song(number)])
    await stack.shows(ROBIN, lambda data: bool(data["status"] == status))


async def test_hidden_while_the_durable_redis_is_away() -> None:
    """What is known goes on, and a gateway that starts shows nobody new until it knows."""
    async with faulty() as (stack, durable, settings, observer):
        async with observer.sees_no(b"SecretSong"):
            await durable.pause()
            await play(stack, 2, "idle")
            async with Store.connect(durable.url, timeout=0.2) as hasty:
                with pytest.raises(DurableUnavailable):
                    await UserSettingsStore(hasty).change(int(ROBIN), lambda _: DEFAULTS)

            await stack.processes["gateway"].stop()
            await stack.redis.flush()
            port = str(free_port())
            for guild_ids, waits in (
                ("", "waiting for the durable Redis to name the approved servers"),
                (f"{FIRST},{SECOND}", "settings of users cannot be read"),
            ):
                gateway = await stack.start("gateway", GUILD_IDS=guild_ids, METRICS_PORT=port)
                await gateway.line_with(waits)
                assert await asked(int(port), "/ready") == (
                    503,
                    {"ready": False, "unready": UNKNOWN_SETTINGS},
                )
                if not guild_ids:
                    await gateway.stop()
            stack.simulator.world.set_presence(ROBIN, "dnd", [song(3)])
            await stack.not_monitored(ROBIN)
            await durable.resume()
            await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
            assert b"SecretSong" not in await observer.stored()
        await settings.change(int(ROBIN), lambda _: DEFAULTS)
        await stack.shows(ROBIN, lambda data: bool(data["spotify"]))


async def test_hidden_over_restarts_and_a_lost_redis() -> None:
    """A resumed session and a rewritten Redis show no more than before; what changed while no
    gateway ran is effective when one does."""
    async with faulty() as (stack, _, settings, observer):
        gateway = stack.processes["gateway"]
        async with observer.sees_no(b"SecretSong"):
            await stack.redis.flush()
            await gateway.line_with("rewriting all users")
            await play(stack, 2, "idle")

            await gateway.stop()
            stack.simulator.world.set_presence(ROBIN, "dnd", [song(3)])
            await stack.start("gateway")
            await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
            assert b"SecretSong" not in await observer.stored()
        assert stack.simulator.stats.identifies == 1

        # What the process had to leave out of Redis comes from Discord again.
        await settings.change(int(ROBIN), lambda _: DEFAULTS)
        await stack.shows(ROBIN, lambda data: bool(data["spotify"]))

        await stack.processes["gateway"].stop()
        await settings.change(int(ROBIN), lambda _: UserSettings(visible=False))
        await stack.start("gateway")
        await stack.not_monitored(ROBIN)
        async with observer.sees_no(b"SecretSong"):
            stack.simulator.world.set_presence(ROBIN, "idle", [song(4)])
            await stack.processes["gateway"].stop()
            await settings.change(int(ROBIN), lambda old: replace(WITHOUT_SONGS))
            await stack.start("gateway")
            await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_hidden_over_a_takeover(sign: signal.Signals) -> None:
    """The standby knows the settings too, and shows a hidden user again by asking Discord."""
    async with faulty() as (stack, _, settings, observer):
        first = stack.processes.pop("gateway")
        second = await stack.start("gateway")
        await second.line_with("standing by")
        await holder_knows_standby(stack)
        await settings.change(int(ROBIN), lambda old: replace(old, visible=False))
        await stack.not_monitored(ROBIN)
        async with observer.sees_no(b"SecretSong"):
            await checkpointed(stack)
            first.send(sign)
            await first.ended()
            stack.simulator.world.set_presence(ROBIN, "dnd", [song(2)])
            await second.line_with("taken over")
            await stack.not_monitored(ROBIN)
            await settings.change(int(ROBIN), lambda old: replace(old, visible=True))
            await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        await settings.change(int(ROBIN), lambda _: DEFAULTS)
        await stack.shows(ROBIN, lambda data: bool(data["spotify"]))


async def checkpointed(stack: Stack) -> None:
    """Wait until a checkpoint was saved that knows of the hidden user."""
    async with stack.redis.client() as redis:

        async def is_saved() -> bool:
            saved: Any = await redis.hget(keys.shard(0, 1), "checkpoint")
            return saved is not None and b'"partial":[]' not in saved

        await eventually_async(is_saved)


async def test_hidden_where_two_processes_know_the_user() -> None:
    """Each has one of Robin's servers. The last one removes Robin, and both show Robin again."""
    async with faulty() as (stack, _, settings, observer):
        await stack.processes.pop("gateway").stop()
        shards = {str(shard_of(int(guild_id), SHARDS)) for guild_id in (FIRST, SECOND)}
        assert len(shards) == 2
        both = [
            await stack.launch("gateway", SHARD_COUNT=str(SHARDS), SHARD_IDS=shard_id)
            for shard_id in shards
        ]
        try:
            for gateway in both:
                await gateway.line_with("connected to Discord")
            await stack.shows(ROBIN, lambda data: True)
            async with observer.sees_no(b"SecretSong"):
                await play(stack, 2, "idle")
                await settings.change(int(ROBIN), lambda old: replace(old, visible=False))
                await stack.not_monitored(ROBIN)
                stack.simulator.world.set_presence(ROBIN, "dnd", [song(3)])
                await settings.change(int(ROBIN), lambda old: replace(old, visible=True))
                await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
                assert b"SecretSong" not in await observer.stored()
            await settings.change(int(ROBIN), lambda old: replace(old, hide=("status", "spotify")))
            await stack.shows(ROBIN, lambda data: bool(data["status"] == "invisible"))
            stack.simulator.world.set_presence(ROBIN, "idle", [song(4)])
            await settings.change(int(ROBIN), lambda _: DEFAULTS)
            await stack.shows(
                ROBIN, lambda data: bool(data["spotify"] and data["status"] == "idle")
            )
        finally:
            for gateway in both:
                await gateway.stop()


async def test_with_consent_nobody_is_shown_who_has_not_opted_in() -> None:
    """CONSENT=asking, over a restart: the others are in no key and no count."""
    async with (
        running(services=("api",), env={"CONSENT": "asking"}) as stack,
        Store.connect(stack.redis.url, timeout=PATIENCE) as store,
    ):
        settings = UserSettingsStore(store)
        await settings.change(int(ROBIN), lambda old: replace(old, opted_in=True))
        await stack.start("gateway")
        await stack.shows(ROBIN, lambda data: True)
        assert await store.count_users() == 1
        await stack.processes["gateway"].stop()
        other = next(one for one in stack.member_ids() if one != ROBIN)
        await stack.start("gateway")
        await stack.processes["gateway"].line_with("connected to Discord")
        await settings.change(int(other), lambda old: replace(old, opted_in=True))
        await stack.shows(other, lambda data: True)
        await settings.erase(int(ROBIN))
        await stack.not_monitored(ROBIN)

        async def is_removed() -> bool:  # from the list of users a moment later
            return await store.count_users() == 1

        await eventually_async(is_removed)

"""Unmodified hikari against the simulator: it must not notice.

Long because each way in which Discord ends a connection has a test.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hikari
import pytest
from hikari.api import GatewayCompression
from hikari.impl import CacheSettings, GatewayShardImpl

from simulator.model import Guild, Member, User
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import PATIENCE, eventually
from testing.logged import own_records
from tests.simulator.client import quiet

# hikari leaves the session of a connection that is cancelled while it opens to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed client session:ResourceWarning")

GUILD = FIRST_GUILDS[0]
NEWBIE = User(id="574461543710720003", username="newbie", global_name="Newbie")


class Bot(hikari.GatewayBot):
    """A bot that counts what it hears, raw and typed, and keeps what went wrong."""

    def __init__(self, sim: Simulator, intents: int = 259, **settings: Any) -> None:
        super().__init__(
            sim.token,
            intents=hikari.Intents(intents),
            rest_url=sim.api_url,
            banner=None,
            logs=None,
            force_color=False,
            **settings,
        )
        self.raw: Counter[str] = Counter()
        self.typed: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        for kind in (
            hikari.GuildAvailableEvent,
            hikari.GuildJoinEvent,
            hikari.GuildLeaveEvent,
            hikari.GuildUnavailableEvent,
            hikari.MemberCreateEvent,
            hikari.MemberUpdateEvent,
            hikari.MemberDeleteEvent,
            hikari.MemberChunkEvent,
            hikari.PresenceUpdateEvent,
            hikari.ShardReadyEvent,
            hikari.ShardResumedEvent,
            hikari.ShardDisconnectedEvent,
            hikari.OwnUserUpdateEvent,
        ):
            self.subscribe(kind, self._count_typed)
        self.subscribe(hikari.ShardPayloadEvent, self._count_raw)
        self.subscribe(hikari.ExceptionEvent, self._keep_error)

    async def _count_raw(self, event: hikari.ShardPayloadEvent) -> None:
        self.raw[event.name] += 1

    async def _count_typed(self, event: hikari.Event) -> None:
        self.typed[type(event).__name__] += 1

    async def _keep_error(self, event: hikari.ExceptionEvent[Any]) -> None:
        self.errors.append(event.exception)


@asynccontextmanager
async def running(sim: Simulator, **settings: Any) -> AsyncIterator[Bot]:
    """A bot that has started."""
    bot = Bot(sim, **settings)
    await bot.start(check_for_updates=False)
    try:
        yield bot
    finally:
        await bot.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """hikari waits longer and longer between reconnects; tests need not."""
    monkeypatch.setattr("hikari.impl.shard._BACKOFF_WINDOW", -1.0)


async def test_a_bot_sees_the_whole_world_typed(
    sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Every event parses into hikari's types, with its cache on and nothing raised."""
    async with running(sim) as bot:
        await eventually(lambda: bot.typed["GuildAvailableEvent"] == 2)
        sim.world.add_member(GUILD, NEWBIE)
        sim.world.update_user(NEWBIE.id, username="renamed")
        sim.world.remove_member(GUILD, NEWBIE.id)
        sim.world.set_available(GUILD, False)
        sim.world.set_available(GUILD, True)
        sim.world.remove_guild(FIRST_GUILDS[1])
        sim.world.add_guild(
            Guild(
                id=FIRST_GUILDS[1],
                name="New",
                owner_id=FIRST_PERSON,
                joined_at="2026-07-14T18:20:00.000000+00:00",
                members={FIRST_PERSON: Member()},
            )
        )
        sim.world.update_user("970112316211200008", username="grux2")
        sim.options.rate = None
        await eventually(lambda: bot.typed["PresenceUpdateEvent"] > 2000)
        sim.options.rate = 0.0
        await bot.request_guild_members(hikari.Snowflake(GUILD), include_presences=True)
        await eventually(lambda: bot.typed["MemberChunkEvent"] == 1)
        assert bot.errors == []
        assert [log for log in own_records(caplog, "hikari") if log.levelname == "ERROR"] == []
        for name in (
            "MemberCreateEvent",
            "MemberUpdateEvent",
            "MemberDeleteEvent",
            "GuildUnavailableEvent",
            "GuildLeaveEvent",
            "GuildJoinEvent",
            "OwnUserUpdateEvent",
        ):
            assert bot.typed[name] >= 1, name
        presence = bot.cache.get_presence(hikari.Snowflake(GUILD), hikari.Snowflake(FIRST_PERSON))
        truth = sim.world.person(FIRST_PERSON).presence
        assert presence is not None
        assert presence.visible_status == truth.status
        assert len(presence.activities) == len(truth.activities)


async def test_hikaris_rest_client_reads_everything(sim: Simulator) -> None:
    """Its own REST calls parse what the simulator answers."""
    async with running(sim) as bot:
        user = await bot.rest.fetch_user(hikari.Snowflake(FIRST_PERSON))
        member = await bot.rest.fetch_member(hikari.Snowflake(GUILD), user)
        members = await bot.rest.fetch_members(hikari.Snowflake(GUILD))
        guild = await bot.rest.fetch_guild(hikari.Snowflake(GUILD))
        me = await bot.rest.fetch_my_user()
        application = await bot.rest.fetch_application()
        with pytest.raises(hikari.NotFoundError, match="Unknown User"):
            await bot.rest.fetch_user(hikari.Snowflake(999999999999999999))
    assert (user.username, member.username) == ("robin", "robin")
    assert user.accent_color == 0x5865F2
    assert len(members) == len(sim.world.guild(GUILD).members)
    assert guild.owner_id == user.id
    assert (str(me), application.name) == ("grux#4821", "grux")


async def test_a_wrong_token_is_unauthorised(sim: Simulator) -> None:
    """REST says 401 before the gateway is reached."""
    bot = Bot(sim)
    sim.options.token = "another"
    with pytest.raises(hikari.UnauthorizedError):
        await bot.start(check_for_updates=False)
    if bot.is_alive:
        await bot.close()


async def test_disallowed_intents_are_fatal(sim: Simulator) -> None:
    """4014 ends hikari's shard with a close code that it does not retry."""
    sim.options.allow_presences = False
    bot = Bot(sim)
    with pytest.raises(hikari.GatewayServerClosedConnectionError) as raised:
        await bot.start(check_for_updates=False)
    assert raised.value.code == 4014
    if bot.is_alive:
        await bot.close()


@pytest.mark.parametrize("how", ["rst", "eof", "reconnect", "invalid_resumable", "close"])
async def test_a_bot_resumes_and_misses_nothing(sim: Simulator, how: Any) -> None:
    """After each kind of loss hikari resumes and hears of every change once."""
    async with running(
        sim, cache_settings=CacheSettings(components=hikari.api.CacheComponents.NONE)
    ) as bot:
        states: list[str] = []

        async def listen(event: hikari.ShardPayloadEvent) -> None:
            if event.name == "PRESENCE_UPDATE" and event.payload["guild_id"] == GUILD:
                states.append(event.payload["activities"][0]["state"])

        bot.subscribe(hikari.ShardPayloadEvent, listen)
        for number in range(30):
            say(sim, str(number))
            if number == 10:
                sim.drop(how, code=4000)
            await asyncio.sleep(0)
        await eventually(lambda: len(states) == 30)
        assert states == [str(number) for number in range(30)]
        await eventually(lambda: sim.stats.resumes == 1)
        assert sim.stats.identifies == 1


async def test_a_bot_identifies_again_after_op_9_false(sim: Simulator) -> None:
    """A session that is over is followed by a new one with READY and all guilds."""
    async with running(sim) as bot:
        await eventually(lambda: bot.raw["GUILD_CREATE"] == 2)
        sim.drop("invalid")
        await eventually(lambda: bot.raw["GUILD_CREATE"] == 4)
        assert sim.stats.identifies == 2
        assert sim.stats.resumes == 0


async def test_a_bot_leaves_when_acks_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HEARTBEAT_ACKs hikari drops the connection by itself and resumes."""
    monkeypatch.setattr("simulator.connection._LATENESS", PATIENCE)  # a busy bot may be late
    async with Simulator(quiet(heartbeat_interval_ms=1000)) as sim, running(sim):
        sim.faults.acks_stalled = True
        await eventually(lambda: sim.stats.heartbeats_unanswered >= 1)
        await eventually(lambda: not sim.gateway.connections or sim.stats.connections > 1)
        sim.faults.clear()
        await eventually(lambda: sim.stats.resumes >= 1)


async def test_a_bot_answers_when_asked_to_beat(sim: Simulator) -> None:
    """Op 1 from the gateway is answered at once."""
    async with running(sim):
        await eventually(lambda: sim.stats.heartbeats == 1)
        sim.gateway.ask_heartbeat()
        await eventually(lambda: sim.stats.heartbeats == 2)


async def test_a_bot_waits_while_connections_are_refused(sim: Simulator) -> None:
    """Refused connections are tried again until one is taken."""
    async with running(sim):
        sim.refuse()
        sim.drop("rst")
        await eventually(lambda: sim.stats.connections_refused >= 1)
        sim.faults.clear()
        await eventually(lambda: sim.stats.resumes == 1)


async def test_two_shards_share_the_guilds() -> None:
    """A sharded bot gets each guild once, in buckets of max_concurrency."""
    async with Simulator(quiet(guilds=6, shards=2, max_concurrency=2)) as sim, running(sim) as bot:
        assert bot.shard_count == 2
        await eventually(lambda: bot.typed["GuildAvailableEvent"] == 6)
        assert {session.shard for session in sim.sessions} == {(0, 2), (1, 2)}


async def test_a_rate_limited_request_is_told(sim: Simulator) -> None:
    """The second whole-list request within 30 s is hikari's rate-limit event."""
    limited: list[hikari.RequestGuildMembersRateLimitedEvent] = []

    async def listen(event: hikari.RequestGuildMembersRateLimitedEvent) -> None:
        limited.append(event)

    async with running(sim) as bot:
        bot.subscribe(hikari.RequestGuildMembersRateLimitedEvent, listen)
        for _ in range(2):
            await bot.request_guild_members(hikari.Snowflake(GUILD))
        await eventually(lambda: limited)
        assert limited[0].retry_after > 29
        await bot.request_guild_members(
            hikari.Snowflake(GUILD), users=[hikari.Snowflake(FIRST_PERSON)]
        )
        await eventually(lambda: sim.stats.op8_ambiguous == 1)


@pytest.mark.parametrize(
    "compression",
    [
        None,
        GatewayCompression.TRANSPORT_ZLIB_STREAM,
        GatewayCompression.TRANSPORT_ZSTD_STREAM,
        GatewayCompression.PAYLOAD_ZLIB_STREAM,
    ],
)
async def test_hikaris_shard_speaks_every_compression(
    sim: Simulator, compression: GatewayCompression | None
) -> None:
    """A bare shard reads a burst of events in each kind of packing, all in order."""
    bot = Bot(sim)
    shard = GatewayShardImpl(
        compression=compression,
        intents=hikari.Intents(259),
        http_settings=bot.http_settings,
        proxy_settings=bot.proxy_settings,
        event_manager=bot.event_manager,
        event_factory=bot.event_factory,
        token=sim.token,
        url=sim.gateway_url,
    )
    await shard.start()
    try:
        await eventually(lambda: bot.raw["GUILD_CREATE"] == 2)
        made = await sim.world.blast(3000)
        await eventually(lambda: bot.raw["PRESENCE_UPDATE"] == made)
    finally:
        await shard.close()
    assert bot.errors == []


def say(sim: Simulator, state: str) -> None:
    activity = {"id": "custom", "name": "Custom Status", "type": 4, "state": state}
    sim.world.set_presence(FIRST_PERSON, "online", [activity])

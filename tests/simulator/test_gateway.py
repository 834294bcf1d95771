"""The gateway's conversation, frame by frame."""

import zlib

import pytest

from simulator import BOT_ID
from simulator.model import Guild, Member, User
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from simulator.snowflakes import shard_of
from testing import samples
from testing.eventually import eventually
from tests.simulator.client import (
    Client,
    connected,
    connected_raw,
    quiet,
)

GUILD = FIRST_GUILDS[0]
NEWBIE = User(id="574461543710720003", username="newbie", global_name="Newbie")


async def test_hello_names_the_heartbeat_interval(sim: Simulator) -> None:
    """The first frame is HELLO with Discord's interval."""
    async with connected_raw(sim) as client:
        hello = await client.receive()
        assert (hello["op"], hello["t"], hello["s"]) == (10, None, None)
        assert hello["d"]["heartbeat_interval"] == 41250


@pytest.mark.parametrize("compress", [None, "zlib-stream", "zstd-stream"])
async def test_ready_and_guilds_come_in_every_compression(
    sim: Simulator, compress: str | None
) -> None:
    """Identify is answered by READY and a GUILD_CREATE for each guild, whatever the packing."""
    async with connected(sim, compress) as client:
        guilds = await client.start()
        assert [guild["id"] for guild in guilds] == list(FIRST_GUILDS)
        assert client.seq == 3


async def test_payload_compression_packs_each_message_alone(sim: Simulator) -> None:
    """With Identify's compress flag each message is a zlib stream of its own."""
    async with connected(sim) as client:
        whole = Client(sim, client.ws, zlib.decompress)
        assert len(await whole.start(compress=True)) == 2


async def test_messages_have_the_samples_keys(sim: Simulator) -> None:
    """Every key of the sample messages is there, in READY, GUILD_CREATE and member events."""
    inbound = samples.read("gateway-event-samples.json")["inbound"]
    async with connected(sim) as client:
        await client.identify(large_threshold=250)
        ready = await client.until("READY")
        created = await client.until("GUILD_CREATE")
        sim.world.add_member(GUILD, NEWBIE)
        added = await client.until("GUILD_MEMBER_ADD")
        sim.world.update_user(NEWBIE.id, global_name="Renamed")
        updated = await client.until("GUILD_MEMBER_UPDATE")
        sim.world.remove_member(GUILD, NEWBIE.id)
        removed = await client.until("GUILD_MEMBER_REMOVE")
    for name, got in {
        "READY": ready,
        "GUILD_CREATE small": created,
        "GUILD_MEMBER_ADD": added,
        "GUILD_MEMBER_UPDATE": updated,
        "GUILD_MEMBER_REMOVE": removed,
    }.items():
        wanted = inbound[name]["d"]
        assert wanted.keys() <= got.keys(), name
        if "user" in wanted and name != "READY":
            assert wanted["user"].keys() == got["user"].keys(), name
    assert inbound["READY"]["d"]["user"].keys() <= ready["user"].keys()
    assert inbound["GUILD_CREATE small"]["d"]["members"][0].keys() <= created["members"][0].keys()
    nested = inbound["GUILD_CREATE small"]["d"]["presences"][0]
    assert nested.keys() == created["presences"][0].keys()


async def test_a_heartbeat_is_answered(sim: Simulator) -> None:
    """Op 1 gets op 11, even before Identify."""
    async with connected(sim) as client:
        await client.send(1, None)
        assert (await client.receive())["op"] == 11
        assert sim.stats.heartbeats == 1


async def test_a_small_guild_lists_every_member(sim: Simulator) -> None:
    """At most large_threshold members: all are listed, and presences include offline ones."""
    async with connected(sim) as client:
        [guild, _] = await client.start(large_threshold=250)
    members = sim.world.guild(GUILD).members
    assert guild["large"] is False
    assert guild["unavailable"] is False
    assert guild["member_count"] == len(members)
    assert {member["user"]["id"] for member in guild["members"]} == set(members)
    assert {p["user"]["id"] for p in guild["presences"]} == set(members) - {BOT_ID}
    assert "offline" in {presence["status"] for presence in guild["presences"]}


async def test_a_large_guild_lists_some_members() -> None:
    """Above large_threshold: members online, with a role or a nick; presences not offline."""
    async with Simulator(quiet(members=400)) as sim, connected(sim) as client:
        [guild, _] = await client.start(large_threshold=50)
        world = sim.world
    shown = {member["user"]["id"] for member in guild["members"]}
    expected = {
        user_id
        for user_id, member in world.guild(GUILD).members.items()
        if user_id == BOT_ID
        or world.person(user_id).presence.status != "offline"
        or member.roles
        or member.nick
    }
    assert guild["large"] is True
    assert shown == expected
    assert len(shown) < guild["member_count"]
    assert all(presence["status"] != "offline" for presence in guild["presences"])


async def test_a_huge_guild_shows_the_bot_alone() -> None:
    """Above the presence limit (Discord's is 75,000) only the bot is listed."""
    async with Simulator(quiet(presence_limit=5)) as sim, connected(sim) as client:
        [guild, _] = await client.start(large_threshold=250)
    assert [member["user"]["id"] for member in guild["members"]] == [BOT_ID]
    assert guild["presences"] == []
    assert guild["member_count"] > 5


async def test_without_guild_presences_there_are_none(sim: Simulator) -> None:
    """Intents are honoured: no presences in GUILD_CREATE, no PRESENCE_UPDATE."""
    async with connected(sim) as client:
        [guild, _] = await client.start(intents=3)
        assert [member["user"]["id"] for member in guild["members"]] == [BOT_ID]
        assert guild["presences"] == []
        sim.world.set_presence(FIRST_PERSON, "dnd")
        sim.world.add_member(GUILD, NEWBIE)
        frames = await client.everything_so_far()
    assert [frame["t"] for frame in frames] == ["GUILD_MEMBER_ADD"]


async def test_without_guild_members_there_are_no_member_events(sim: Simulator) -> None:
    """GUILD_MEMBERS alone lets joins, changes and leaves through."""
    async with connected(sim) as client:
        await client.start(intents=257)
        sim.world.add_member(GUILD, NEWBIE)
        sim.world.update_member(GUILD, NEWBIE.id, nick="Nick")
        sim.world.remove_member(GUILD, NEWBIE.id)
        sim.world.set_presence(FIRST_PERSON, "dnd")
        frames = await client.everything_so_far()
    assert {frame["t"] for frame in frames} == {"PRESENCE_UPDATE"}


async def test_a_presence_comes_once_per_shared_guild(sim: Simulator) -> None:
    """A user in two guilds makes two PRESENCE_UPDATEs, with a user that is only an id."""
    for guild_id in FIRST_GUILDS:
        if guild_id not in sim.world.person(FIRST_PERSON).guilds:
            sim.world.add_member(guild_id, FIRST_PERSON)
    async with connected(sim) as client:
        await client.start()
        activity = {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi"}
        assert sim.world.set_presence(FIRST_PERSON, "idle", [activity], {"mobile": "idle"}) == 2
        frames = await client.everything_so_far()
    assert [frame["d"]["guild_id"] for frame in frames] == list(FIRST_GUILDS)
    assert frames[0]["d"] == {
        "user": {"id": FIRST_PERSON},
        "guild_id": GUILD,
        "status": "idle",
        "activities": [activity],
        "client_status": {"mobile": "idle"},
    }


async def test_the_bot_hears_nothing_of_its_own_presence(sim: Simulator) -> None:
    """No PRESENCE_UPDATE for the bot; a change of its user is USER_UPDATE."""
    async with connected(sim) as client:
        await client.start()
        sim.world.set_presence(BOT_ID, "dnd")
        sim.world.update_user(BOT_ID, avatar="0f1e2d3c4b5a69788796a5b4c3d2e1f0")
        names = [frame["t"] for frame in await client.everything_so_far()]
    assert names == ["USER_UPDATE", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_UPDATE"]


async def test_a_new_name_is_told_per_guild(sim: Simulator) -> None:
    """A changed user makes GUILD_MEMBER_UPDATE, then PRESENCE_UPDATE with the whole user."""
    guilds = sim.world.person(FIRST_PERSON).guilds
    async with connected(sim) as client:
        await client.start()
        sim.world.update_user(FIRST_PERSON, global_name="Robyn")
        frames = await client.everything_so_far()
    names = [frame["t"] for frame in frames]
    assert names == ["GUILD_MEMBER_UPDATE"] * len(guilds) + ["PRESENCE_UPDATE"] * len(guilds)
    assert all(frame["d"]["user"]["global_name"] == "Robyn" for frame in frames)


async def test_a_guild_comes_and_goes(sim: Simulator) -> None:
    """Outage, return, removal and invitation are told apart by ``unavailable``."""
    sim.world.add_member(GUILD, NEWBIE)
    async with connected(sim) as client:
        await client.start()
        sim.world.set_available(GUILD, False)
        assert await client.until("GUILD_DELETE") == {"id": GUILD, "unavailable": True}
        assert sim.world.set_presence(NEWBIE.id, "dnd") == 0
        sim.world.set_available(GUILD, True)
        back = await client.until("GUILD_CREATE")
        assert (back["id"], back["unavailable"]) == (GUILD, False)
        sim.world.remove_guild(GUILD)
        assert await client.until("GUILD_DELETE") == {"id": GUILD}
        assert GUILD not in sim.world.person(FIRST_PERSON).guilds
        sim.world.add_guild(
            Guild(
                id=GUILD,
                name="New",
                owner_id=FIRST_PERSON,
                joined_at="2026-07-14T18:20:00.000000+00:00",
                members={FIRST_PERSON: Member()},
            )
        )
        joined = await client.until("GUILD_CREATE")
        assert "unavailable" not in joined
        assert joined["member_count"] == 2


async def test_an_unavailable_guild_is_announced_but_not_created(sim: Simulator) -> None:
    """During an outage READY names the guild and no GUILD_CREATE follows."""
    sim.world.set_available(GUILD, False)
    async with connected(sim) as client:
        [guild] = await client.start()
        assert guild["id"] == FIRST_GUILDS[1]


async def test_events_go_to_the_guilds_shard() -> None:
    """Each shard gets its guilds, by Discord's formula, and only their events."""
    async with (
        Simulator(quiet(guilds=8, members=200, max_concurrency=2)) as sim,
        connected(sim) as zero,
        connected(sim) as one,
    ):
        clients = (zero, one)
        seen = {
            shard: {guild["id"] for guild in await client.start(shard=[shard, 2])}
            for shard, client in enumerate(clients)
        }
        assert all(seen.values())
        for shard, guild_ids in seen.items():
            assert guild_ids == {g for g in sim.world.guilds if shard_of(g, 2) == shard}
        for user_id in list(sim.world.people):
            sim.world.set_presence(user_id, "dnd")
        for shard, client in enumerate(clients):
            frames = await client.everything_so_far()
            assert frames
            assert all(shard_of(frame["d"]["guild_id"], 2) == shard for frame in frames)


async def test_identifies_are_counted_and_spaced() -> None:
    """One Identify per bucket and window, else op 9 false; each takes a session start."""
    options = quiet(identify_seconds=60.0, max_concurrency=2, session_starts=10)
    async with Simulator(options) as sim:
        async with connected(sim) as first, connected(sim) as second, connected(sim) as third:
            await first.start(shard=[0, 4])
            await second.start(shard=[1, 4])
            await third.identify(shard=[2, 4])
            refused = await third.receive()
            assert (refused["op"], refused["d"]) == (9, False)
        assert sim.sessions.identify_limits.start_limit()["remaining"] == 8
        assert sim.stats.identifies_refused == 1


async def test_without_session_starts_the_token_is_void() -> None:
    """Discord resets the token of a bot that identifies too often: 4004."""
    async with Simulator(quiet(session_starts=1)) as sim:
        async with connected(sim) as client:
            await client.start()
        async with connected(sim) as client:
            await client.identify()
            assert await client.close_code() == 4004


async def test_client_frames_may_be_text(sim: Simulator) -> None:
    """Text frames are taken like binary ones."""
    async with connected(sim) as client:
        await client.ws.send_str('{"op":1,"d":null}')
        assert (await client.receive())["op"] == 11


async def test_clients_are_counted(sim: Simulator) -> None:
    """A connection that ends is no longer held."""
    async with connected(sim):
        await eventually(lambda: len(sim.gateway.connections) == 1)
    await eventually(lambda: not sim.gateway.connections)

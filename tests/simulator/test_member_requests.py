"""Op 8: chunks, presences, nonces and the rate limit."""

from typing import Any

import pytest

from simulator.member_requests import MemberRequestResponder
from simulator.options import Options
from simulator.people import FIRST_GUILDS, FIRST_PERSON, population
from simulator.protocol import Intent, RequestGuildMembers
from simulator.server import Simulator
from simulator.session import Session
from simulator.stats import Stats
from simulator.world import World
from testing.eventually import eventually
from tests.simulator.client import Client, Frame, connected, quiet

GUILD = FIRST_GUILDS[0]


async def ask(client: Client, **fields: Any) -> None:
    await client.send(8, {"guild_id": GUILD, **fields})


async def chunks(client: Client) -> list[Frame]:
    """All chunks of the next answer."""
    found = [await client.until("GUILD_MEMBERS_CHUNK")]
    while len(found) < found[0]["chunk_count"]:
        found.append(await client.until("GUILD_MEMBERS_CHUNK"))
    assert [chunk["chunk_index"] for chunk in found] == list(range(len(found)))
    return found


async def test_a_whole_list_comes_in_chunks_of_a_thousand() -> None:
    """All members, at most 1,000 in a chunk, with the presences of those online."""
    async with Simulator(quiet(members=2500, guilds=1)) as sim, connected(sim) as client:
        await client.start()
        await ask(client, query="", limit=0, presences=True, nonce="grux-0-000001")
        found = await chunks(client)
        people = sim.world.people
    assert [len(chunk["members"]) for chunk in found] == [1000, 1000, 501]
    listed = {member["user"]["id"] for chunk in found for member in chunk["members"]}
    assert listed == set(people)
    there = {presence["user"]["id"] for chunk in found for presence in chunk["presences"]}
    assert there == {u for u, person in people.items() if person.presence.status != "offline"}
    assert {chunk["nonce"] for chunk in found} == {"grux-0-000001"}


async def test_a_whole_list_is_rate_limited_per_guild(sim: Simulator) -> None:
    """The second request for a guild within 30 s gets RATE_LIMITED; another guild is free."""
    async with connected(sim) as client:
        await client.start()
        await ask(client, query="", limit=0)
        await chunks(client)
        await ask(client, query="", limit=0, nonce="again")
        limited = await client.until("RATE_LIMITED")
        assert limited["opcode"] == 8
        assert 29 < limited["retry_after"] <= 30
        assert limited["meta"] == {"guild_id": GUILD, "nonce": "again"}
        await ask(client, guild_id=FIRST_GUILDS[1], query="", limit=0)
        assert (await chunks(client))[0]["guild_id"] == FIRST_GUILDS[1]
        for _ in range(3):
            await ask(client, user_ids=[FIRST_PERSON])
            await chunks(client)
    assert sim.stats.member_requests_limited == 1


async def test_the_limit_passes() -> None:
    """After the time the guild's list may be asked for again."""
    async with Simulator(quiet(chunk_seconds=0.0)) as sim, connected(sim) as client:
        await client.start()
        for _ in range(2):
            await ask(client, query="", limit=0)
            await chunks(client)


async def test_named_users_and_those_not_found(sim: Simulator) -> None:
    """``user_ids`` answers with those members and lists the rest as not_found."""
    sim.world.set_presence(FIRST_PERSON, "dnd")
    async with connected(sim) as client:
        await client.start()
        await ask(client, user_ids=[FIRST_PERSON, "375449444155392002"], presences=True)
        [chunk] = await chunks(client)
    assert [member["user"]["id"] for member in chunk["members"]] == [FIRST_PERSON]
    assert [presence["status"] for presence in chunk["presences"]] == ["dnd"]
    assert chunk["not_found"] == ["375449444155392002"]
    assert "nonce" not in chunk
    assert sim.stats.op8_ambiguous == 0


async def test_both_query_and_user_ids_means_user_ids(sim: Simulator) -> None:
    """hikari sends both; it gets the users it named. The limit does not count it."""
    async with connected(sim) as client:
        await client.start()
        for _ in range(2):
            await ask(client, query="", limit=0, user_ids=[FIRST_PERSON])
            [chunk] = await chunks(client)
            assert len(chunk["members"]) == 1
    assert sim.stats.op8_ambiguous == 2


async def test_a_query_finds_names_by_their_beginning(sim: Simulator) -> None:
    """Username, display name or nick, in any case."""
    async with connected(sim) as client:
        await client.start()
        await ask(client, query="ROB", limit=5)
        [chunk] = await chunks(client)
    assert FIRST_PERSON in {member["user"]["id"] for member in chunk["members"]}


async def test_a_long_nonce_is_ignored(sim: Simulator) -> None:
    """More than 32 bytes do not come back."""
    async with connected(sim) as client:
        await client.start()
        await ask(client, user_ids=[FIRST_PERSON], nonce="x" * 33)
        [chunk] = await chunks(client)
    assert "nonce" not in chunk


@pytest.mark.parametrize(
    ("intents", "fields"),
    [
        (257, {"query": "", "limit": 0}),
        (259, {"query": "", "limit": 0, "guild_id": "999999999999999999"}),
        (259, {}),
    ],
)
async def test_what_may_not_be_asked_is_not_answered(
    sim: Simulator, intents: int, fields: Any
) -> None:
    """No GUILD_MEMBERS, no such guild, or neither query nor user_ids: no chunks."""
    async with connected(sim) as client:
        await client.start(intents=intents)
        await ask(client, **fields)
        await eventually(lambda: sim.stats.member_requests == 1)
        assert await client.everything_so_far() == []


async def test_presences_need_their_intent(sim: Simulator) -> None:
    """Without GUILD_PRESENCES a chunk has none, asked for or not."""
    async with connected(sim) as client:
        await client.start(intents=3)
        await ask(client, query="", limit=0, presences=True)
        [chunk] = await chunks(client)
    assert "presences" not in chunk


def test_a_list_is_built_while_it_is_sent() -> None:
    """A member who leaves before their chunk is built is not in it; the count of chunks stays."""
    people, guilds = population(1500, 1, 1, 1_784_053_200_000)
    world = World(people, guilds)
    requests = MemberRequestResponder(world, Options(), Stats())
    session = Session("s", intents=Intent(3), shard=(0, 1), large_threshold=50, capacity=10)
    answer = requests.answer(session, RequestGuildMembers(guild_id=GUILD, query=""))
    _, first = next(answer)
    leaver = list(world.guild(GUILD).members)[1200]
    world.remove_member(GUILD, leaver)
    _, second = next(answer)
    assert (first["chunk_count"], second["chunk_count"]) == (2, 2)
    assert len(second["members"]) == 500
    assert leaver not in {member["user"]["id"] for member in second["members"]}
    assert next(answer, None) is None

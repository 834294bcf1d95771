"""What a guild is shown of a user: by the size of the guild, and by the user's choices."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simulator import BOT_ID
from simulator.people import FIRST_GUILDS, FIRST_PERSON, some_user
from simulator.privacy import SMALL_GUILD_MEMBERS, Privacy, ProfilePrivacy
from simulator.server import Simulator
from tests.simulator.client import Client, Frame, Post, connected, quiet, read_control

FIRST, SECOND = FIRST_GUILDS
CUSTOM = {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi", "created_at": 1}
GAME = {"id": "g", "name": "Chess", "type": 0, "created_at": 2}


def in_both_guilds(sim: Simulator) -> None:
    world = sim.world
    if SECOND not in world.person(FIRST_PERSON).guilds:
        world.add_member(SECOND, FIRST_PERSON)
    world.set_presence(FIRST_PERSON, "online", [CUSTOM, GAME])


def enlarge(sim: Simulator, guild_id: str) -> None:
    """Give the guild more members than a small one has."""
    members = sim.world.guilds[guild_id].members
    number = 10_000
    while len(members) <= SMALL_GUILD_MEMBERS:
        number += 1
        sim.world.add_member(guild_id, some_user(random.Random(number), number))


async def updates(client: Client) -> dict[str, list[Any]]:
    """The activities of each PRESENCE_UPDATE so far, by guild."""
    found: dict[str, list[Any]] = {}
    for frame in await client.everything_so_far():
        if frame["t"] == "PRESENCE_UPDATE" and frame["d"]["user"]["id"] == FIRST_PERSON:
            assert frame["d"]["guild_id"] not in found, "once per guild"
            found[frame["d"]["guild_id"]] = frame["d"]["activities"]
    return found


def nested(guild: Frame) -> list[Any]:
    [found] = [one for one in guild["presences"] if one["user"]["id"] == FIRST_PERSON]
    activities: list[Any] = found["activities"]
    return activities


@pytest.mark.parametrize(
    ("profile", "in_small", "in_large"),
    [
        ("everyone", [CUSTOM, GAME], [CUSTOM, GAME]),
        ("friends_and_small_servers", [CUSTOM, GAME], [GAME]),
        ("friends", [GAME], [GAME]),
    ],
)
async def test_the_custom_status_depends_on_the_size_of_the_guild(
    sim: Simulator, profile: ProfilePrivacy, in_small: list[Any], in_large: list[Any]
) -> None:
    """Profile privacy hides the custom status, and nothing else."""
    in_both_guilds(sim)
    enlarge(sim, FIRST)
    sim.world.set_privacy(FIRST_PERSON, Privacy(profile=profile))
    async with connected(sim) as client:
        created = {guild["id"]: guild for guild in await client.start(large_threshold=250)}
        assert (nested(created[SECOND]), nested(created[FIRST])) == (in_small, in_large)
        sim.world.set_presence(FIRST_PERSON, "idle", [CUSTOM, GAME])
        assert await updates(client) == {SECOND: in_small, FIRST: in_large}


async def test_activities_are_shared_guild_by_guild(sim: Simulator) -> None:
    """GUILD_CREATE, PRESENCE_UPDATE and both kinds of op 8 answers are alike."""
    in_both_guilds(sim)
    sim.world.set_privacy(FIRST_PERSON, Privacy(restricted_guilds={FIRST}))
    async with connected(sim) as client:
        created = {guild["id"]: guild for guild in await client.start()}
        assert (nested(created[FIRST]), nested(created[SECOND])) == ([CUSTOM], [CUSTOM, GAME])
        for asked in ({"query": "", "limit": 0}, {"user_ids": [FIRST_PERSON]}):
            await client.send(8, {"guild_id": FIRST, "presences": True, **asked})
            assert nested(await client.until("GUILD_MEMBERS_CHUNK")) == [CUSTOM]
        sim.world.set_presence(FIRST_PERSON, "dnd", [GAME])
        assert await updates(client) == {FIRST: [], SECOND: [GAME]}


async def test_a_new_choice_is_told_where_it_changes_something(sim: Simulator, post: Post) -> None:
    """The control command; the other guild is told nothing."""
    in_both_guilds(sim)
    async with connected(sim) as client:
        await client.start()
        answer = await post("set_privacy", user_id=FIRST_PERSON, restricted_guilds=[SECOND])
        assert answer["events"] == 1
        assert await updates(client) == {SECOND: [CUSTOM]}
    truth = await read_control(sim, f"/truth/{FIRST_PERSON}")
    assert truth["activities"] == [CUSTOM, GAME]
    assert truth["shown"] == {FIRST: [CUSTOM, GAME], SECOND: [CUSTOM]}
    assert truth["privacy"]["restricted_guilds"] == [SECOND]


@pytest.mark.parametrize(
    ("default", "hidden"),
    [("off", set()), ("on_for_large_guilds", {FIRST}), ("on", {FIRST, SECOND})],
)
async def test_the_default_is_applied_on_joining(
    sim: Simulator, default: Any, hidden: set[str]
) -> None:
    """One of the defaults restricts large guilds only."""
    world = sim.world
    enlarge(sim, FIRST)
    for guild_id in list(world.person(FIRST_PERSON).guilds):
        world.remove_member(guild_id, FIRST_PERSON)
    world.set_privacy(FIRST_PERSON, Privacy(restriction_default=default))
    in_both_guilds(sim)
    world.add_member(FIRST, FIRST_PERSON)
    assert world.privacy(FIRST_PERSON).restricted_guilds == hidden


async def test_some_people_hide_something() -> None:
    """A share of the population, and never the first person."""
    async with Simulator(quiet(members=2000, guilds=4)) as sim:
        world = sim.world
        people = [one for user_id, one in world.people.items() if user_id != BOT_ID]
        private = [one for one in people if world.privacy(one.user.id) != Privacy()]
        assert 0.1 < len(private) / len(people) < 0.25
        assert world.privacy(FIRST_PERSON) == Privacy()
        several = [one for one in private if len(one.guilds) > 1]
        views = [
            {str(world.presence_in(one, world.guilds[guild]).activities) for guild in one.guilds}
            for one in several
        ]
        assert any(len(view) > 1 for view in views)
    async with Simulator(quiet(members=2000, private_people=0.0)) as sim:
        assert all(sim.world.privacy(one) == Privacy() for one in sim.world.people)

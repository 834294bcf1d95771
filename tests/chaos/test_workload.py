"""The people of a run: in which guilds they are, and what these are shown of them."""

from __future__ import annotations

from chaos.history import History
from chaos.workload import Workload
from simulator import BOT_ID
from simulator.people import population
from simulator.privacy import Privacy
from simulator.world import World


def test_no_guild_becomes_small_or_large() -> None:
    """A custom status would be hidden there, or not any more, without an event that says so."""
    world = World(*population(480, 3, 1, 1_784_053_200_000))
    smallest, _, largest = sorted(world.guilds.values(), key=lambda guild: len(guild.members))
    for user_id in [one for one in largest.members if one != BOT_ID][201 - len(largest.members) :]:
        world.remove_member(largest.id, user_id)
    for user_id in [one for one in world.people if one not in smallest.members]:
        if len(smallest.members) < 200:
            world.add_member(smallest.id, user_id)
    life = Workload(world, History(world), 1)
    life.moves = 1.0
    sizes = set()
    for _ in range(500):
        life.step()
        sizes.add((len(smallest.members) <= 200, len(largest.members) > 200))
    assert sizes == {(True, True)}


def test_people_change_what_their_guilds_are_shown() -> None:
    world = World(*population(100, 3, 1, 1_784_053_200_000))
    life = Workload(world, History(world), 1)
    life.settings = 0.2
    told = []
    for _ in range(1000):
        life.step()
        settings = [world.privacy(user_id) for user_id in world.people]
        told.append(sum(one != Privacy() for one in settings))
    assert told[0] < 3
    assert told[-1] > 5
    assert any(world.privacy(one).profile == "friends_and_small_servers" for one in world.people)
    assert any(world.privacy(one).restricted_guilds for one in world.people)

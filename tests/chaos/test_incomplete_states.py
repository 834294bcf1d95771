"""What the checker takes for true beyond whole states: parts after a loss, and without music."""

from __future__ import annotations

import time

import pytest

from chaos.facts import Seen
from chaos.history import History
from chaos.position import Position
from chaos.privacy_check import Choice
from chaos.rollback_tracker import RollbackTracker
from simulator.model import Json, Member
from simulator.people import population
from simulator.privacy import Privacy
from simulator.snowflakes import shard_of
from simulator.world import World

ROBIN = "161092844126208001"


def world_of_two_shards() -> World:
    """Robin is in a guild of each, and shows nothing but the custom status in the first one."""
    world = World(*population(50, 3, 1, 1_784_053_200_000))
    guilds = {shard_of(guild_id, 2): guild_id for guild_id in world.guilds}
    for guild_id in list(world.people[ROBIN].guilds):
        world.remove_member(guild_id, ROBIN)
    for guild_id in guilds.values():
        world.add_member(guild_id, ROBIN, Member())
    world.set_privacy(ROBIN, Privacy(restricted_guilds={guilds[0]}))
    world.set_presence(ROBIN, "online", [GAME])
    return world


GAME: Json = {"name": "Chess", "type": 0, "details": "move 1", "created_at": 1}
NOTHING_BUT_ONLINE = Seen("online", None, (), None)


def move(history: History, seen: Seen, rollbacks: RollbackTracker, *, late: bool = False) -> str:
    is_incomplete = rollbacks.is_incomplete(reads_late=late)
    return Position().moves_to(history, ROBIN, seen, None, is_incomplete=is_incomplete)


def test_what_one_shard_shows_may_be_seen_where_redis_has_lost_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a while. Of a shard, not of any part."""
    history, rollbacks = History(world_of_two_shards(), shards=2), RollbackTracker()
    assert "never true" in move(history, NOTHING_BUT_ONLINE, rollbacks)
    rollbacks.loses()
    assert move(history, NOTHING_BUT_ONLINE, rollbacks) == ""
    assert "never true" in move(history, Seen("online", ("Song", 1), (), None), rollbacks)
    rollbacks.healed()
    assert rollbacks.now() == 0
    assert move(history, NOTHING_BUT_ONLINE, rollbacks) == ""
    later = time.monotonic() + 60.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    rollbacks.held_up()  # too late
    assert "never true" in move(history, NOTHING_BUT_ONLINE, rollbacks)
    assert move(history, NOTHING_BUT_ONLINE, rollbacks, late=True) == ""


def test_a_late_shard_may_add_to_what_another_shows_where_redis_has_lost_its_data() -> None:
    """Each activity as it was at some time, and none that never was."""
    world = world_of_two_shards()
    history, rollbacks = History(world, shards=2), RollbackTracker()
    video = {"name": "Harbour Cinema", "type": 3, "created_at": 2}
    world.set_presence(ROBIN, "online", [video])
    history.note(world.people[ROBIN])
    old, new = ("Chess", "move 1", 1), ("Harbour Cinema", None, 2)
    both = Seen("online", None, (old, new), None)
    assert "never true" in move(history, both, rollbacks)
    rollbacks.loses()
    assert move(history, both, rollbacks) == ""
    invented = Seen("online", None, (old, ("Chess", "move 2", 2)), None)
    assert "never true" in move(history, invented, rollbacks)


def test_what_one_guild_of_a_shard_shows_may_not_be_seen_after_a_loss() -> None:
    """The shard's process knows its other guilds, and writes what they show together."""
    history, rollbacks = History(world_of_two_shards(), shards=1), RollbackTracker()
    rollbacks.loses()
    assert "never true" in move(history, NOTHING_BUT_ONLINE, rollbacks)


def test_hiding_music_hides_the_activity_of_its_player() -> None:
    """Of a game and a player, the game is left."""
    history = History(World(*population(50, 2, 1, 1_784_053_200_000)))
    player = {"id": "p", "name": "TIDAL", "type": 2, "details": "Lanterns", "created_at": 1}
    game = {"id": "g", "name": "Chess", "type": 0, "details": "move 1", "created_at": 2}
    history.world.set_presence(ROBIN, "online", [player, game], {"web": "online"})
    history.note(history.world.people[ROBIN])
    chosen = Choice(frozenset({"listening"}))
    history.may_show(ROBIN, chosen)
    history.privacy.hides(ROBIN, chosen, time.monotonic())
    history.choose(ROBIN)
    only_game = Seen("online", None, (("Chess", "move 1", 2),), None)
    truth = history.truth(ROBIN)
    assert truth is not None
    assert truth[0] == only_game
    assert Position().moves_to(history, ROBIN, only_game, None) == ""
    only_player = Seen("online", None, (("TIDAL", "Lanterns", 1),), None)
    assert "was never true" in Position().moves_to(history, ROBIN, only_player, None)

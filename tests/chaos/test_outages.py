"""What may be hidden while the only guild that shows it has an outage, and nothing else."""

from __future__ import annotations

import pytest

from chaos.outages import ShardOutages
from simulator.model import Guild, Member
from simulator.options import Options
from simulator.protocol import Identify
from simulator.server import Simulator
from simulator.sessions import Sessions
from simulator.snowflakes import shard_of
from tests.chaos.test_half_minute import CHESS, GO, LINE, Robin

MOVED = {**GO, "details": "move 2", "created_at": 5}


@pytest.fixture
def robin() -> Robin:
    """The first guild is shown the games, and the second one is not."""
    robin = Robin(LINE, CHESS, GO)
    robin.world.set_privacy(robin.person.user.id, robin.privacy(robin.guilds[1]))
    assert robin.problem(LINE, CHESS, GO) == ""
    return robin


def test_games_may_be_missing_one_by_one(robin: Robin) -> None:
    """As they were before; what all show is not missing."""
    assert "never true" in robin.problem(LINE, CHESS)
    robin.history.outages.begin(robin.guilds[0])
    assert robin.problem(LINE, CHESS) == ""
    assert robin.problem(LINE) == ""
    assert robin.problem(LINE, CHESS, GO) == ""
    assert "never true" in robin.problem(CHESS, GO)
    assert "never true" in robin.problem(LINE, CHESS, MOVED)


def test_not_long_after_the_outage(robin: Robin) -> None:
    """Except for a reader whose frames may have waited."""
    robin.history.outages.begin(robin.guilds[0])
    robin.now += 3600.0
    assert robin.problem(LINE, CHESS) == ""
    robin.history.outages.end(robin.guilds[0])
    assert robin.problem(LINE, CHESS) == ""
    robin.now += 30.0
    assert "never true" in robin.problem(LINE, CHESS)
    assert robin.problem(LINE, CHESS, reads_late=True) == ""


def test_not_in_an_outage_of_the_other_guild(robin: Robin) -> None:
    robin.history.outages.begin(robin.guilds[1])
    assert "never true" in robin.problem(LINE, CHESS)


def test_not_where_the_other_guild_shows_games_too() -> None:
    robin = Robin(LINE, CHESS, GO)
    robin.history.outages.begin(robin.guilds[0])
    assert "never true" in robin.problem(LINE, CHESS)


def test_also_where_the_other_guild_is_in_an_outage_then(robin: Robin) -> None:
    """It may be back first, and show something newer."""
    robin.world.guilds[robin.guilds[1]].available = False
    robin.history.outages.begin(robin.guilds[0])
    assert robin.problem(LINE, CHESS) == ""


SHARDS = 7
"""Then the two guilds are of different ones."""


def shards_of(robin: Robin, shards: int) -> ShardOutages:
    sessions = Simulator(Options(port=0)).sessions
    return ShardOutages(robin.history.outages, robin.world, sessions, shards)


def test_also_while_the_shard_of_the_guild_has_no_connection(robin: Robin) -> None:
    """And a few seconds longer: the process that takes over hears of the other shard first."""
    everyone = set(range(SHARDS))
    shows, other = (shard_of(guild_id, SHARDS) for guild_id in robin.guilds)
    assert shows != other
    shards = shards_of(robin, SHARDS)
    shards.look(everyone)
    assert "never true" in robin.problem(LINE, CHESS)
    shards.look(everyone - {shows})
    robin.now += 3600.0
    assert robin.problem(LINE, CHESS) == ""
    shards.look(everyone)
    assert robin.problem(LINE, CHESS) == ""
    robin.now += 5.0
    assert "never true" in robin.problem(LINE, CHESS)
    shards.look(everyone - {other})
    assert "never true" in robin.problem(LINE, CHESS)


def test_the_connection_of_a_shard_ends_no_outage(robin: Robin) -> None:
    shows = shard_of(robin.guilds[0], SHARDS)
    shards = shards_of(robin, SHARDS)
    robin.history.outages.begin(robin.guilds[0])
    shards.look(set(range(SHARDS)) - {shows})
    shards.look(range(SHARDS))
    robin.now += 60.0
    assert robin.problem(LINE, CHESS) == ""


def test_not_while_the_only_shard_has_no_connection(robin: Robin) -> None:
    """All guilds are listed one after the other then."""
    shards_of(robin, 1).look(())
    assert "never true" in robin.problem(LINE, CHESS)


async def test_also_while_a_new_session_lists_the_guilds(robin: Robin) -> None:
    """The one that is not shown games may be listed first, with a newer status. A resume lists
    none."""
    simulator = Simulator(Options(port=0))
    sessions = Sessions(robin.world, simulator.options, simulator.stats)
    ShardOutages(robin.history.outages, robin.world, sessions, 1)
    properties = {"os": "linux", "browser": "test", "device": "test"}
    asked = Identify(token=simulator.token, properties=properties, intents=0, shard=[0, 1])
    session = sessions.begin(asked, "ws://127.0.0.1/gateway")
    assert session is not None
    assert robin.problem(LINE, CHESS) == ""
    robin.now += 5.0
    assert "never true" in robin.problem(LINE, CHESS)
    assert sessions.resumable(session.id, session.seq) is not None
    assert "never true" in robin.problem(LINE, CHESS)


def test_also_where_two_guilds_show_it_and_both_are_in_an_outage(robin: Robin) -> None:
    """The third one, which is not shown it, may show something newer."""
    third = Guild(id="90", name="Third", owner_id="1", joined_at="2026-01-01T00:00:00Z")
    robin.world.guilds[third.id] = third
    robin.world.add_member(third.id, robin.person.user.id, Member())
    robin.world.set_privacy(robin.person.user.id, robin.privacy(robin.guilds[1]))
    robin.history.outages.begin(robin.guilds[0])
    assert "never true" in robin.problem(LINE, CHESS)
    robin.history.outages.begin(third.id)
    assert robin.problem(LINE, CHESS) == ""
    for guild_id in (robin.guilds[0], third.id):
        robin.history.outages.end(guild_id)
    robin.now += 30.0
    assert "never true" in robin.problem(LINE, CHESS)


def test_a_setting_that_is_changed_in_the_outage_counts_when_it_ends() -> None:
    robin = Robin(LINE, CHESS, GO)
    robin.history.outages.begin(robin.guilds[0], by_shard=True)
    robin.world.set_privacy(robin.person.user.id, robin.privacy(robin.guilds[1]))
    robin.history.note(robin.person)
    assert "never true" in robin.problem(LINE, CHESS)
    robin.history.outages.end(robin.guilds[0], by_shard=True)
    assert robin.problem(LINE, CHESS) == ""

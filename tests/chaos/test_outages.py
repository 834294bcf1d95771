"""What may be hidden while the only guild that shows it has an outage, and nothing else."""

from __future__ import annotations

import pytest

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

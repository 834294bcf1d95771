"""What may be hidden for half a minute after a setting in Discord was changed, and no longer."""

from __future__ import annotations

import pytest

from chaos.facts import Seen
from chaos.half_minute import HIDDEN_FOR_S
from chaos.history import History
from chaos.position import Position
from simulator.model import Json, Member
from simulator.people import population
from simulator.privacy import Privacy
from simulator.world import World

ROBIN = "161092844126208001"
LINE: Json = {"name": "Custom Status", "type": 4, "state": "busy", "created_at": 1}
CHESS: Json = {"name": "Chess", "type": 0, "created_at": 2}
GO: Json = {"name": "Go", "type": 0, "created_at": 3}
LATER: Json = {"name": "Custom Status", "type": 4, "state": "back", "created_at": 4}


class Robin:
    """In two guilds, which show everything at first; and one reader of what is shown."""

    def __init__(self, *activities: Json) -> None:
        self.now = 0.0
        self.world = World(*population(50, 2, 1, 1_784_053_200_000))
        self.person = self.world.people[ROBIN]
        self.guilds = list(self.world.guilds)
        for guild_id in self.guilds:
            if guild_id not in self.person.guilds:
                self.world.add_member(guild_id, ROBIN, Member())
        self.world.set_privacy(ROBIN, Privacy(restriction_default="on"))
        self.world.set_presence(ROBIN, "online", [*activities])
        self.history = History(self.world, clock=lambda: self.now)
        self.position = Position()

    def shows(self, *activities: Json) -> None:
        self.world.set_presence(ROBIN, "online", [*activities])
        self.history.note(self.person)

    def restricts(self, *guild_ids: str) -> None:
        self.history.share(self.person, self.privacy(*guild_ids))

    def privacy(self, *guild_ids: str) -> Privacy:
        """With which these guilds are shown no games."""
        return Privacy(restriction_default="on", restricted_guilds={*guild_ids})

    def problem(self, *activities: Json, reads_late: bool = False) -> str:
        """With showing these."""
        shown = seen(*activities)
        return self.position.moves_to(self.history, ROBIN, shown, None, reads_late=reads_late)

    def permitted(self) -> list[Seen]:
        return [one[0] for one in self.history.permitted(ROBIN) if one]


def seen(*activities: Json) -> Seen:
    lines = [one["state"] for one in activities if one["type"] == 4]
    games = tuple((one["name"], None, one["created_at"]) for one in activities if one["type"] == 0)
    return Seen("online", None, games, lines[0] if lines else None)


@pytest.fixture
def robin() -> Robin:
    return Robin(LINE, CHESS, GO)


def test_what_one_guild_is_not_shown_any_more_may_be_missing(robin: Robin) -> None:
    """One by one or all; nothing else."""
    assert "never true" in robin.problem(LINE)
    robin.restricts(robin.guilds[0])
    assert robin.permitted() == [
        seen(LINE, CHESS, GO),
        seen(LINE),
        seen(LINE, GO),
        seen(LINE, CHESS),
    ]
    assert robin.problem(LINE) == ""
    assert robin.problem(LINE, GO) == ""
    assert "never true" in robin.problem(CHESS, GO)


def test_for_half_a_minute(robin: Robin) -> None:
    robin.restricts(robin.guilds[0])
    assert robin.history.half_minute.seconds_left() >= HIDDEN_FOR_S
    robin.now += robin.history.half_minute.seconds_left()
    assert robin.permitted() == [seen(LINE, CHESS, GO)]
    robin.shows(LATER, CHESS, GO)
    assert robin.permitted() == [seen(LATER, CHESS, GO)]


def test_that_begins_anew_after_a_fault(robin: Robin) -> None:
    """But not where it is over."""
    robin.restricts(robin.guilds[0])
    robin.now += HIDDEN_FOR_S
    robin.history.half_minute.disturb()
    robin.now += HIDDEN_FOR_S
    assert seen(LINE) in robin.permitted()
    robin.now += HIDDEN_FOR_S
    robin.history.half_minute.disturb()
    assert seen(LINE) not in robin.permitted()


def test_what_began_while_something_was_broken_may_be_missing_later(robin: Robin) -> None:
    """A gateway without a session does not know that the guild was shown it."""
    robin.restricts(robin.guilds[0])
    robin.history.half_minute.disturb()
    robin.now += 60.0
    assert robin.permitted() == [seen(LINE, CHESS, GO)]
    robin.shows(LATER, CHESS, GO)
    assert seen(LATER) in robin.permitted()
    robin.now += 60.0
    robin.shows(LATER, CHESS, GO)
    assert robin.permitted() == [seen(LATER, CHESS, GO)]


def test_what_is_back_stays(robin: Robin) -> None:
    """Until the setting is changed once more."""
    robin.restricts(robin.guilds[0])
    for shown in ([LINE], [LINE, CHESS, GO]):
        assert robin.problem(*shown) == ""
    robin.shows(LATER, CHESS, GO)
    assert "went back" in robin.problem(LATER)
    robin.restricts()
    robin.restricts(robin.guilds[0])
    assert robin.problem(LATER) == ""


def test_what_no_guild_is_shown_any_more_is_missing(robin: Robin) -> None:
    robin.restricts(*robin.guilds)
    assert robin.permitted() == [seen(LINE)]


def test_what_begins_later_may_be_missing_once_both_guilds_show_something_newer() -> None:
    """Only then is it known that one of them does not show it."""
    robin = Robin(LINE)
    robin.restricts(robin.guilds[0])
    robin.shows(LINE, CHESS)
    assert robin.permitted() == [seen(LINE, CHESS)]
    robin.shows(LATER, CHESS)
    assert robin.permitted() == [seen(LATER, CHESS), seen(LATER)]
    robin.now += robin.history.half_minute.seconds_left()
    robin.shows({**LATER, "created_at": 5}, CHESS)
    assert len(robin.permitted()) == 1


def test_a_guild_that_shows_it_again_hides_nothing() -> None:
    robin = Robin(LINE)
    robin.restricts(robin.guilds[0])
    robin.restricts()
    robin.shows(LATER, CHESS)
    assert robin.permitted() == [seen(LATER, CHESS)]


def test_a_guild_that_is_left_hides_nothing() -> None:
    robin = Robin(LINE)
    robin.restricts(robin.guilds[0])
    robin.world.remove_member(robin.guilds[0], ROBIN)
    robin.shows(LATER, CHESS)
    robin.world.add_member(robin.guilds[0], ROBIN, Member())
    robin.shows(LATER, CHESS)
    assert robin.permitted() == [seen(LATER, CHESS)]

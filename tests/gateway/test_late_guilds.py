"""What is shown of a user of whom the events of one guild are missing, and the others' come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.gateway_fixture import (
    GUILD,
    OTHER,
    GatewayFixture,
    chunk,
    guild,
    member,
    online,
)
from tests.gateway.test_differing_guilds import (
    CUSTOM,
    GAME,
    GO,
    both,
    names,
    shows,
    tell,
    wait,
)

THIRD = OTHER + (1 << 22)


@pytest.fixture
def gateway() -> GatewayFixture:
    """The user plays Chess, which GUILD does not show. OTHER, a large guild, has said nothing since
    it was listed: the user has been offline, and is idle."""
    gateway = both([], [GAME])
    for status in ("offline", "idle"):
        tell(gateway, GUILD, status=status)
    return gateway


def test_what_a_guild_showed_that_says_nothing_more_does_not_come_back(
    gateway: GatewayFixture,
) -> None:
    """It has another status, so it is late, and no time makes its game true. Nothing is waited
    for, either."""
    for _ in range(5):
        wait(gateway)
        assert (gateway.shown(1)["status"], names(gateway)) == ("idle", set())
    assert list(gateway.users.waiting()) == []


@pytest.mark.parametrize("shown", [[GAME], [GAME, CUSTOM], []])
def test_it_counts_again_once_it_reports(gateway: GatewayFixture, shown: list[Any]) -> None:
    tell(gateway, OTHER, *shown, status="idle")
    assert names(gateway) == {activity["name"] for activity in shown}


def test_what_others_hide_of_a_late_guild_is_settled_once_it_has_the_status() -> None:
    """A game ends in a guild while the others have another status, and goes on in one of them."""
    gateway = both([GAME], [GAME])
    tell(gateway, GUILD, status="idle")
    for _ in range(5):
        wait(gateway)
    assert names(gateway) == set()
    tell(gateway, GUILD)
    wait(gateway)
    assert names(gateway) == {"Chess"}


def test_a_custom_status_outlives_an_invisible_time_during_an_outage() -> None:
    """It keeps its `created_at`. One guild is in an outage when the user goes offline, another when
    they come back."""
    gateway = both([CUSTOM, GAME], [CUSTOM, GAME])
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows(CUSTOM, GAME)]))
    gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    for guild_id in (THIRD, GUILD):
        tell(gateway, guild_id, status="offline")
    gateway.handle("GUILD_DELETE", {"id": str(THIRD), "unavailable": True})
    tell(gateway, GUILD, CUSTOM)
    assert (gateway.shown(1)["status"], names(gateway)) == ("online", {"Custom Status"})


def test_a_new_guild_is_not_shown_with_what_an_outdated_one_showed() -> None:
    """The user has changed during an outage, and joins another guild before the members of the
    first one are listed again."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(CUSTOM, status="dnd")]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    gateway.handle("GUILD_CREATE", guild(GUILD, [3], large=True, member_count=1000))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1], [online(1)], count=2))
    assert (gateway.shown(1)["status"], names(gateway)) == ("online", set())
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(GUILD, [1, 3], [shows(CUSTOM)]))
    assert names(gateway) == {"Custom Status"}


def test_what_another_guild_shows_that_is_heard_is_not_hidden() -> None:
    """An outdated guild shows it as well, and the guild that reports a new status does not."""
    gateway = both([GAME], [GAME])
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows()]))
    custom, go = {**CUSTOM, "created_at": 5}, {**GO, "created_at": 8}
    tell(gateway, OTHER, custom, GAME)
    tell(gateway, THIRD, custom)
    gateway.handle("GUILD_DELETE", {"id": str(THIRD), "unavailable": True})
    tell(gateway, GUILD, GAME, go, status="idle")
    assert gateway.shown(1)["status"] == "idle"
    assert names(gateway) == {"Custom Status", "Chess", "Go"}


def test_what_a_silent_guild_shows_again_as_it_was_goes_on() -> None:
    """GUILD has shown nothing so far, so whether the game goes on is for OTHER to say, once it is
    listed. THIRD hides everything, and so has not come to the newest state for sure."""
    gateway = both([], [GAME])
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows()]))
    wait(gateway)
    gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    tell(gateway, GUILD, {**CUSTOM, "created_at": 5})
    assert names(gateway) == {"Custom Status"}
    gateway.handle("GUILD_CREATE", guild(OTHER, [1], [shows(GAME)]))
    assert names(gateway) == {"Chess", "Custom Status"}


def test_what_several_silent_guilds_may_show_again_is_for_each_of_them_to_tell() -> None:
    """THIRD alone is heard when a custom status begins, and hides games. Go began while GUILD was
    in an outage, and GUILD is listed first."""
    gateway = both([], [])
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows()]))
    wait(gateway)
    games = [GAME, {**GO, "created_at": 6}]
    for guild_id in (GUILD, OTHER):
        tell(gateway, guild_id, GAME)
    gateway.handle("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    tell(gateway, OTHER, *games)
    gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    custom = {**CUSTOM, "created_at": 7}
    tell(gateway, THIRD, custom)
    assert names(gateway) == {"Custom Status"}
    for guild_id in (GUILD, OTHER):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [shows(*games, custom)]))
        assert names(gateway) == {"Chess", "Go", "Custom Status"}


def test_a_guild_that_is_listed_as_it_was_is_up_to_date() -> None:
    """THIRD hides custom statuses. What it reports next is news, though it was shown before."""
    gateway = both([], [])
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows()]))
    wait(gateway)
    for guild_id in (THIRD, GUILD):
        tell(gateway, guild_id, GAME)
    gateway.handle("GUILD_DELETE", {"id": str(THIRD), "unavailable": True})
    custom = {**CUSTOM, "created_at": 5}
    tell(gateway, GUILD, GAME, custom)
    gateway.handle("GUILD_CREATE", guild(THIRD, [1], [shows(GAME)]))
    gateway.handle("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    assert names(gateway) == {"Chess", "Custom Status"}
    tell(gateway, THIRD)
    assert names(gateway) == {"Custom Status"}

"""Events of a user of whom two guilds of one process show different things."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
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
    user,
)

GAME = {"name": "Chess", "type": 0, "created_at": 2}
GO = {"name": "Go", "type": 0, "created_at": 1}
CUSTOM = {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi", "created_at": 1}

SONG = {"id": "spotify:1", "name": "Spotify", "type": 2, "created_at": 3}


def shows(*activities: Any, status: str = "online") -> dict[str, Any]:
    return {**online(1, status), "activities": list(activities)}


def both(first: list[Any], second: list[Any]) -> GatewayFixture:
    """The user is in two guilds, which are shown these activities."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(*first)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [1], [shows(*second)]))
    return gateway


def activities(gateway: GatewayFixture) -> Any:
    return gateway.shown(1)["activities"]


def names(gateway: GatewayFixture) -> set[str]:
    return {activity["name"] for activity in activities(gateway)}


def tell(gateway: GatewayFixture, guild_id: int, *shown: Any, status: str = "online") -> None:
    gateway.handle("PRESENCE_UPDATE", {**shows(*shown, status=status), "guild_id": str(guild_id)})


def wait(gateway: GatewayFixture) -> None:
    """Time decides."""
    for _ in range(70):
        for _, cached in gateway.users.waiting():
            cached.tick(lambda _: True)


@pytest.mark.parametrize(("first", "second"), [([GAME], []), ([], [GAME])])
def test_guild_create_hides_nothing_that_another_guild_shows(
    first: list[Any], second: list[Any]
) -> None:
    gateway = both(first, second)
    assert activities(gateway) == [GAME]
    gateway.handle("GUILD_CREATE", guild(OTHER, [1], [shows(*second)]))  # a new session
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(*first)]))
    assert activities(gateway) == [GAME]


def test_a_chunk_hides_nothing_and_leaving_does() -> None:
    gateway = both([], [])
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1], [shows(GAME)], count=2))
    assert activities(gateway) == [GAME]
    gateway.handle("PRESENCE_UPDATE", {**shows(), "guild_id": str(GUILD)})
    assert activities(gateway) == [GAME]
    gateway.handle("GUILD_MEMBER_REMOVE", {"user": user(1), "guild_id": str(OTHER)})
    assert activities(gateway) == []


def test_removal_of_a_guild_removes_what_only_it_showed() -> None:
    gateway = both([GAME], [CUSTOM])
    assert activities(gateway) == [CUSTOM, GAME]
    gateway.handle("GUILD_DELETE", {"id": str(GUILD)})
    assert activities(gateway) == [CUSTOM]


def test_a_new_member_is_shown_with_what_the_new_guild_shows() -> None:
    """The presence there is requested, and until it is there nothing changes."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(CUSTOM)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert gateway.requests.users == [(OTHER, 1)]
    assert activities(gateway) == [CUSTOM]
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1, 2], [shows(GAME)], count=2))
    assert activities(gateway) == [CUSTOM, GAME]


@pytest.mark.parametrize("shown", [[CUSTOM, GAME], [CUSTOM], []])
def test_a_user_who_moves_is_shown_in_one_piece(shown: list[Any]) -> None:
    """The new guild is asked for the presence, and the old one is left before it answers."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(CUSTOM, GAME, status="dnd")]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    gateway.handle("GUILD_MEMBER_REMOVE", {"user": user(1), "guild_id": str(GUILD)})
    assert (gateway.shown(1)["status"], activities(gateway)) == ("dnd", [CUSTOM, GAME])
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1], [shows(*shown)], count=2))
    assert (gateway.shown(1)["status"], activities(gateway)) == ("online", shown)


def test_a_user_who_moves_between_two_sessions_is_shown_in_one_piece() -> None:
    """They join the new guild while the members of the old one are still being listed."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(GAME)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    gateway.handle("GUILD_CREATE", guild(GUILD, [3], large=True, member_count=1000))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(GUILD, [3]))
    assert activities(gateway) == [GAME]
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1], [], count=2))
    assert (gateway.shown(1)["status"], activities(gateway)) == ("offline", [])


def test_a_member_whose_presence_never_came_is_requested_again() -> None:
    """A process that resumes the session knows the member from Redis, and another guild's events
    come: without the request, what the new guild shows would be missing until it changes."""
    before = GatewayFixture()
    before.handle("GUILD_CREATE", guild(GUILD, [1], [shows()]))
    before.handle("GUILD_CREATE", guild(OTHER, [2]))
    joined = {**member(1), "guild_id": str(OTHER)}
    before.handle("GUILD_MEMBER_ADD", joined)
    stored = before.stored(1)
    gateway = GatewayFixture()
    for guild_id in (GUILD, OTHER):
        gateway.guilds.restore(guild_id, {1: stored}, complete=True)
    gateway.handle("PRESENCE_UPDATE", {**shows(CUSTOM), "guild_id": str(GUILD)})
    gateway.handle("GUILD_MEMBER_ADD", joined)
    assert gateway.requests.users == [(OTHER, 1)]
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1], [shows(CUSTOM)], count=2))
    gateway.handle("GUILD_MEMBER_ADD", joined)
    assert gateway.requests.users == [(OTHER, 1)]


def test_nothing_is_kept_where_guilds_agree() -> None:
    """A hundred thousand users would take megabytes."""
    gateway = both([GAME], [])
    cached = gateway.users.get(1)
    assert cached is not None
    assert cached.merged is not None
    for guild_id in (GUILD, OTHER):
        gateway.handle("PRESENCE_UPDATE", {**shows(status="dnd"), "guild_id": str(guild_id)})
    assert cached.merged is None
    assert gateway.handle("PRESENCE_UPDATE", {**shows(status="dnd"), "guild_id": str(GUILD)}) == []


def test_status_does_not_wait_for_an_unavailable_guild() -> None:
    """The other guild shows the game, and its events do not come."""
    gateway = both([GAME], [])
    gateway.handle("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    gateway.handle("PRESENCE_UPDATE", {**shows(status="dnd"), "guild_id": str(OTHER)})
    assert gateway.shown(1)["status"] == "dnd"


def test_a_guild_that_is_yet_to_be_listed_adds_nothing_old() -> None:
    """The user has left a large guild and joined another one between two sessions. Its member list
    may take a minute."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(CUSTOM, SONG)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    gateway.handle("GUILD_CREATE", guild(GUILD, [3], large=True, member_count=1000))
    later = {**CUSTOM, "state": "later", "created_at": 5}
    gateway.handle("GUILD_CREATE", guild(OTHER, [1, 2], [shows(later, status="idle")]))
    assert gateway.shown(1)["status"] == "idle"
    assert activities(gateway) == [later]
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(GUILD, [3]))
    assert activities(gateway) == [later]


def test_a_guild_that_is_yet_to_be_listed_counts_once_it_sends_the_user() -> None:
    """What the other guild is not shown stays, although that one reports the next change first."""
    gateway = both([CUSTOM], [CUSTOM])
    gateway.handle("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    gateway.handle("GUILD_CREATE", guild(GUILD, [3], large=True, member_count=1000))
    gateway.handle("GUILD_CREATE", guild(OTHER, [1], [shows(CUSTOM)]))
    gateway.handle("PRESENCE_UPDATE", {**shows(CUSTOM, GAME), "guild_id": str(GUILD)})
    later = {**CUSTOM, "state": "later", "created_at": 5}
    gateway.handle("PRESENCE_UPDATE", {**shows(later), "guild_id": str(OTHER)})
    assert activities(gateway) == [later, GAME]


@pytest.mark.parametrize("hidden_type", [0, 4])
@pytest.mark.parametrize("order", [(GUILD, OTHER), (OTHER, GUILD)])
def test_a_user_comes_online_with_two_games(hidden_type: int, order: Sequence[int]) -> None:
    """The older one is shown as well, in whatever order they come, and whichever guild is first.
    One guild is not shown the custom status, or no games."""
    later = {**CUSTOM, "created_at": 3}
    for began in permutations((later, GAME, GO)):
        gateway = GatewayFixture()
        for guild_id in order:
            gateway.handle("GUILD_CREATE", guild(guild_id, [1]))
        for guild_id in order:
            is_all = guild_id == OTHER
            tell(gateway, guild_id, *(one for one in began if is_all or one["type"] != hidden_type))
        assert names(gateway) == {"Custom Status", "Chess", "Go"}


def test_a_game_goes_on_while_another_begins() -> None:
    """One guild had reported an earlier form of it late."""
    gateway = both([], [])
    later, custom = {**GAME, "created_at": 6}, {**CUSTOM, "created_at": 4}
    for other, one in (
        ([GAME], [GAME]),
        ([GAME, custom], [GAME]),
        ([later, custom], [GAME]),
        ([later, custom], [later]),
    ):
        tell(gateway, OTHER, *other)
        tell(gateway, GUILD, *one)
    go = {**GO, "created_at": 8}
    tell(gateway, GUILD, later, go)
    tell(gateway, OTHER, later, custom, go)
    assert names(gateway) == {"Custom Status", "Chess", "Go"}


def test_games_go_on_while_the_user_is_invisible() -> None:
    """The guild that shows them is the last to report both changes."""
    gateway = GatewayFixture()
    third = OTHER + 1
    for guild_id in (GUILD, OTHER, third):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [shows()]))
    tell(gateway, third, GAME, GO)
    for status, games in (("offline", []), ("dnd", [GAME, GO])):
        for guild_id in (GUILD, OTHER):
            tell(gateway, guild_id, status=status)
        tell(gateway, third, *games, status=status)
    assert gateway.shown(1)["status"] == "dnd"
    assert names(gateway) == {"Chess", "Go"}


def test_a_guild_that_has_stopped_showing_something_ends_nothing_any_more() -> None:
    """Another one shows it. The guild reports the next change first."""
    gateway = both([CUSTOM], [CUSTOM])
    tell(gateway, OTHER)
    wait(gateway)
    assert names(gateway) == {"Custom Status"}
    custom, game = {**CUSTOM, "created_at": 10}, {**GAME, "created_at": 20}
    tell(gateway, GUILD, custom)
    for guild_id, shown in ((OTHER, [game]), (GUILD, [custom, game])):
        tell(gateway, guild_id, *shown)
        assert names(gateway) == {"Custom Status", "Chess"}


def test_a_new_custom_status_is_shown_just_after_a_setting_was_changed() -> None:
    """One guild has stopped showing games. That another goes on showing them is no sign of age."""
    gateway = both([CUSTOM, GAME], [CUSTOM, GAME])
    tell(gateway, GUILD, CUSTOM)
    assert names(gateway) == {"Custom Status"}
    custom = {**CUSTOM, "created_at": 10}
    tell(gateway, OTHER, custom, GAME)
    tell(gateway, GUILD, custom)
    assert names(gateway) == {"Custom Status", "Chess"}


def test_a_setting_that_was_found_out_early_hides_games_once() -> None:
    """Another game begins where the first ones go on: the other guild hides games."""
    cinema = {"name": "Cinema", "type": 3, "created_at": 3}
    gateway = both([CUSTOM, GAME, cinema], [CUSTOM, GAME, cinema])
    tell(gateway, GUILD, CUSTOM)
    assert names(gateway) == {"Custom Status"}
    tell(gateway, OTHER, CUSTOM, GAME, cinema, {**GO, "created_at": 8})
    assert names(gateway) == {"Custom Status", "Chess", "Cinema", "Go"}
    tell(gateway, GUILD, {**CUSTOM, "created_at": 10})
    assert names(gateway) == {"Custom Status", "Chess", "Cinema", "Go"}

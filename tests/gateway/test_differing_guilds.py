"""Events of a user of whom two guilds of one process show different things."""

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
    user,
)

GAME = {"name": "Chess", "type": 0, "created_at": 2}
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

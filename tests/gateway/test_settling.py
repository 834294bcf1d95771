"""Time decides where guilds go on showing different things, as far as their events come."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.discord.shard import Shard
from services.gateway.state.merged_presence import ASK_TICKS
from services.gateway.state.settling import Settling
from tests.gateway.gateway_fixture import GUILD, OTHER, GatewayFixture, chunk, guild, online

GAME = {"name": "Chess", "type": 0, "created_at": 2}
TICKS = 60


class Connected(Shard):
    """A shard whose events come, or do not."""

    def __init__(self, connected: bool = True) -> None:
        super().__init__("token", 0, 1)
        self.connected = connected

    @property
    def is_connected(self) -> bool:
        return self.connected


def hidden_in_one(shard: Shard) -> tuple[GatewayFixture, Settling]:
    """Two guilds showed a game, and one of them does not any more."""
    gateway = GatewayFixture()
    shows: dict[str, Any] = {**online(1), "activities": [GAME]}
    for guild_id in (GUILD, OTHER):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [shows]))
    gateway.handle("PRESENCE_UPDATE", {**shows, "activities": [], "guild_id": str(GUILD)})
    assert gateway.shown(1)["activities"] == []
    return gateway, Settling(gateway.users, gateway.guilds, gateway.writer, [shard])


async def test_what_a_guild_goes_on_showing_is_shown_again() -> None:
    gateway, settling = hidden_in_one(Connected())
    for _ in range(TICKS - 1):
        await settling.tick()
    assert gateway.shown(1)["activities"] == []
    await settling.tick()
    assert gateway.shown(1)["activities"] == [GAME]
    assert list(gateway.users.waiting()) == []


async def test_discord_is_asked_before() -> None:
    """Once, and in the guild that goes on showing it."""
    asked: list[tuple[int, int]] = []
    gateway, _ = hidden_in_one(Connected())
    settling = Settling(
        gateway.users,
        gateway.guilds,
        gateway.writer,
        [Connected()],
        lambda *whom: asked.append(whom),
    )
    for _ in range(ASK_TICKS - 1):
        await settling.tick()
    assert asked == []
    for _ in range(TICKS):
        await settling.tick()
    assert asked == [(OTHER, 1)]


@pytest.mark.parametrize("connected", [False, True])
async def test_where_no_events_come_nothing_is_asked(connected: bool) -> None:
    """The shard is about to repeat them, or the guild is listed again."""
    asked: list[tuple[int, int]] = []
    gateway, _ = hidden_in_one(Connected())
    if connected:
        gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    shards = [Connected(connected)]
    settling = Settling(
        gateway.users, gateway.guilds, gateway.writer, shards, lambda *whom: asked.append(whom)
    )
    for _ in range(2 * TICKS):
        await settling.tick()
    assert asked == []


async def test_a_successor_settles_it_too() -> None:
    """It has restored the user, of whom nothing more is heard."""
    before, _ = hidden_in_one(Connected())
    stored = before.stored(1)
    gateway = GatewayFixture()
    for guild_id in (GUILD, OTHER):
        gateway.guilds.restore(guild_id, {1: stored}, complete=True)
    settling = Settling(gateway.users, gateway.guilds, gateway.writer, [Connected()])
    for _ in range(TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == [GAME]


async def test_a_shard_without_connection_settles_nothing() -> None:
    """The end of the game may be waiting there."""
    shard = Connected(connected=False)
    gateway, settling = hidden_in_one(shard)
    for _ in range(2 * TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == []
    shard.connected = True
    for _ in range(TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == [GAME]


async def test_an_unavailable_guild_settles_nothing() -> None:
    gateway, settling = hidden_in_one(Connected())
    gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    for _ in range(2 * TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == []


async def test_a_guild_that_is_yet_to_be_listed_settles_nothing() -> None:
    """Its last report is of an earlier session."""
    gateway, settling = hidden_in_one(Connected())
    gateway.handle("GUILD_CREATE", guild(OTHER, [2], large=True, member_count=1000))
    for _ in range(2 * TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == []
    shows: dict[str, Any] = {**online(1), "activities": [GAME]}
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [1, 2], [shows]))
    for _ in range(TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == [GAME]


async def test_what_a_guild_showed_that_was_left_goes_when_the_others_are_not_late() -> None:
    """They are waited for, because they might have been."""
    gateway = GatewayFixture()
    shows: dict[str, Any] = {**online(1), "activities": [GAME]}
    for guild_id in (GUILD, OTHER):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [shows]))
    later = {**GAME, "name": "Go", "created_at": 3}
    gateway.handle("PRESENCE_UPDATE", {**shows, "activities": [later], "guild_id": str(GUILD)})
    leaves = {"user": {"id": "1"}, "guild_id": str(GUILD)}
    gateway.handle("GUILD_MEMBER_REMOVE", leaves)
    assert gateway.shown(1)["activities"] == [later]
    settling = Settling(gateway.users, gateway.guilds, gateway.writer, [Connected()])
    for _ in range(TICKS):
        await settling.tick()
    assert gateway.shown(1)["activities"] == [GAME]
    assert list(gateway.users.waiting()) == []

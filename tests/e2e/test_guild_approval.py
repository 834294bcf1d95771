"""Nobody is published whose server the operator has not approved."""

from __future__ import annotations

import pytest

from services.doctor import discord, servers
from services.gateway import guild_approval
from shared.config import GatewaySettings
from shared.net.http_client import HttpClient
from shared.redis import approved_guilds, keys
from shared.redis.store import Store
from simulator.model import Guild, Member, User
from simulator.people import FIRST_PERSON
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.doctor.examination import examined
from tests.e2e.stack import FIRST, REST, SECOND, Stack, running

STRANGER = "574461543710720003"
"""Is a member of the stranger's server only."""

STRANGERS_GUILD = "1112920281367973900"


async def test_a_server_that_a_stranger_adds_is_ignored_until_it_is_approved() -> None:
    """The log and the doctor name it. After approval, Discord is asked for its members."""
    async with running(services=REST) as stack:
        gateway = stack.processes["gateway"]
        assert any(
            f"are approved, and their members are published: {SECOND}, {FIRST}" in line
            for line in gateway.lines
        )
        _add_strangers_guild(stack)
        await gateway.line_with(f"server {STRANGERS_GUILD} is ignored")
        await _first_of_another_guild_is_shown(stack)
        assert (await stack.get(f"/user/{STRANGER}"))[0] == 404

        said = await examined(_doctor_settings(stack))
        words = f"server {STRANGERS_GUILD} (A stranger's) is not approved, so it is ignored"
        assert said.level(words) == "warning"
        assert f"--approve {STRANGERS_GUILD}" in said.advice(words)
        assert said.level("members are published: 2") == "ok"

        await _change(stack, STRANGERS_GUILD, approve=True)
        await stack.shows(STRANGER, lambda data: data["profile"]["username"] == "stranger")
        await _change(stack, STRANGERS_GUILD, approve=False)
        await stack.not_monitored(STRANGER)


async def test_an_approval_outlives_the_gateway_and_ends_with_its_revocation() -> None:
    """Also what is approved or revoked while no gateway runs."""
    async with running(services=REST) as stack:
        _add_strangers_guild(stack)
        await stack.processes["gateway"].line_with(f"server {STRANGERS_GUILD} is ignored")
        await stack.processes["gateway"].stop()
        await _change(stack, STRANGERS_GUILD, approve=True)
        await stack.start("gateway")
        await stack.shows(STRANGER, lambda data: True)
        await stack.processes["gateway"].stop()
        await _change(stack, STRANGERS_GUILD, approve=False)
        await stack.start("gateway")
        await stack.not_monitored(STRANGER)


async def test_redis_that_loses_the_list_approves_no_stranger() -> None:
    """The running gateway writes the list again."""
    async with running(services=REST) as stack:
        gateway = stack.processes["gateway"]
        _add_strangers_guild(stack)
        await gateway.line_with(f"server {STRANGERS_GUILD} is ignored")
        await stack.redis.flush()
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:

            async def rewritten() -> bool:
                return await approved_guilds.load(store) == frozenset([int(FIRST), int(SECOND)])

            await eventually_async(rewritten)
        await gateway.stop()
        await stack.start("gateway")
        await _first_of_another_guild_is_shown(stack)
        assert (await stack.get(f"/user/{STRANGER}"))[0] == 404


async def test_the_list_outlives_the_presence_redis() -> None:
    """It is in the durable one."""
    async with (
        RedisServer() as durable,
        running(services=REST, env={"DURABLE_REDIS_URL": durable.url}) as stack,
    ):
        gateway = stack.processes["gateway"]
        _add_strangers_guild(stack)
        await gateway.line_with(f"server {STRANGERS_GUILD} is ignored")
        await gateway.stop()
        await stack.redis.flush()
        await stack.start("gateway")
        await _first_of_another_guild_is_shown(stack)
        assert (await stack.get(f"/user/{STRANGER}"))[0] == 404


async def test_with_all_every_server_is_published() -> None:
    """GUILD_IDS=all: for a bot that anyone may add. Redis gets no list."""
    async with running(services=REST, env={"GUILD_IDS": "all"}) as stack:
        _add_strangers_guild(stack)
        await stack.shows(STRANGER, lambda data: True)
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            assert await approved_guilds.load(store) is None


@pytest.mark.parametrize(("is_public", "level"), [(True, "warning"), (False, "ok")])
async def test_all_servers_of_a_public_bot_are_a_warning(is_public: bool, level: str) -> None:
    """Nobody but the operator can add a bot that is not public."""
    settings = GatewaySettings(guild_ids="all")
    [found] = await servers.check(settings, [{"id": "1"}], is_public=is_public)
    assert found.level == level
    assert discord.check_installation(is_public=is_public).level == level


@pytest.mark.parametrize("revoked", [False, True])
async def test_the_first_server_of_a_new_bot_is_approved(redis_url: str, revoked: bool) -> None:
    """It was in none at the start. Not so when the operator has revoked the last one."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        if revoked:
            await approved_guilds.approve(store, [1])
            await approved_guilds.revoke(store, [1])
        listed = await approved_guilds.load(store)
        approval = guild_approval.GuildApproval(
            store, listed or frozenset(), listed=True, begun=listed is not None
        )
        assert approval.is_approved(5) is not revoked
        assert not approval.is_approved(6)


async def test_the_list_survives_what_other_software_writes(redis_url: str) -> None:
    """A key of another type counts as no list."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await store.redis.set(keys.APPROVED_GUILDS, "nonsense")
        assert await approved_guilds.load(store) is None
        assert await approved_guilds.begin(store, [7, 8])
        assert not await approved_guilds.begin(store, [9])
        assert await approved_guilds.load(store) == frozenset([7, 8])


async def _change(stack: Stack, guild_id: str, *, approve: bool) -> None:
    settings = GatewaySettings(
        discord_token=stack.simulator.token,
        discord_api_url=stack.simulator.api_url,
        redis_url=stack.redis.url,
    )
    async with HttpClient(timeout_s=PATIENCE, max_body_bytes=1 << 20) as http:
        [finding] = await servers.change(settings, http, [guild_id], approve=approve)
    assert finding.level == "ok"


def _doctor_settings(stack: Stack) -> dict[str, str]:
    names = ("DISCORD_TOKEN", "DISCORD_API_URL", "REDIS_URL")
    return {**{name: stack.env[name] for name in names}, "API_PORT": "0", "WS_PORT": "0"}


def _add_strangers_guild(stack: Stack) -> None:
    world = stack.simulator.world
    world.add_guild(
        Guild(
            id=STRANGERS_GUILD,
            name="A stranger's\x1b",
            owner_id=FIRST_PERSON,
            joined_at="2026-07-14T18:20:00.000000+00:00",
            members={FIRST_PERSON: Member()},
        )
    )
    world.add_member(STRANGERS_GUILD, User(id=STRANGER, username="stranger"))


async def _first_of_another_guild_is_shown(stack: Stack) -> None:
    """A change that comes after the stranger's guild: what came before it was handled."""
    stack.simulator.world.set_presence(FIRST_PERSON, "dnd", [], {"vr": "dnd"})
    await stack.shows(FIRST_PERSON, lambda data: data["profile"]["device"] == "vr")

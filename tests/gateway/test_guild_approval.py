"""What an approval and its revocation do to a running shard. The list: tests/e2e."""

from __future__ import annotations

import pytest

from services.gateway.guild_approval import GuildApproval
from shared.redis import approved_guilds
from shared.redis.store import Store
from shared.startup.background import background
from testing.eventually import PATIENCE, eventually_async
from tests.gateway.gateway_fixture import GUILD, GatewayFixture, chunk, guild, online


def test_a_guild_that_is_approved_later_is_requested() -> None:
    """Its GUILD_CREATE has come and was ignored; Discord sends no second one."""
    gateway = GatewayFixture()
    gateway.handler.begin_guild(GUILD)
    assert gateway.requests.guilds == [GUILD]
    assert gateway.reconciler.expected == {GUILD}
    gateway.handler.begin_guild(GUILD)  # once is enough
    assert gateway.requests.guilds == [GUILD]
    assert ("joined", 1, GUILD) in gateway.handle(
        "GUILD_MEMBERS_CHUNK", chunk(GUILD, [1], [online(1)])
    )


def test_members_of_a_guild_whose_approval_is_revoked_leave() -> None:
    """As when the bot leaves the guild."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    gateway.handler.end_guild(GUILD)
    assert gateway.writer.take_calls() == [("left", 1, GUILD)]
    assert gateway.reconciler.expected == set()


async def test_the_first_server_may_be_added_while_the_list_is_read(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is approved, and stays so."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        approval = GuildApproval(store, frozenset(), listed=True)
        load = approved_guilds.load

        async def load_meanwhile(store: Store) -> frozenset[int] | None:
            found = await load(store)
            assert approval.is_approved(GUILD)
            return found

        monkeypatch.setattr(approved_guilds, "load", load_meanwhile)
        async with background(approval.run([], interval_s=0.0)):

            async def is_stored() -> bool:
                return GUILD in (await load(store) or ())

            await eventually_async(is_stored)
        assert approval.approved == frozenset({GUILD})

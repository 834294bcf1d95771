"""What an approval and its revocation do to a running shard. The list: tests/e2e."""

from __future__ import annotations

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

"""A user leaves a guild of which nothing was heard while others of its shard were."""

from __future__ import annotations

import msgspec
import pytest

from services.gateway.state.merged_presence import MergedPresence
from services.gateway.state.shared_user import merge_stored
from services.gateway.state.user_cache import UserCache, discord_objects, merge_presence
from shared.redis.user_reports import StoredReports
from tests.gateway.gateway_fixture import GUILD, OTHER, GatewayFixture, chunk, guild, member, user
from tests.gateway.test_differing_guilds import CUSTOM, GAME, GO, names, shows, tell, wait
from tests.gateway.test_merged_presence import presence


def hides_games() -> GatewayFixture:
    """OTHER is shown no games any more, because of a setting in Discord. GUILD still is, so
    whether they go on is not known yet."""
    gateway = GatewayFixture()
    for guild_id in (GUILD, OTHER):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [shows()]))
    tell(gateway, OTHER, GO, CUSTOM)
    tell(gateway, GUILD, GO)
    tell(gateway, OTHER, GO, GAME, CUSTOM)
    tell(gateway, GUILD, GO, GAME)
    wait(gateway)
    tell(gateway, OTHER, CUSTOM)
    assert names(gateway) == {"Custom Status"}
    return gateway


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("order", [(GUILD, OTHER), (OTHER, GUILD)])
def test_a_new_session_lists_a_guild_without_the_user(
    order: tuple[int, int], is_large: bool
) -> None:
    """What the others are shown in it is newer than all that this guild had shown."""
    gateway = hides_games()
    gateway.handle("READY", {"guilds": [{"id": str(one)} for one in order]})
    for guild_id in order:
        if guild_id == GUILD:
            gateway.handle("GUILD_CREATE", guild(GUILD, [1], [shows(GO, GAME)]))
        elif is_large:
            gateway.handle("GUILD_CREATE", guild(OTHER, [], [], large=True, member_count=1000))
            gateway.handle("GUILD_MEMBERS_CHUNK", chunk(OTHER, [], []))
        else:
            gateway.handle("GUILD_CREATE", guild(OTHER, [], []))
    assert names(gateway) == {"Go", "Chess"}


@pytest.mark.parametrize("is_back", [False, True])
def test_a_guild_in_an_outage_is_left(is_back: bool) -> None:
    """The bot is removed from it, or the user is no member any more when it is back."""
    gateway = hides_games()
    gateway.handle("GUILD_DELETE", {"id": str(OTHER), "unavailable": True})
    if is_back:
        gateway.handle("GUILD_CREATE", guild(OTHER, [], []))
    else:
        gateway.handle("GUILD_DELETE", {"id": str(OTHER)})
    assert names(gateway) == {"Go", "Chess"}


def test_a_guild_that_was_heard_until_now_is_left() -> None:
    """The others may be late, so they have to say so themselves."""
    gateway = hides_games()
    gateway.handle("GUILD_MEMBER_REMOVE", {"user": user(1), "guild_id": str(OTHER)})
    assert names(gateway) == {"Custom Status"}
    wait(gateway)
    assert names(gateway) == {"Go", "Chess"}


def test_a_guild_that_only_has_the_member_has_reported_nothing() -> None:
    """GUILD_MEMBER_ADD carries no presence: what is known is from before the outage."""
    gateway = hides_games()
    for guild_id in (GUILD, OTHER):
        gateway.handle("GUILD_DELETE", {"id": str(guild_id), "unavailable": True})
    gateway.handle("GUILD_CREATE", guild(GUILD, [], [], large=True, member_count=1000))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(GUILD)})
    gateway.handle("GUILD_CREATE", guild(OTHER, [], []))
    assert names(gateway) == {"Custom Status"}
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(GUILD, [1], [shows(GO, GAME)]))
    assert names(gateway) == {"Go", "Chess"}


@pytest.mark.parametrize("in_one_shard", [True, False])
def test_only_redis_knew_of_the_guild(in_one_shard: bool) -> None:
    """The process before had both, and this one has listed all of its shard. Another shard may be
    late."""
    stored = MergedPresence(presence(CUSTOM, GO))
    stored.join(GUILD)
    stored.report(GUILD, presence(GO), (GUILD, OTHER))
    stored.report(OTHER, presence(CUSTOM), (GUILD, OTHER))
    assert stored.shown == presence(CUSTOM)
    users = UserCache()
    cached = users.add(1, user(1))
    assert cached is not None
    cached.join(GUILD)
    merge_presence(cached, GUILD, presence(GO))
    reports = StoredReports(
        3,
        discord_objects(msgspec.json.encode(user(1)), stored.shown),
        stored.stored(),
        frozenset({GUILD, OTHER}),
        2,
    )
    merge_stored(cached, reports, set(), lambda _: True)
    assert cached.presence == presence(CUSTOM)
    cached.forget([OTHER], lambda *_: in_one_shard)
    assert cached.presence == (presence(GO) if in_one_shard else presence(CUSTOM))

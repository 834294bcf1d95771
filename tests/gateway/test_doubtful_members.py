"""Discord is asked for members of whom a server goes on showing what others have ended."""

from __future__ import annotations

import asyncio
import itertools

from services.gateway.discord.presence_checks import MAX_DOUBTFUL_USERS, ask
from services.gateway.state.merged_presence import TICK_S
from testing.eventually import eventually
from tests.gateway.gateway_fixture import GUILD, OTHER, guild, online
from tests.gateway.test_presence_checks import TIMINGS, Checked, checked

__all__ = ["checked"]
TICKS = 60  # then time would decide


async def test_who_is_doubtful_is_requested_though_no_one_watches(checked: Checked) -> None:
    """Together, the guild with the most of them first, and no faster than other checks."""
    await checked.has(OTHER, [1, 2, 3])
    await checked.has(GUILD, range(1000, 1150))
    for guild_id, user_ids in ((OTHER, [1, 3]), (GUILD, range(1000, 1150)), (OTHER, [1])):
        for user_id in user_ids:
            ask([checked.checks], guild_id, user_id)
    sent = checked.shard.sent
    for number in range(1, 4):
        await eventually(lambda: checked.shard.nonces)
        assert checked.requests.take_check({"nonce": checked.shard.nonces.pop()}) is not None
        assert len(sent) == number
    assert [(guild_id, len(ids)) for _, guild_id, ids in sent] == [
        (GUILD, 100),
        (GUILD, 50),
        (OTHER, 2),
    ]
    times = [when for when, _, _ in sent]
    assert all(
        round(later - earlier, 6) >= TIMINGS.request_interval_s  # simulated, of floats
        for earlier, later in itertools.pairwise(times)
    )


async def test_a_game_whose_end_one_server_never_showed_does_not_come_back(
    checked: Checked,
) -> None:
    """Discord leaves out events of some users in very large servers."""
    game = {"name": "Chess", "type": 0, "created_at": 2}
    playing = {**online(1), "activities": [game]}
    for guild_id in (GUILD, OTHER):
        checked.gateway.handle("GUILD_CREATE", guild(guild_id, [1], [playing]))
    checked.gateway.handle("PRESENCE_UPDATE", {**online(1), "guild_id": str(OTHER)})
    shown = []
    for _ in range(2 * TICKS):
        for user_id, cached in checked.gateway.users.waiting():
            cached.tick(lambda guild_id: True)
            for guild_id in cached.merged.to_ask() if cached.merged else ():
                ask([checked.checks], guild_id, user_id)
        if checked.shard.nonces:
            await checked.answered(presences=[online(1)])
            checked.shard.nonces.clear()
        shown += checked.gateway.shown(1)["activities"]
        await asyncio.sleep(TICK_S)
    assert shown == []
    assert [ids for _, guild_id, ids in checked.shard.sent if guild_id == GUILD] == [[1]]
    assert list(checked.gateway.users.waiting()) == []


async def test_no_more_are_remembered_than_can_be_asked(checked: Checked) -> None:
    for user_id in range(MAX_DOUBTFUL_USERS + 10):
        ask([checked.checks], GUILD, user_id)
    assert sum(map(len, checked.checks._doubtful.values())) == MAX_DOUBTFUL_USERS

"""A user is in servers of two shards, and one of these repeats what it has missed.

Long because all stories are told to one gateway.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from services.gateway.event_handler import EventHandler
from services.gateway.state.guild_cache import GuildCache
from services.gateway.sync.session_resume import SessionResume
from shared.discord.snowflake import ShardKey
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import (
    GatewayFixture,
    RecordingReconciler,
    RecordingWriter,
    guild,
    online,
)
from tests.gateway.writer_fixture import WriterFixture

SHARDS = 2
FIRST, THIRD = 2 << 22, 4 << 22  # guilds of shard 0
SECOND = 1 << 22  # of shard 1
STATUS = {"type": 4, "name": "Custom Status", "id": "custom"}


def shows(text: str, created_at: int, user_id: int = 1) -> dict[str, Any]:
    """A presence with a custom status; without one the user is offline."""
    if not text:
        return online(user_id, "offline") | {"client_status": {}}
    activity = STATUS | {"state": text, "created_at": created_at}
    return online(user_id) | {"activities": [activity]}


class TwoShards:
    """A gateway that runs both, and what it would write after each event."""

    def __init__(self) -> None:
        self.gateway = gateway = GatewayFixture()
        self.followed = {0: True, 1: True}
        self.guilds = gateway.guilds = GuildCache(
            gateway.users,
            gateway.writer,
            lambda guild_id: self.followed[guild_id >> 22 & 1],
            lambda guild_id: guild_id >> 22 & 1,
        )
        self.handlers = [
            EventHandler(
                (shard, SHARDS),
                is_approved=lambda guild_id: True,
                users=gateway.users,
                guilds=self.guilds,
                writer=gateway.writer,
                requests=gateway.requests,
                reconciler=gateway.reconciler,
                on_interaction=gateway.interactions.append,
            )
            for shard in range(SHARDS)
        ]
        self.texts: list[str] = []
        for guild_id in (FIRST, SECOND, THIRD):
            self.tell("GUILD_CREATE", guild_id, guild(guild_id, [1, 2], [shows("a", 1)]))

    def tell(self, name: str, guild_id: int, payload: dict[str, Any]) -> None:
        self.handlers[guild_id >> 22 & 1].handle(name, payload)
        activities = self.gateway.shown(1)["activities"] if self.gateway.users.get(1) else []
        text = activities[0]["state"] if activities else ""
        if self.texts[-1:] != [text]:
            self.texts.append(text)

    def presence(self, guild_id: int, text: str, created_at: int) -> None:
        payload = shows(text, created_at) | {"guild_id": str(guild_id)}
        self.tell("PRESENCE_UPDATE", guild_id, payload)

    def begin(self, *shards: int) -> None:
        for shard in shards:
            self.followed[shard] = False
            self.handlers[shard].begin_replay()

    def end(self, shard: int) -> None:
        self.followed[shard] = True
        self.handlers[shard].end_replay()
        self.tell("RESUMED", shard << 22, {})

    def is_replaying(self, shard: int) -> bool:
        return self.guilds.is_replaying(shard, SHARDS)


STORY = [("b", 2), ("", 0), ("c", 3), ("", 0)]


@pytest.mark.parametrize("is_ahead", [True, False])
def test_what_another_shard_has_shown_does_not_come_back(is_ahead: bool) -> None:
    """Nor where the two agree by chance, in the middle of it: offline has no time."""
    both = TwoShards()
    both.begin(*([0] if is_ahead else [0, 1]))
    for text, created_at in STORY:
        both.presence(SECOND, text, created_at)
    if not is_ahead:
        both.end(1)
    before = list(both.texts)
    assert before[-1] == ""
    for text, created_at in STORY:
        for guild_id in (FIRST, THIRD):
            both.presence(guild_id, text, created_at)
    both.end(0)
    assert both.texts == before
    cached = both.gateway.users.get(1)
    assert cached is not None
    assert cached.merged is None  # all agree


def test_what_is_repeated_last_counts_in_the_end() -> None:
    both = TwoShards()
    both.begin(0)
    for text, created_at in (("b", 2), ("c", 3), ("d", 4)):
        both.presence(FIRST, text, created_at)
        both.presence(THIRD, text, created_at)
    assert both.texts == ["a"]
    assert both.is_replaying(0)
    both.end(0)
    assert both.texts == ["a", "d"]
    assert not both.is_replaying(0)
    both.presence(FIRST, "e", 5)
    assert both.texts == ["a", "d", "e"]


def test_what_a_replay_skips_is_over_for_a_shard_that_is_behind() -> None:
    """It has not been shown, so that only its time tells."""
    both, story = TwoShards(), [("b", 2), ("c", 3), ("", 0)]
    both.begin(0)
    for text, created_at in story:
        for guild_id in (FIRST, THIRD):
            both.presence(guild_id, text, created_at)
    both.end(0)
    before = list(both.texts)
    assert before == ["a", ""]
    for text, created_at in story:
        both.presence(SECOND, text, created_at)
    assert both.texts == before


def test_users_of_one_shard_are_followed_at_once() -> None:
    both = TwoShards()
    both.begin(0, 1)
    both.tell("GUILD_MEMBER_REMOVE", SECOND, {"guild_id": str(SECOND), "user": {"id": "1"}})
    for text, created_at in (("b", 2), ("c", 3)):
        both.presence(FIRST, text, created_at)
        both.presence(THIRD, text, created_at)
    assert both.texts == ["a", "b", "c"]
    assert not both.is_replaying(0)


def test_what_was_held_for_another_shard_is_not_newer_than_what_came_without_it() -> None:
    """The user leaves the other shard's server in the middle of the replay."""
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    both.presence(THIRD, "b", 2)
    both.tell("GUILD_MEMBER_REMOVE", SECOND, {"guild_id": str(SECOND), "user": {"id": "1"}})
    both.presence(FIRST, "c", 3)
    both.presence(THIRD, "c", 3)
    both.end(0)
    assert both.texts[-1] == "c"
    cached = both.gateway.users.get(1)
    assert cached is not None
    assert cached.merged is None


def test_what_a_shard_without_a_connection_showed_long_ago_is_not_added() -> None:
    """The other one begins a new session, and its server shows activities for the first time."""
    both = TwoShards()
    old, new = shows("a", 1), shows("b", 2)
    for guild_id in (FIRST, THIRD):
        both.tell("GUILD_DELETE", guild_id, {"id": str(guild_id)})
    game, other = ({"name": name, "type": 0, "created_at": at} for name, at in (("x", 1), ("y", 2)))
    old["activities"].append(game)
    both.tell("PRESENCE_UPDATE", SECOND, old | {"guild_id": str(SECOND)})
    both.followed[1] = False
    new["activities"].append(other)
    both.tell("GUILD_CREATE", FIRST, guild(FIRST, [1, 2], [new]))
    assert both.gateway.shown(1)["activities"] == new["activities"]


def test_who_leaves_is_shown_as_before_until_the_late_shard_is_back() -> None:
    """Its servers have never shown an activity, so that only the status tells that they are late.
    What is repeated last is then true."""
    both = TwoShards()
    for guild_id in (FIRST, THIRD):
        both.tell("PRESENCE_UPDATE", guild_id, online(2) | {"guild_id": str(guild_id)})
    idle = {"status": "idle", "client_status": {"mobile": "idle"}}
    both.tell("PRESENCE_UPDATE", SECOND, shows("b", 2, 2) | {"guild_id": str(SECOND)})
    both.followed[0] = False
    both.tell("PRESENCE_UPDATE", SECOND, shows("c", 3, 2) | idle | {"guild_id": str(SECOND)})
    before = both.gateway.shown(2)
    assert before["status"] == "idle"
    both.tell("GUILD_MEMBER_REMOVE", SECOND, {"guild_id": str(SECOND), "user": {"id": "2"}})
    assert both.gateway.shown(2) == before
    both.begin(0)
    for guild_id in (FIRST, THIRD):
        both.tell("PRESENCE_UPDATE", guild_id, online(2) | idle | {"guild_id": str(guild_id)})
    both.end(0)
    assert both.gateway.shown(2) == before | {"activities": []}


def test_a_replay_that_breaks_goes_on_with_the_next_connection() -> None:
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    both.begin(0)
    both.presence(THIRD, "b", 2)
    both.end(0)
    assert both.texts == ["a", "b"]


def test_a_new_session_lists_everybody_again() -> None:
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    listed = [{"id": str(one), "unavailable": True} for one in (FIRST, THIRD)]
    both.tell("READY", FIRST, {"session_id": "s", "guilds": listed, "user": {"id": "9"}})
    assert not both.is_replaying(0)
    for guild_id in (FIRST, THIRD):
        both.tell("GUILD_CREATE", guild_id, guild(guild_id, [1, 2], [shows("c", 3)]))
    both.end(0)
    assert both.texts[-1] == "c"


def test_what_is_kept_of_another_shard_stays_where_an_unlisted_server_is_left() -> None:
    """What was listed in its own shard is newer than it, and older than what is shown."""
    both = TwoShards()
    listed = [{"id": str(one), "unavailable": True} for one in (FIRST, THIRD)]
    both.tell("READY", FIRST, {"session_id": "s", "guilds": listed, "user": {"id": "9"}})
    both.tell("GUILD_CREATE", THIRD, guild(THIRD, [1, 2], [shows("a", 1)]))
    both.presence(SECOND, "b", 2)
    both.tell("GUILD_MEMBER_REMOVE", SECOND, {"guild_id": str(SECOND), "user": {"id": "1"}})
    both.tell("GUILD_CREATE", FIRST, guild(FIRST, [2], []))
    both.presence(THIRD, "b", 2)
    assert both.texts == ["a", "b"]


def test_who_has_left_is_not_shown_again() -> None:
    """Neither by a presence from before, nor after they are back."""
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    for name in ("GUILD_MEMBER_REMOVE", "GUILD_MEMBER_ADD"):
        member = {"guild_id": str(FIRST), "user": {"id": "1", "username": "one"}}
        both.tell(name, FIRST, member)
    both.end(0)
    assert both.texts == ["a"]


def test_a_server_that_is_gone_is_forgotten() -> None:
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    both.tell("GUILD_DELETE", FIRST, {"id": str(FIRST)})
    both.end(0)
    assert both.texts == ["a"]


def test_what_a_server_showed_before_it_was_gone_does_not_count_when_it_is_back() -> None:
    both = TwoShards()
    both.begin(0)
    both.presence(FIRST, "b", 2)
    both.presence(THIRD, "b", 2)
    both.tell("GUILD_DELETE", FIRST, {"id": str(FIRST)})
    both.tell("GUILD_CREATE", FIRST, guild(FIRST, [1, 2], [shows("c", 3)]))
    both.presence(SECOND, "c", 3)
    both.presence(THIRD, "c", 3)
    both.end(0)
    assert both.texts[-1] == "c"
    cached = both.gateway.users.get(1)
    assert cached is not None
    assert cached.reported(FIRST) == cached.presence


class Idle(RecordingReconciler):
    """Has nothing to do."""

    is_busy = must_announce = False

    def expected_guilds(self, shard: ShardKey) -> set[int]:
        return set()


class Resumable(Shard):
    """Has a session."""

    session = DiscordSession("s", "ws://127.0.0.1/gateway", 1)


async def test_no_checkpoint_is_further_than_what_is_counted() -> None:
    """A successor would resume after it, and never hear of it."""
    writing, gateway = WriterFixture(), GatewayFixture()
    for guild_id in (FIRST, SECOND):
        writing.list_guild(guild_id, 1)
    gateway.guilds, gateway.users, gateway.reconciler = writing.guilds, writing.users, Idle()
    gateway.writer = cast("RecordingWriter", writing.writer)
    state = gateway.state(cast("Store", writing.store))
    resume = SessionResume(Resumable("", 0, SHARDS), state, "us")
    task = asyncio.create_task(writing.writer.run())

    async def is_saved() -> bool:
        await eventually(lambda: writing.writer.reached(writing.writer.watermark()))
        return resume.last_checkpoint() != b""

    assert await is_saved()
    writing.guilds.begin_replay(0, SHARDS)
    writing.guilds.update_presence(FIRST, 1, shows("b", 2))
    assert not await is_saved()
    writing.guilds.end_replay(0, SHARDS)
    assert await is_saved()
    await ended(task)
    await writing.store.redis.aclose()

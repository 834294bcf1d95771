"""What each event changes: members, presences, and what is requested from Discord."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import metrics
from services.gateway.discord.shard import Shard
from services.gateway.sync.session_resume import SessionResume
from shared.redis.store import Store
from shared.telemetry.metrics import total
from testing import samples
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
from tests.gateway.test_normalize import anything


def test_small_guild_is_complete_at_once() -> None:
    """GUILD_CREATE lists all members and presences; then the guild is compared with Redis."""
    gateway = GatewayFixture()
    calls = gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2], [online(1, "dnd")]))
    assert ("joined", 1, GUILD) in calls
    assert ("joined", 2, GUILD) in calls
    assert gateway.shown(1)["status"] == "dnd"
    assert gateway.shown(2)["status"] == "offline"
    assert gateway.reconciler.guilds == [GUILD]
    assert gateway.requests.guilds == []


def test_large_guild_is_requested_and_compared_after_the_last_chunk() -> None:
    """Its GUILD_CREATE lists only some members: none is removed before the chunks have come."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)], large=True, member_count=900))
    assert gateway.requests.guilds == [GUILD]
    gateway.handle(
        "GUILD_MEMBERS_CHUNK", chunk(GUILD, [1, 2], [online(1), online(2, "idle")], 0, 2)
    )
    assert gateway.reconciler.guilds == []
    assert gateway.shown(2)["status"] == "idle"
    gateway.handle("GUILD_MEMBERS_CHUNK", chunk(GUILD, [3], [], 1, 2))
    assert gateway.reconciler.guilds == [GUILD]
    assert gateway.shown(3)["status"] == "offline"


def test_guild_with_fewer_members_than_it_counts_is_requested() -> None:
    """Above 75,000 members Discord lists only the bot and the members in voice channels."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], member_count=80_000))
    assert gateway.requests.guilds == [GUILD]


def test_member_missing_from_a_new_listing_has_left() -> None:
    """After a new session the members are compared with those before."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2]))
    assert ("left", 2, GUILD) in gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    assert gateway.users.get(2) is None


def test_member_listed_without_a_presence_is_offline() -> None:
    """Discord lists no presence for offline members: the old one must not stay."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    assert ("changed", 1) in gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    assert gateway.shown(1)["status"] == "offline"


def test_same_presence_by_a_second_guild_shows_nothing_new() -> None:
    """Discord sends a presence once per shared guild. The second report is remembered."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [1]))
    event = online(1, "idle")
    assert gateway.handle("PRESENCE_UPDATE", {**event, "guild_id": str(GUILD)}) == [("changed", 1)]
    shown = gateway.shown(1)
    gateway.handle("PRESENCE_UPDATE", {**event, "guild_id": str(OTHER)})
    assert gateway.shown(1) == shown


def test_user_stays_until_the_last_guild_is_left() -> None:
    """Leaving one of two monitored guilds removes nothing."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [1]))
    leave = {"user": user(1)}
    assert gateway.handle("GUILD_MEMBER_REMOVE", {**leave, "guild_id": str(GUILD)}) == [
        ("left", 1, GUILD)
    ]
    assert gateway.users.get(1) is not None
    gateway.handle("GUILD_MEMBER_REMOVE", {**leave, "guild_id": str(OTHER)})
    assert gateway.users.get(1) is None


def test_new_member_is_requested_as_the_event_has_no_presence() -> None:
    """GUILD_MEMBER_ADD has the user object only."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    calls = gateway.handle("GUILD_MEMBER_ADD", {**member(2), "guild_id": str(GUILD)})
    assert calls == [("joined", 2, GUILD)]
    assert gateway.requests.users == [(GUILD, 2)]


def test_known_member_of_another_guild_keeps_their_presence_on_joining() -> None:
    """It is requested all the same: the new guild may be shown more."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert gateway.requests.users == [(OTHER, 1)]
    assert gateway.shown(1)["status"] == "online"


def test_new_member_known_from_a_guild_that_is_being_listed_is_requested() -> None:
    """The cached presence is from before the listing, and may be outdated."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_CREATE", guild(GUILD, [], large=True, member_count=900))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert gateway.requests.users == [(OTHER, 1)]


def test_new_member_known_from_an_unavailable_guild_is_requested() -> None:
    """Discord sends no events of the guild during the outage."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert gateway.requests.users == [(OTHER, 1)]
    answer = {**chunk(OTHER, [1], [online(1, "dnd")]), "chunk_count": 9}
    gateway.handle("GUILD_MEMBERS_CHUNK", answer)
    gateway.handle("GUILD_CREATE", guild(GUILD, []))
    assert gateway.shown(1)["status"] == "dnd"


def test_new_member_known_from_before_the_session_is_requested() -> None:
    """Their other guild has not been sent since READY."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gateway.handle("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    gateway.handle("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert gateway.requests.users == [(OTHER, 1)]


def test_presence_after_leaving_does_not_restore_the_user() -> None:
    """A late PRESENCE_UPDATE proves no membership: the member is requested instead."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    gateway.handle("GUILD_MEMBER_REMOVE", {"user": user(1), "guild_id": str(GUILD)})
    assert gateway.handle("PRESENCE_UPDATE", {**online(1), "guild_id": str(GUILD)}) == []
    assert gateway.users.get(1) is None
    assert gateway.requests.users == [(GUILD, 1)]


def test_requested_member_who_is_not_found_is_removed() -> None:
    """`not_found` may hold integers."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2]))
    answer = {**chunk(GUILD, []), "not_found": [2], "nonce": "some-1", "chunk_count": 9}
    assert gateway.handle("GUILD_MEMBERS_CHUNK", answer) == [("left", 2, GUILD)]


def test_partial_user_is_merged() -> None:
    """A missing key means unchanged, null means cleared."""
    gateway = GatewayFixture()
    listed = guild(GUILD, [])
    listed["members"] = [{"user": {**user(1, "robin"), "global_name": "Robin", "avatar": "a1"}}]
    listed["member_count"] = 1
    gateway.handle("GUILD_CREATE", listed)
    event = {**online(1), "guild_id": str(GUILD), "user": {"id": "1", "avatar": None}}
    gateway.handle("PRESENCE_UPDATE", event)
    assert gateway.shown(1)["user"]["global_name"] == "Robin"
    assert gateway.shown(1)["user"]["avatar"] is None
    rename = {**member(1, "robin2"), "guild_id": str(GUILD)}
    assert gateway.handle("GUILD_MEMBER_UPDATE", rename) == [("changed", 1)]
    assert gateway.shown(1)["user"]["username"] == "robin2"


def test_event_without_a_presence_keeps_the_last_one() -> None:
    """P58 has neither status nor activities nor clients."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [375449444155392002], [online(375449444155392002)]))
    assert gateway.handle("PRESENCE_UPDATE", samples.presence_cases()["P58"]) == []
    assert gateway.shown(375449444155392002)["status"] == "online"


def test_outage_keeps_all_members() -> None:
    """`unavailable: true` means an outage at Discord, not that the bot was removed."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gone = {"id": str(GUILD), "unavailable": True}
    assert gateway.handle("GUILD_DELETE", gone) == []
    assert gateway.handle("GUILD_CREATE", gone) == []
    assert gateway.shown(1)["status"] == "online"


def test_guild_is_removed_with_the_bot() -> None:
    """GUILD_DELETE without `unavailable`: the bot was kicked or the guild deleted."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    assert gateway.handle("GUILD_DELETE", {"id": str(GUILD)}) == [("left", 1, GUILD)]
    assert gateway.users.get(1) is None
    assert gateway.reconciler.guilds == [GUILD, GUILD]


def test_new_session_removes_guilds_that_ready_does_not_list() -> None:
    """The bot may have been removed while it was not connected."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [2]))
    calls = gateway.handle("READY", {"guilds": [{"id": str(OTHER), "unavailable": True}]})
    assert calls == [("left", 1, GUILD)]
    assert gateway.reconciler.shards == [(0, 1, {OTHER})]
    assert gateway.users.get(2) is not None


async def test_lost_shard_is_dropped_without_writing() -> None:
    """Another process runs it: no member has left."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2]))
    state = gateway.state(cast("Store", None))
    SessionResume(Shard("", 0, 1), state, "").forget()
    assert gateway.writer.take_calls() == [("drop_shard", 0, 1)]
    assert gateway.reconciler.dropped == [(0, 1)]
    assert len(gateway.users) == 0


def test_only_the_named_guilds_are_monitored() -> None:
    """GUILD_IDS."""
    gateway = GatewayFixture(only=[OTHER])
    assert gateway.handle("GUILD_CREATE", guild(GUILD, [1])) == []
    assert gateway.handle("GUILD_CREATE", guild(OTHER, [2])) != []
    gateway.handle("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    assert gateway.reconciler.shards == [(0, 1, {OTHER})]


@pytest.mark.parametrize("case", samples.presence_cases())
def test_every_presence_sample_is_handled(case: str) -> None:
    """Its user is a member of its guild; no event is rejected."""
    event = samples.presence_cases()[case]
    user_id = int(event["user"]["id"])
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(int(event.get("guild_id", GUILD)), [user_id]))
    before = total(metrics.EVENTS_REJECTED)
    gateway.handle("PRESENCE_UPDATE", event)
    assert total(metrics.EVENTS_REJECTED) == before
    assert gateway.shown(user_id)["user"]["username"]


@pytest.mark.parametrize("name", samples.events())
def test_every_event_sample_is_handled_without_an_exception(name: str) -> None:
    """In any order, also of unknown guilds."""
    message = samples.events()[name]
    before = total(metrics.EVENTS_REJECTED.labels("exception"))
    GatewayFixture().handle(message["t"] or "none", message["d"])
    assert total(metrics.EVENTS_REJECTED.labels("exception")) == before


EVENTS = [
    *("PRESENCE_UPDATE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"),
    *("GUILD_MEMBERS_CHUNK", "GUILD_CREATE", "GUILD_DELETE", "READY", "RATE_LIMITED"),
]
KEYS = [
    *("id", "user", "members", "presences", "guilds", "status", "client_status", "activities"),
    *("unavailable", "large", "member_count", "not_found", "meta", "retry_after"),
]
payload_like = st.fixed_dictionaries(
    {"guild_id": st.just(str(GUILD)) | anything}, optional=dict.fromkeys(KEYS, anything)
)


@given(name=st.sampled_from(EVENTS), payload=anything | payload_like)
def test_any_payload_is_handled_or_counted(name: str, payload: Any) -> None:
    """No payload raises an exception, and the guild's member is still updated afterwards."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    before = total(metrics.EVENTS_REJECTED.labels("exception"))
    gateway.handle(name, payload)
    assert total(metrics.EVENTS_REJECTED.labels("exception")) == before
    gateway.handle("PRESENCE_UPDATE", {**online(1, "dnd"), "guild_id": str(GUILD)})
    if gateway.users.get(1) is not None:
        assert gateway.shown(1)["status"] == "dnd"

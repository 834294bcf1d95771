"""Discord's events, and what each means for who is monitored and what they show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import metrics
from shared.telemetry.metrics import total
from testing import samples
from tests.gateway.gateway_fixture import GUILD, OTHER, Room, chunk, guild, member, online, user
from tests.gateway.test_normalize import anything


def test_small_guild_is_known_at_once() -> None:
    """GUILD_CREATE lists everybody: they join, show what they show, and the guild is swept."""
    room = Room()
    owed = room.take("GUILD_CREATE", guild(GUILD, [1, 2], [online(1, "dnd")]))
    assert ("joined", 1, GUILD) in owed
    assert ("joined", 2, GUILD) in owed
    assert room.shown(1)["status"] == "dnd"
    assert room.shown(2)["status"] == "offline"
    assert room.swept.guilds == [GUILD]
    assert room.asked.guilds == []


def test_large_guild_is_asked_for_and_swept_when_the_last_chunk_is_there() -> None:
    """Its GUILD_CREATE lists only some: nobody counts as gone before the chunks have come."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)], large=True, member_count=900))
    assert room.asked.guilds == [GUILD]
    room.take("GUILD_MEMBERS_CHUNK", chunk(GUILD, [1, 2], [online(1), online(2, "idle")], 0, 2))
    assert room.swept.guilds == []
    assert room.shown(2)["status"] == "idle"
    room.take("GUILD_MEMBERS_CHUNK", chunk(GUILD, [3], [], 1, 2))
    assert room.swept.guilds == [GUILD]
    assert room.shown(3)["status"] == "offline"


def test_guild_with_fewer_members_than_it_counts_is_asked_for() -> None:
    """Above 75,000 members Discord lists only the bot and whoever is in voice."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], member_count=80_000))
    assert room.asked.guilds == [GUILD]


def test_whoever_a_fresh_listing_leaves_out_has_left() -> None:
    """After a new session the roster is compared with the one before."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1, 2]))
    assert ("left", 2, GUILD) in room.take("GUILD_CREATE", guild(GUILD, [1]))
    assert room.people.get(2) is None


def test_whoever_a_fresh_listing_shows_without_presence_is_offline() -> None:
    """Discord lists no presence for offline members: the old one must not stay."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    assert ("changed", 1) in room.take("GUILD_CREATE", guild(GUILD, [1]))
    assert room.shown(1)["status"] == "offline"


def test_same_presence_by_a_second_guild_is_no_change() -> None:
    """Discord sends a presence once per shared guild."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    room.take("GUILD_CREATE", guild(OTHER, [1]))
    event = online(1, "idle")
    assert room.take("PRESENCE_UPDATE", {**event, "guild_id": str(GUILD)}) == [("changed", 1)]
    assert room.take("PRESENCE_UPDATE", {**event, "guild_id": str(OTHER)}) == []


def test_user_stays_until_the_last_guild_is_left() -> None:
    """Membership is counted by guild."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    room.take("GUILD_CREATE", guild(OTHER, [1]))
    leave = {"user": user(1)}
    assert room.take("GUILD_MEMBER_REMOVE", {**leave, "guild_id": str(GUILD)}) == [
        ("left", 1, GUILD)
    ]
    assert room.people.get(1) is not None
    room.take("GUILD_MEMBER_REMOVE", {**leave, "guild_id": str(OTHER)})
    assert room.people.get(1) is None


def test_new_member_is_asked_for_as_the_event_has_no_presence() -> None:
    """GUILD_MEMBER_ADD brings the user only."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    owed = room.take("GUILD_MEMBER_ADD", {**member(2), "guild_id": str(GUILD)})
    assert owed == [("joined", 2, GUILD)]
    assert room.asked.users == [(GUILD, 2)]


def test_known_member_of_another_guild_keeps_their_presence_on_joining() -> None:
    """Nothing has to be asked for."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    room.take("GUILD_CREATE", guild(OTHER, [2]))
    room.take("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert room.asked.users == []
    assert room.shown(1)["status"] == "online"


def test_joiner_known_from_a_guild_that_is_being_listed_afresh_is_asked_for() -> None:
    """What was known of them is from before: they may have left it, and done other things."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    room.take("GUILD_CREATE", guild(OTHER, [2]))
    room.take("GUILD_CREATE", guild(GUILD, [], large=True, member_count=900))
    room.take("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert room.asked.users == [(OTHER, 1)]


def test_joiner_known_from_a_guild_that_is_unavailable_is_asked_for() -> None:
    """Nobody has told what they did during the outage, nor that they left."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    room.take("GUILD_CREATE", guild(OTHER, [2]))
    room.take("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
    room.take("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert room.asked.users == [(OTHER, 1)]
    answer = {**chunk(OTHER, [1], [online(1, "dnd")]), "chunk_count": 9}
    room.take("GUILD_MEMBERS_CHUNK", answer)
    room.take("GUILD_CREATE", guild(GUILD, []))
    assert room.shown(1)["status"] == "dnd"


def test_joiner_known_from_before_the_session_is_asked_for() -> None:
    """The guild that they are known from has not been shown since READY."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    room.take("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    room.take("GUILD_CREATE", guild(OTHER, [2]))
    room.take("GUILD_MEMBER_ADD", {**member(1), "guild_id": str(OTHER)})
    assert room.asked.users == [(OTHER, 1)]


def test_presence_after_leaving_brings_nobody_back() -> None:
    """A late PRESENCE_UPDATE is no membership: the user is looked up instead."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    room.take("GUILD_MEMBER_REMOVE", {"user": user(1), "guild_id": str(GUILD)})
    assert room.take("PRESENCE_UPDATE", {**online(1), "guild_id": str(GUILD)}) == []
    assert room.people.get(1) is None
    assert room.asked.users == [(GUILD, 1)]


def test_lookup_that_finds_nobody_leaves_them_out() -> None:
    """`not_found` may hold integers."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1, 2]))
    answer = {**chunk(GUILD, []), "not_found": [2], "nonce": "some-1", "chunk_count": 9}
    assert room.take("GUILD_MEMBERS_CHUNK", answer) == [("left", 2, GUILD)]


def test_partial_user_merges_into_what_is_known() -> None:
    """A missing key means unchanged, null means cleared."""
    room = Room()
    listed = guild(GUILD, [])
    listed["members"] = [{"user": {**user(1, "robin"), "global_name": "Robin", "avatar": "a1"}}]
    listed["member_count"] = 1
    room.take("GUILD_CREATE", listed)
    event = {**online(1), "guild_id": str(GUILD), "user": {"id": "1", "avatar": None}}
    room.take("PRESENCE_UPDATE", event)
    assert room.shown(1)["user"]["global_name"] == "Robin"
    assert room.shown(1)["user"]["avatar"] is None
    rename = {**member(1, "robin2"), "guild_id": str(GUILD)}
    assert room.take("GUILD_MEMBER_UPDATE", rename) == [("changed", 1)]
    assert room.shown(1)["user"]["username"] == "robin2"


def test_event_without_a_presence_leaves_the_last_one_standing() -> None:
    """P58 has neither status nor activities nor clients."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [375449444155392002], [online(375449444155392002)]))
    assert room.take("PRESENCE_UPDATE", samples.presence_cases()["P58"]) == []
    assert room.shown(375449444155392002)["status"] == "online"


def test_outage_keeps_everybody() -> None:
    """`unavailable: true` says that Discord has trouble, not that the bot was removed."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    gone = {"id": str(GUILD), "unavailable": True}
    assert room.take("GUILD_DELETE", gone) == []
    assert room.take("GUILD_CREATE", gone) == []
    assert room.shown(1)["status"] == "online"


def test_removed_bot_forgets_the_guild() -> None:
    """GUILD_DELETE without `unavailable`: the bot was kicked or the guild deleted."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    assert room.take("GUILD_DELETE", {"id": str(GUILD)}) == [("left", 1, GUILD)]
    assert room.people.get(1) is None
    assert room.swept.guilds == [GUILD, GUILD]


def test_fresh_session_forgets_guilds_that_it_does_not_name() -> None:
    """The bot may have been removed while nobody listened."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1]))
    room.take("GUILD_CREATE", guild(OTHER, [2]))
    owed = room.take("READY", {"guilds": [{"id": str(OTHER), "unavailable": True}]})
    assert owed == [("left", 1, GUILD)]
    assert room.swept.shards == [(0, 1, {OTHER})]
    assert room.people.get(2) is not None


def test_lost_shard_is_forgotten_without_a_word_to_redis() -> None:
    """Another process runs it: nobody has left anything."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1, 2]))
    room.intake.lost()
    assert room.ledger.take() == [("disown", 0, 1)]
    assert room.swept.disowned == [(0, 1)]
    assert len(room.people) == 0


def test_only_the_named_guilds_are_monitored() -> None:
    """GUILD_IDS."""
    room = Room(only=[OTHER])
    assert room.take("GUILD_CREATE", guild(GUILD, [1])) == []
    assert room.take("GUILD_CREATE", guild(OTHER, [2])) != []
    room.take("READY", {"guilds": [{"id": str(GUILD)}, {"id": str(OTHER)}]})
    assert room.swept.shards == [(0, 1, {OTHER})]


@pytest.mark.parametrize("case", samples.presence_cases())
def test_every_presence_sample_is_taken_in(case: str) -> None:
    """Its user is a member of its guild: whatever it says is shown, none is refused."""
    event = samples.presence_cases()[case]
    user_id = int(event["user"]["id"])
    room = Room()
    room.take("GUILD_CREATE", guild(int(event.get("guild_id", GUILD)), [user_id]))
    before = total(metrics.EVENTS_REJECTED)
    room.take("PRESENCE_UPDATE", event)
    assert total(metrics.EVENTS_REJECTED) == before
    assert room.shown(user_id)["user"]["username"]


@pytest.mark.parametrize("name", samples.events())
def test_every_event_sample_is_taken_in_without_an_exception(name: str) -> None:
    """Dispatches in any order, also of guilds that are not known."""
    message = samples.events()[name]
    before = total(metrics.EVENTS_REJECTED.labels("exception"))
    Room().take(message["t"] or "none", message["d"])
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
def test_whatever_comes_is_taken_in_or_counted(name: str, payload: Any) -> None:
    """No payload makes an exception, and the guild's member is still shown afterwards."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [1], [online(1)]))
    before = total(metrics.EVENTS_REJECTED.labels("exception"))
    room.take(name, payload)
    assert total(metrics.EVENTS_REJECTED.labels("exception")) == before
    room.take("PRESENCE_UPDATE", {**online(1, "dnd"), "guild_id": str(GUILD)})
    if room.people.get(1) is not None:
        assert room.shown(1)["status"] == "dnd"

"""What is read in two steps is what decoding and sanitizing give, to the byte; or nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from services.gateway import metrics
from services.gateway.normalize import presence_event, presence_json, sanitize
from services.gateway.normalize.presence_event import PresenceEvent
from shared.telemetry.metrics import total
from testing import samples
from tests.gateway.gateway_fixture import GUILD, OTHER, GatewayFixture, guild
from tests.gateway.test_presence_json import INVALID, VALID, online, presences

ACTIVITY = {"name": "Code", "type": 0, "details": "a", "secrets": {"join": "x"}, "new": None}


def message(data: Any, **more: Any) -> bytes:
    """As Discord sends it."""
    return json.dumps({"t": "PRESENCE_UPDATE", "s": 5, "op": 0, "d": data, **more}).encode()


def sanitized(presence: bytes | dict[str, Any]) -> dict[str, Any]:
    """What is kept of it."""
    return sanitize.presence(json.loads(presence) if isinstance(presence, bytes) else presence)


def read(data: Any) -> PresenceEvent | None:
    found = presence_event.read(message(data))
    return found.d if found else None


@given(presences, st.sampled_from(({}, {"guild_id": "7"}, {"broadcast": True, "nick": None})))
def test_the_presence_is_what_sanitizing_gives(raw: dict[str, Any], more: dict[str, Any]) -> None:
    """Of everything that is read this way."""
    event = read(raw | more)
    if event is not None:
        presence = event.presence()
        assert sanitized(presence) == sanitize.presence(raw)
        if isinstance(presence, bytes):
            assert presence == presence_json.of(sanitize.presence(raw))
        assert event.user.id == raw["user"]["id"]
        assert event.guild_id == more.get("guild_id", UNSET)


@pytest.mark.parametrize("key", sanitize.ACTIVITY)
def test_each_valid_value_is_read(key: str) -> None:
    """And no value that sanitizing would change."""
    for value in VALID[key]:
        raw = online(**{key: value})
        event = read(raw)
        assert event is not None
        assert event.presence() == presence_json.of(sanitize.presence(raw))
    for value in INVALID:
        raw = online(**{key: value})
        event = read(raw)
        if event is not None:
            assert sanitized(event.presence()) == sanitize.presence(raw)


def test_what_discord_sends_is_read() -> None:
    """Captured payloads, where those files are at hand."""
    for case in samples.read("captured-payloads.json")["presence"]:
        found = presence_event.read(json.dumps(case["payload"]).encode())
        event = case["payload"]["d"]
        if found is None:
            assert len(event["user"]) > 1, case
        else:
            assert found.d.presence() == presence_json.of(sanitize.presence(event)), case


def test_an_offline_user_has_nothing_else() -> None:
    """Whatever Discord sends of them."""
    event = read(online(**ACTIVITY) | {"status": "offline"})
    assert event is not None
    assert event.presence() == presence_json.OFFLINE


@pytest.mark.parametrize(
    "data",
    [
        {"status": "online", "client_status": {}, "activities": []},
        online() | {"user": {"id": "1", "username": "robin"}},
        online() | {"user": {"id": 1}},
        online() | {"guild_id": None},
        {"user": {"id": "1"}, "status": "online"},
        None,
        [],
    ],
)
def test_anything_else_is_not_read(data: Any) -> None:
    """It is decoded like other events."""
    assert read(data) is None


@pytest.mark.parametrize(
    "sent",
    [
        message(online(), op=1),
        message(online(), t="TYPING_START"),
        message(online(), s="5"),
        message(online(name="PRESENCE_UPDATE"), t="GUILD_CREATE"),
        message(online())[:-1],
        message(online(name="\ud800")),
        b'{"t":"PRESENCE_UPDATE","s":5,"op":0,"d":' + b"[" * 5000,
        b'{"t":"PRESENCE_UPDATE","s":5,"op":0,"d":{"user":{"id":"\xff"}}}',
        message(online(name="-")).replace(b"-", b"\xff"),
        message(online()).decode(),
    ],
)
def test_another_message_is_not_read(sent: bytes | str) -> None:
    """Nor one that is cut off, or is no text."""
    assert presence_event.read(sent) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (online(), online(name="Chess")),
        (online(), online() | {"status": "idle"}),
        (online(), online() | {"client_status": {"web": "idle"}}),
    ],
)
def test_the_hash_is_of_all_that_is_shown(first: dict[str, Any], second: dict[str, Any]) -> None:
    """And of nothing else."""
    again = first | {"guild_id": "8", "user": {"id": "2"}}
    events = [read(one) for one in (first, again, second)]
    hashes = [event.shown_hash() for event in events if event]
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_was_reported_where_guilds_differed_is_no_repetition() -> None:
    """The difference may end without an event: another process takes over OTHER, which hides the
    game, and the user leaves it there."""
    gateway = GatewayFixture()
    playing = {**online(**ACTIVITY), "guild_id": str(GUILD)}
    for guild_id, presence in ((GUILD, playing), (OTHER, online() | {"activities": []})):
        gateway.handle("GUILD_CREATE", guild(guild_id, [1], [presence]))
    idle = {"user": {"id": "1"}, "status": "idle", "client_status": {"web": "idle"}}
    tell(gateway, {**idle, "guild_id": str(GUILD), "activities": [ACTIVITY]})
    tell(gateway, {**idle, "guild_id": str(OTHER), "activities": []})
    cached = gateway.users.get(1)
    assert cached is not None
    cached.hand_over(OTHER)
    cached.presence, cached.merged = cached.reported(GUILD), None
    tell(gateway, {**idle, "guild_id": str(GUILD), "activities": []})
    assert gateway.shown(1)["activities"] == []


def tell(gateway: GatewayFixture, data: dict[str, Any]) -> None:
    event = read(data)
    assert event is not None
    gateway.handle("PRESENCE_UPDATE", event)


@pytest.mark.parametrize(
    "activities", [b'[{"created_at":' + b"9" * 5000 + b"}]", b"[" * 5000 + b"]" * 5000]
)
def test_a_presence_that_cannot_be_decoded_is_rejected(
    activities: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a traceback in the log."""
    event = read({**online(), "guild_id": str(GUILD)})
    assert event is not None
    event.activities = Raw(activities)
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1]))
    before = total(metrics.EVENTS_REJECTED.labels("json"))
    gateway.handle("PRESENCE_UPDATE", event)
    assert total(metrics.EVENTS_REJECTED.labels("json")) == before + 1
    assert caplog.text == ""
    assert gateway.shown(1)["status"] == "offline"


def some_event(rng: random.Random) -> dict[str, Any]:
    """Of a few users in two guilds, so that it is often a repetition."""
    user_id = rng.choice(("1", "2", "3", "4", "x"))
    event: dict[str, Any] = {
        "user": {"id": user_id},
        "guild_id": str(rng.choice((GUILD, GUILD, OTHER, 9))),
        "status": rng.choice(("online", "idle", "offline", "invalid")),
        "client_status": rng.choice(({"desktop": "online"}, {"web": "idle"})),
        "activities": rng.choice(([], [ACTIVITY], [ACTIVITY, {"name": "--", "type": "5"}])),
    }
    if rng.random() < 0.1:
        del event[rng.choice(("guild_id", "activities", "client_status"))]
    if rng.random() < 0.1:
        event["user"]["username"] = rng.choice(("robin", "jay"))
    return event


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_have_the_same_effect(seed: int) -> None:
    """One gateway gets all events decoded, the other one as they are read."""
    rng = random.Random(seed)
    decoded, either = GatewayFixture(), GatewayFixture()
    for gateway in (decoded, either):
        gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2, 3]))
        gateway.handle("GUILD_CREATE", guild(OTHER, [2, 3], large=True, member_count=1000))
    count = 0
    for _ in range(300):
        event = some_event(rng)
        found = read(event)
        count += found is not None
        told = either.handle("PRESENCE_UPDATE", event if found is None else found)
        assert told == decoded.handle("PRESENCE_UPDATE", event)
        for user_id in (1, 2, 3):
            assert either.shown(user_id) == decoded.shown(user_id)
            for guild_id in (GUILD, OTHER):
                live = [
                    one.guilds.has_live_presence(guild_id, user_id) for one in (decoded, either)
                ]
                assert live[0] == live[1]
    assert 50 < count < 300
    assert either.requests.users == decoded.requests.users

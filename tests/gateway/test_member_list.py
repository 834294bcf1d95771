"""Lists of members that are read as they are needed have the effect of decoding all of them."""

from __future__ import annotations

import gc
import json
import random
from typing import Any

import msgspec
import pytest

from services.gateway.discord.hikari_shard import _decode_json
from services.gateway.discord.member_requests import CheckRequest
from services.gateway.discord.presence_checks import known_member
from services.gateway.normalize import member_list
from testing import samples
from tests.gateway import test_presence_json, test_user_json
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

PEOPLE = range(1, 40)


def message(name: str, data: Any, **more: Any) -> bytes:
    """As Discord sends it."""
    return json.dumps({"t": name, "s": 5, "op": 0, "d": data, **more}).encode()


def read(name: str, data: Any) -> Any:
    found = member_list.read(message(name, data))
    assert found is not None
    assert (found["op"], found["t"], found["s"]) == (0, name, 5)
    return found["d"]


class Pair:
    """Two gateways: one gets all that Discord sends decoded, the other one as it is read."""

    def __init__(self) -> None:
        self.decoded, self.either = GatewayFixture(), GatewayFixture()

    def handle(self, name: str, data: Any) -> None:
        sent = message(name, data)
        found = member_list.read(sent)
        known = self.decoded.handle(name, _decode_json(sent)["d"])
        assert self.either.handle(name, found["d"] if found else _decode_json(sent)["d"]) == known
        assert self.everything(self.either) == self.everything(self.decoded)

    @staticmethod
    def everything(gateway: GatewayFixture) -> list[Any]:
        """What is kept, to the byte."""
        return [
            {
                user_id: (one.discord(), one.guilds, one.merged and one.merged.stored())
                for user_id, one in gateway.users
            },
            {
                guild_id: (found.members, found.seen, found.complete, found.available)
                for guild_id in (GUILD, OTHER)
                if (found := gateway.guilds.get(guild_id))
            },
            [gateway.requests.guilds, gateway.requests.users, gateway.reconciler.guilds],
        ]


def some_user(rng: random.Random) -> Any:
    """Often one that has to be sanitized, sometimes one that is none."""
    keys = rng.sample(sorted(test_user_json.VALID), rng.randrange(len(test_user_json.VALID)))
    found: dict[str, Any] = user(rng.choice(PEOPLE)) | {
        key: rng.choice(test_user_json.VALID[key]) for key in keys
    }
    if rng.random() < 0.3:
        found[rng.choice(("id", "username", *keys))] = rng.choice((None, *test_user_json.INVALID))
    if rng.random() < 0.1:
        found["id"] = int(rng.choice(PEOPLE))
    return rng.choice((None, 5, [], {})) if rng.random() < 0.05 else found


def some_presence(rng: random.Random) -> Any:
    known = test_presence_json.VALID
    found: dict[str, Any] = online(rng.choice(PEOPLE), rng.choice(("idle", "dnd", "offline", "?")))
    found["activities"] = [
        {key: rng.choice(known[key]) for key in rng.sample(sorted(known), 5)}
        for _ in range(rng.randrange(3))
    ]
    if rng.random() < 0.3 and found["activities"]:
        key = rng.choice(sorted(known))
        found["activities"][0][key] = rng.choice(test_presence_json.INVALID)
    if rng.random() < 0.2:
        found[rng.choice(sorted(found))] = rng.choice((None, 5, {}, [], "1"))
    return rng.choice((None, 5, [], {})) if rng.random() < 0.05 else found


def some_members(rng: random.Random) -> dict[str, Any]:
    members: list[Any] = [{"user": some_user(rng), "roles": []} for _ in range(rng.randrange(30))]
    if rng.random() < 0.1:
        members.append(rng.choice(({}, {"user": None}, None, 5)))
    return {"members": members, "presences": [some_presence(rng) for _ in range(rng.randrange(20))]}


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_have_the_same_effect(seed: int) -> None:
    """Of whatever Discord sends, malformed members and presences included."""
    rng, pair, listed = random.Random(seed), Pair(), set[int]()
    for _ in range(20):
        name, guild_id = (
            rng.choice(("GUILD_CREATE", "GUILD_MEMBERS_CHUNK")),
            rng.choice((GUILD, OTHER)),
        )
        if name == "GUILD_CREATE":
            data = guild(guild_id, []) | {"member_count": 30, "large": rng.random() < 0.5}
        else:
            data = chunk(guild_id, [], count=rng.choice((1, 2))) | {"not_found": ["3", None]}
        data |= some_members(rng)
        if rng.random() < 0.2:
            data[rng.choice(sorted(data))] = rng.choice((None, 5, "x", {}, [5], True))
        pair.handle(name, data)
        listed |= {user_id for user_id, _ in pair.either.users}
    assert len(listed) > 10


def test_what_discord_sends_is_read() -> None:
    """Captured payloads, where those files are at hand."""
    pair = Pair()
    for raw in _events_in(samples.read("captured-payloads.json")):
        name, data = raw["t"], raw["d"]
        assert member_list.read(message(name, data)) is not None
        pair.handle(name, data)


def test_a_member_who_is_no_text_is_left_out() -> None:
    """The others are listed."""
    data = guild(GUILD, [1, 2], [online(1), online(2)], name="x")
    sent = message("GUILD_CREATE", data).replace(b'"somebody"', b'"\xff"', 1)
    found = member_list.read(sent.replace(b'"web"', b'"\xff"', 1))
    assert found is not None
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", found["d"])
    assert [user_id for user_id, _ in gateway.users] == [2]
    assert gateway.shown(2)["status"] == "online"


def test_a_check_is_answered() -> None:
    """Its answer is compared member by member, and those who were not asked for are ignored."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2, 3]))
    known = known_member(gateway.guilds, gateway.users, GUILD, 1)
    assert known is not None
    gateway.requests._check = CheckRequest("check-1", {1: known}, due=0.0)
    answer = chunk(GUILD, [1, 2], [online(1), online(2)], count=2) | {"nonce": "check-1"}
    gateway.handle("GUILD_MEMBERS_CHUNK", read("GUILD_MEMBERS_CHUNK", answer))
    assert gateway.shown(1)["status"] == "online"
    assert gateway.shown(2)["status"] == "offline"


def test_the_collector_sees_none_of_it() -> None:
    """It would look again and again at what a large server lists."""
    data = read("GUILD_CREATE", guild(GUILD, PEOPLE, [online(one) for one in PEOPLE]))
    for listed in (*data["members"], *data["presences"]):
        assert not gc.is_tracked(listed)
    assert not any(gc.is_tracked(one.user) for one in data["members"])
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", data)
    assert len(gateway.users) == len(PEOPLE)
    assert not any(gc.is_tracked(cached) for _, cached in gateway.users)


@pytest.mark.parametrize(
    "sent",
    [
        message("GUILD_CREATE", guild(GUILD, [1]), op=1),
        message("GUILD_CREATE", guild(GUILD, [1]), s="5"),
        message("GUILD_CREATE", guild(GUILD, [1]) | {"members": [5]}),
        message("GUILD_CREATE", guild(GUILD, [1]) | {"presences": {}}),
        message("GUILD_CREATE", []),
        message("GUILD_CREATE", guild(GUILD, [1]))[:-1],
        message("GUILD_CREATE", guild(GUILD, [1])).decode(),
        message("GUILD_UPDATE", guild(GUILD, [1], name="GUILD_CREATE")),
        message("PRESENCE_UPDATE", online(1)),
        b'{"t":"GUILD_CREATE","s":5,"op":0,"d":' + b"[" * 5000,
    ],
)
def test_another_message_is_not_read(sent: bytes | str) -> None:
    """Nor one that is cut off, or that lists something else. It is decoded like other events."""
    assert member_list.read(sent) is None


def test_members_are_decoded_again() -> None:
    """Those that are not read are as they were."""
    data = read("GUILD_MEMBERS_CHUNK", chunk(GUILD, [1]))
    assert member_list.decoded(data["members"]) == [{"user": user(1)}]
    assert member_list.decoded([member(1), None]) == [member(1), None]
    assert msgspec.json.decode(data["members"][0].user) == user(1)


def _events_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("t") in ("GUILD_CREATE", "GUILD_MEMBERS_CHUNK") and "d" in value:
            return [value]
        value = list(value.values())
    return [event for one in value for event in _events_in(one)] if isinstance(value, list) else []

"""GET /user/:userid and GET /activity/:userid, byte for byte."""

from __future__ import annotations

import msgspec
import pytest

from shared.model.snapshot import Presence, Profile
from shared.redis.store import Fields, Save, Store
from tests.api.golden import BOT, GOLDEN, RICH, Golden
from tests.api.http_client import EXPOSED_HEADERS, ask
from tests.api.replica import serving


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
def test_golden_users_are_what_the_gateway_writes(golden: Golden) -> None:
    """The stored JSON is that of the structs: the same keys in the same order."""
    for stored, kind in ((golden.profile, Profile), (golden.presence, Presence)):
        assert msgspec.json.encode(msgspec.json.decode(stored, type=kind)) == stored


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
async def test_user(port: int, golden: Golden) -> None:
    """Profile and presence, with every header."""
    answer = await ask(port, f"/user/{golden.user_id}")
    assert answer.body == golden.user
    assert answer.status == 200
    assert answer.headers == headers(len(golden.user), golden.user_etag)


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
async def test_activity(port: int, golden: Golden) -> None:
    """Presence without the profile, with every header."""
    answer = await ask(port, f"/activity/{golden.user_id}")
    assert answer.body == golden.activity
    assert answer.status == 200
    assert answer.headers == headers(len(golden.activity), golden.activity_etag)


def headers(length: int, etag: str) -> list[tuple[str, str]]:
    return [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", str(length)),
        ("x-content-type-options", "nosniff"),
        ("etag", etag),
        ("cache-control", "no-cache"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("connection", "close"),
    ]


async def test_an_encoded_id_is_the_same_id(port: int) -> None:
    """A client may percent-encode any character."""
    encoded = "".join(f"%{ord(digit):02X}" for digit in str(BOT.user_id))
    assert (await ask(port, f"/user/{encoded}")).body == BOT.user


async def test_a_query_changes_nothing(port: int) -> None:
    """Cache busters and trackers are ignored."""
    assert (await ask(port, f"/user/{BOT.user_id}?t=1&user_id=2")).body == BOT.user


async def test_presence_is_live(port: int, store: Store) -> None:
    """What the gateway saves is in the next response, with another tag."""
    fields = Fields(BOT.profile, RICH.presence, b"{}")
    await store.save([Save(BOT.user_id, fields)])
    answer = await ask(port, f"/activity/{BOT.user_id}")
    assert answer.body == RICH.activity
    assert answer.header("etag") == RICH.activity_etag


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
async def test_replicas_respond_alike(port: int, store: Store, golden: Golden) -> None:
    """Body, tag and all other headers: a load balancer may send a client anywhere."""
    async with serving(store) as other:
        for path in (f"/user/{golden.user_id}", f"/activity/{golden.user_id}", "/"):
            assert await ask(port, path) == await ask(other, path)

"""What a person writes, hides and erases, with real processes and a profile source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from shared.model.connected_accounts import OwnConnection
from shared.model.user_settings import DEFAULTS, UserSettings, patched
from shared.redis import keys
from shared.redis.api_keys import ApiKeys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.grants import GrantStore, StoredGrant
from shared.redis.sessions import SessionStore
from shared.redis.store import Store
from shared.redis.user_data import erase_user, export_user
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.redis_server import RedisServer
from tests.e2e.stack import ROBIN, Stack, running

USER = int(ROBIN)
GITHUB = OwnConnection("github", "4200042", "robin-k", verified=True, visibility=1)
WRITTEN = {
    "bio": "Hello",
    "pronouns": "they/them",
    "links": [{"label": "Home", "url": "https://example.org/"}],
    "connected_accounts": [GITHUB.key],
}
GITHUB_SHOWN = {"type": "github", "name": "robin-k", "link": "https://github.com/robin-k"}
LONG_AGO = 1_000


def is_completed(profile: dict[str, Any]) -> bool:
    """Whether the profile source's badges are in it: some are Discord's own."""
    return any(badge["id"] == "quest_completed" for badge in profile["badges"])


class OwnStack:
    """The stack, and both Redis as the processes use them."""

    def __init__(self, stack: Stack, store: Store, durable: Store) -> None:
        self.stack = stack
        self.store = store
        self.durable = durable

    async def change(self, patch: dict[str, Any]) -> UserSettings:
        settings = UserSettingsStore(self.durable)
        return await settings.change(USER, lambda old: patched(old, patch))

    async def profile(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        data = await self.stack.shows(ROBIN, lambda data: holds(data["profile"]))
        found: dict[str, Any] = data["profile"]
        return found


async def presence_held(own: OwnStack) -> bytes:
    """All that the presence Redis holds of what is shown of the person."""
    raw: dict[Any, Any] = await own.store.redis.hgetall(keys.presence(USER))
    entry: Any = await own.store.redis.get(keys.profile(USER))
    return b"".join([*raw, *raw.values(), entry or b""])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own() -> AsyncIterator[OwnStack]:
    async with (
        RedisServer() as durable_redis,
        running(
            env={"PROFILE_SOURCE": "upstream", "DURABLE_REDIS_URL": durable_redis.url}
        ) as stack,
        Store.connect(stack.redis.url, timeout=PATIENCE) as store,
        Store.connect(durable_redis.url, timeout=PATIENCE) as durable,
    ):
        yield OwnStack(stack, store, durable)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_person_writes_and_hides(own: OwnStack) -> None:
    """It reaches REST and open WebSockets, beside what the profile source knows; what is hidden is
    in no key of Redis, and comes back when it is shown again."""
    before = await own.profile(is_completed)
    watcher = await own.stack.watch(ROBIN)
    await ConnectedAccountsStore(own.durable).replace(USER, [GITHUB])
    await own.change(WRITTEN)
    wanted: dict[str, Any] = {name: WRITTEN[name] for name in ("bio", "pronouns", "links")}
    wanted["connected_accounts"] = [GITHUB_SHOWN]
    await own.profile(lambda profile: profile == before | wanted)
    await watcher.until(
        lambda frame: frame["op"] == "profile_update" and frame["d"]["profile"] == before | wanted
    )

    await own.change({"hide": ["badges", "connected_accounts", "clan", "decoration"]})
    hidden: dict[str, Any] = {
        "badges": [],
        "connected_accounts": [],
        "clan": None,
        "avatar_decoration_image": None,
        "nameplate_image": None,
        "public_flags": 0,
    }
    less = before | wanted | hidden
    await own.profile(lambda profile: profile == less)
    await watcher.until(lambda frame: frame["d"].get("profile") == less)

    async def is_cached() -> bool:
        return bool(await own.store.redis.exists(keys.profile(USER)))

    await eventually_async(is_cached)
    held = await presence_held(own)
    assert b"robin-k" not in held
    for badge in before["badges"]:
        assert badge["asset"].encode() not in held

    await own.change({"hide": ["badges"]})
    await own.profile(
        lambda profile: profile == before | wanted | {"badges": [], "public_flags": 0}
    )
    await own.change({"hide": []})
    await own.profile(lambda profile: profile == before | wanted)
    await eventually(lambda: watcher.last()["profile"] == before | wanted)


async def fill(own: OwnStack) -> None:
    """Write all that can be written of a person, through the services where they have a way."""
    await own.change({**WRITTEN, "hide": ["badges"]})
    await ConnectedAccountsStore(own.durable).replace(USER, [GITHUB])
    grants = GrantStore(own.durable)
    await grants.store(USER, StoredGrant(b"cipher", ("identify",), LONG_AGO, 2**52), 2**52)
    await SessionStore(own.durable).begin(USER, "digest", LONG_AGO, 2**52)
    key = await ApiKeys(own.durable).create(USER)
    url = f"http://127.0.0.1:{own.stack.api_port}/v1/users/@me/kv/mood"
    async with (
        aiohttp.ClientSession() as http,
        http.put(url, data="splendid", headers={"Authorization": key}) as answer,
    ):
        assert answer.status == 204
    await own.profile(
        lambda profile: profile["kv"] == {"mood": "splendid"} and profile["bio"] == "Hello"
    )


async def named(store: Store) -> set[str]:
    """Every key that has the person's id in its name or as a member."""
    await store.redis.config_set("rdbcompression", "no")  # DUMP would compress, too
    found = set()
    async for name in store.redis.scan_iter():
        dump = await store.redis.execute_command("DUMP", name) or b""
        if ROBIN.encode() in name or ROBIN.encode() in dump or USER.to_bytes(8, "little") in dump:
            found.add(name.decode())
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_an_erasure_beside_a_living_gateway(own: OwnStack) -> None:
    """In the durable Redis nothing is left but tokens that are to be revoked. The presence comes
    back with the default settings, and holds nothing that the person wrote."""
    await fill(own)
    watcher = await own.stack.watch(ROBIN)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    before = await named(own.durable)
    assert {keys.durable_settings(USER), keys.durable_kv(USER), keys.grant(USER)} <= before

    await erase_user(own.store, own.durable, USER)
    left = {keys.revocation(USER), keys.REVOCATIONS}
    assert await named(own.durable) <= left
    # What the profile source knows is not hidden any more.
    shown = await own.profile(lambda profile: profile["pronouns"] is None and is_completed(profile))
    assert (shown["kv"], shown["links"], shown["connected_accounts"]) == ({}, [], [])
    await eventually(lambda: watcher.last()["profile"]["kv"] == {})
    await eventually(lambda: watcher.last()["profile"]["pronouns"] is None)
    held = await presence_held(own)
    for trace in (b"Hello", b"splendid", b"they/them", b"example.org", b"hidden", b"robin-k"):
        assert trace not in held
    found = await export_user(own.store, own.durable, USER)
    assert (found["kv"], found["connections"], found["key"]) == ({}, [], None)
    assert await UserSettingsStore(own.durable).get(USER) == DEFAULTS


@pytest.mark.asyncio(loop_scope="module")
async def test_an_erasure_of_a_person_who_stays_hidden(own: OwnStack) -> None:
    """They are gone for every reader, and in the presence Redis no more than numbers with a TTL is
    left. One setting is kept, and they can be shown again."""
    await fill(own)
    watcher = await own.stack.watch(ROBIN)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    await erase_user(own.store, own.durable, USER, stay_hidden=True)
    await own.stack.not_monitored(ROBIN)
    await eventually(lambda: watcher.close_code == 4404)

    async def is_gone() -> bool:
        return await named(own.store) <= {keys.fence(USER), keys.kv_revision(USER)}

    await eventually_async(is_gone)
    left = {keys.revocation(USER), keys.REVOCATIONS}
    kept = {keys.durable_settings(USER), keys.SETTINGS_USERS}
    assert await named(own.durable) - left == kept
    await own.change({"visible": None})
    await own.profile(lambda profile: profile["kv"] == {} and profile["pronouns"] is None)

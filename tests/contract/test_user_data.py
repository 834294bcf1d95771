"""All that is held of one person, in both Redis: exported and erased.

Long because the export names all of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from shared.model.connected_accounts import OwnConnection
from shared.model.history import ActivitySession, Seen
from shared.model.message import PresenceMessage, decode_message
from shared.model.user_settings import DEFAULTS, UserSettings, patched
from shared.redis import keys, profile_entries, shard_record, user_data
from shared.redis.api_keys import ApiKeys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.departures import DepartureStore
from shared.redis.durable import DurableKv, DurableUnavailable
from shared.redis.grants import GrantStore, StoredGrant
from shared.redis.history import HistoryStore, HistoryWrite
from shared.redis.kv_copies import KvCopies, KvReader
from shared.redis.sessions import SessionStore
from shared.redis.shard_record import ClaimState
from shared.redis.store import Fields, Save, Store, StoreUnavailable
from shared.redis.user_data import erase_user, export_user, is_empty
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE
from testing.free_port import free_port

USER, OTHER, GUILD = 1274150219482660897, 171234567890123776, 1112920281367973900
NOW_MS = 1_796_000_000_000
FIELDS = Fields(b'{"id":"1"}', b'{"status":"idle"}', b'{"user":{}}', b'{"g":1}')
GITHUB = OwnConnection("github", "4200042", "robin-k", verified=True, visibility=1)
PATCH = {
    "bio": "Hello",
    "hide": ["badges"],
    "history": "recent",
    "connected_accounts": ["github:4200042"],
}
LEFT_FOR_AN_HOUR = {keys.fence(USER), keys.kv_revision(USER)}
LEFT_UNTIL_REVOKED = {keys.revocation(USER), keys.REVOCATIONS}


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


async def fill(store: Store, durable: Store, user_id: int) -> None:
    """Write all that the services can write of a person."""
    await store.save([Save(user_id, FIELDS, joined=(GUILD,))])
    await profile_entries.claim_entry(store, user_id, "api", ttl_ms=60_000, fresh_above_ms=1)
    await store.redis.set(keys.profile(user_id), b'{"facts":{"bio":"x"}}', ex=300)
    await UserSettingsStore(durable).change(user_id, lambda old: patched(old, PATCH))
    await ApiKeys(durable).create(user_id)
    kv = DurableKv(durable)
    stored = await kv.replace(user_id, await kv.load(user_id), b'{"mood":"good"}')
    assert stored is not None
    await KvCopies(store, kv, KvReader(kv)).copy(user_id, stored)
    await ConnectedAccountsStore(durable).replace(user_id, [GITHUB])
    grants = GrantStore(durable)
    grant = StoredGrant(b"cipher", ("connections", "identify"), NOW_MS, NOW_MS + 1)
    await grants.store(user_id, grant, NOW_MS)
    assert await grants.lock(user_id, 60_000)
    await grants.request_revocation(user_id, b"older", NOW_MS)
    await SessionStore(durable).begin(user_id, "digest", NOW_MS, NOW_MS + 86_400_000)
    await DepartureStore(durable).note([user_id], NOW_MS)
    song = ActivitySession(kind="listening", name="Spotify", started_at=NOW_MS, ended_at=NOW_MS + 1)
    write = HistoryWrite(revision=0, seen=Seen(at=NOW_MS, last_seen=user_id), ended=(song,))
    assert await HistoryStore(durable).write_many({user_id: write}, now_ms=NOW_MS) == {
        user_id: True
    }


async def start_gateway(store: Store) -> None:
    """A process runs the only shard."""
    await shard_record.announce_count(store, 1)
    allowed: tuple[ClaimState, ...] = ("missing",)
    assert (
        await shard_record.acquire(store, (0, 1), "gateway", 60.0, allowed, stand_by=False)
        == "acquired"
    )


async def named(store: Store, user_id: int) -> set[str]:
    """Every key that has the id in its name or content."""
    needle = str(user_id).encode()
    await store.redis.config_set("rdbcompression", "no")  # DUMP would compress, too
    found = set()
    async for name in store.redis.scan_iter():
        dump = await store.redis.execute_command("DUMP", name)
        if needle in name or needle in dump or user_id.to_bytes(8, "little") in dump:
            found.add(name.decode())
    return found


async def test_every_key_is_listed(store: Store, durable: Store) -> None:
    """What a person has is what the lists name, and the sets that name people."""
    await fill(store, durable, USER)
    index = {name.decode() async for name in durable.redis.scan_iter("durable:key:*")}
    lists = set(user_data.durable_lists())
    assert await named(durable, USER) == {*user_data.durable_names(USER), *lists, *index}
    members = {keys.USERS, keys.members(GUILD)}
    while_shown = {*user_data.presence_names(USER)} - {keys.fence(USER)}  # it follows the removal
    assert await named(store, USER) == {*while_shown, *members}


async def test_an_erasure_leaves_nothing_of_the_person(store: Store, durable: Store) -> None:
    """Without a gateway that would write the presence again, no key is left but numbers with a
    TTL, and encrypted tokens that Discord has to revoke. Other people keep all of theirs."""
    await fill(store, durable, OTHER)
    before = await named(store, OTHER), await named(durable, OTHER)
    await fill(store, durable, USER)
    await erase_user(store, durable, USER, now_ms=NOW_MS)
    assert await named(store, USER) <= LEFT_FOR_AN_HOUR
    for name in LEFT_FOR_AN_HOUR:
        assert await store.redis.ttl(name) <= 3600
    assert await named(durable, USER) <= LEFT_UNTIL_REVOKED
    await GrantStore(durable).revoked(USER)
    assert await named(durable, USER) == set()
    assert is_empty(await export_user(store, durable, USER))
    assert (await named(store, OTHER), await named(durable, OTHER)) == before


async def test_an_erasure_ends_key_sessions_and_grant(store: Store, durable: Store) -> None:
    """Nothing that the person had can be used any more."""
    await fill(store, durable, USER)
    key = (await ApiKeys(durable).create(USER)).encode()
    await erase_user(store, durable, USER, now_ms=NOW_MS)
    assert await ApiKeys(durable).owner(key) is None
    assert await GrantStore(durable).get(USER) is None
    assert await SessionStore(durable).count(USER) == 0
    assert await UserSettingsStore(durable).get(USER) == DEFAULTS
    assert await GrantStore(durable).revocations_due(NOW_MS, 10) == [USER]


async def test_watchers_are_told_while_no_gateway_is_there(store: Store, durable: Store) -> None:
    """They get what a user causes who leaves."""
    await fill(store, durable, USER)
    before = await store.load(USER)
    assert before is not None
    async with store.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(USER))
        assert await pubsub.get_message(timeout=PATIENCE)
        await erase_user(store, durable, USER)
        messages: list[PresenceMessage] = []
        while not messages or not messages[-1].removed:
            told = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PATIENCE)
            if told is not None:
                message = decode_message(told["data"])
                assert message is not None
                messages.append(message)
    assert messages[-1].version > before.version


async def test_a_living_gateway_decides_about_the_presence(store: Store, durable: Store) -> None:
    """It is told of the erasure, and writes the presence with the default settings."""
    await fill(store, durable, USER)
    await start_gateway(store)
    async with durable.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.SETTINGS_CHANNEL)
        assert await pubsub.get_message(timeout=PATIENCE)
        await erase_user(store, durable, USER)
        told = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PATIENCE)
    assert told is not None
    assert told["data"] == str(USER).encode()
    snapshot = await store.load(USER)
    assert snapshot is not None
    assert snapshot.kv == b"{}"
    assert not await store.redis.exists(keys.profile(USER), keys.profile_lock(USER))


async def test_a_gateway_that_has_stopped_decides_nothing(store: Store, durable: Store) -> None:
    """Its claim of the shard is released, or has expired."""
    for field, value in (("expires", "1"), ("holder", "")):
        await fill(store, durable, USER)
        await store.redis.delete(keys.shard(0, 1))
        await start_gateway(store)
        await store.redis.hset(keys.shard(0, 1), field, value)
        await erase_user(store, durable, USER)
        assert await store.load(USER) is None


async def test_who_stays_hidden(store: Store, durable: Store) -> None:
    """One setting is kept, because the person asked for it."""
    await fill(store, durable, USER)
    await erase_user(store, durable, USER, stay_hidden=True, now_ms=NOW_MS)
    assert await UserSettingsStore(durable).get(USER) == UserSettings(visible=False)
    left = {keys.durable_settings(USER), keys.SETTINGS_USERS}
    assert await named(durable, USER) - LEFT_UNTIL_REVOKED == left


async def test_an_erasure_may_be_repeated(store: Store, durable: Store) -> None:
    """Erasing someone of whom nothing is held does nothing."""
    await erase_user(store, durable, USER)
    await erase_user(store, durable, USER)
    assert await named(store, USER) | await named(durable, USER) == set()


async def test_a_copy_that_was_on_its_way_does_not_come_back(store: Store, durable: Store) -> None:
    """A process that has read the old store writes it after the erasure: it is older."""
    await fill(store, durable, USER)
    await start_gateway(store)
    kv = DurableKv(durable)
    old = await kv.load(USER)
    await erase_user(store, durable, USER)
    await KvCopies(store, kv, KvReader(kv)).copy(USER, old)
    snapshot = await store.load(USER)
    assert snapshot is not None
    assert snapshot.kv == b"{}"


async def test_an_export_holds_everything_but_secrets(store: Store, durable: Store) -> None:
    """As one document that JSON can hold."""
    await fill(store, durable, USER)
    found = await export_user(store, durable, USER, now_ms=NOW_MS)
    created_at = found["key"].pop("created_at")
    assert created_at > 0
    assert found == {
        "user_id": str(USER),
        "exported_at": NOW_MS,
        "settings": {
            "visible": True,
            "hide": ["badges"],
            "hide_applications": [],
            "connected_accounts": ["github:4200042"],
            "bio": "Hello",
            "pronouns": None,
            "links": [],
            "paused_until": 0,
            "opted_in": False,
            "history": "recent",
        },
        "connections": [
            {
                "type": "github",
                "id": "4200042",
                "name": "robin-k",
                "verified": True,
                "visibility": 1,
                "revoked": False,
            }
        ],
        "kv": {"mood": "good"},
        "key": {},
        "sign_in": {
            "scopes": ["connections", "identify"],
            "granted_at": NOW_MS,
            "sessions": 1,
            "revocation_pending": True,
        },
        "presence": {
            "servers": [str(GUILD)],
            "profile": {"id": "1"},
            "presence": {"status": "idle"},
            "discord": {"user": {}},
            "reports": {"g": 1},
            "kv": {"mood": "good"},
        },
        "profile_source": {"facts": {"bio": "x"}},
        "history": {
            "seen": {"at": NOW_MS, "last_seen": USER},
            "recent": [
                {
                    "kind": "listening",
                    "name": "Spotify",
                    "started_at": NOW_MS,
                    "ended_at": NOW_MS + 1,
                }
            ],
        },
        "left_at": NOW_MS,
    }
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert not is_empty(found)


async def test_nothing_is_exported_of_a_stranger(store: Store, durable: Store) -> None:
    found = await export_user(store, durable, OTHER)
    assert is_empty(found)
    await SessionStore(durable).begin(OTHER, "digest", NOW_MS, NOW_MS + 86_400_000)
    assert not is_empty(await export_user(store, durable, OTHER))


async def test_a_redis_that_is_away_is_named(store: Store, durable: Store) -> None:
    """Whoever asks learns which of the two it is, and may repeat it."""
    await fill(store, durable, USER)
    async with Store.connect(f"redis://127.0.0.1:{free_port()}", timeout=1.0) as away:
        for asked in (erase_user, export_user):
            with pytest.raises(DurableUnavailable):
                await asked(store, away, USER)
            with pytest.raises(StoreUnavailable) as raised:
                await asked(away, durable, USER)
            assert not isinstance(raised.value, DurableUnavailable)
    await erase_user(store, durable, USER)
    assert await named(store, USER) <= LEFT_FOR_AN_HOUR

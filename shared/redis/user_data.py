"""All that Grux holds of one person: as one document, and its end.

`durable_names` and `presence_names` list every key. A test compares them with what the services
write, so that no new key is forgotten here.

Two keys of the presence Redis are left for an hour after an erasure: `fence:{id}` and
`kv-revision:{id}`. Each holds a number, which holds back writes that were on their way. Tokens that
Discord has not revoked yet are left, encrypted, until it has (shared.redis.grants).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from redis.asyncio.cluster import RedisCluster

from shared.discord.snowflake import shard_of
from shared.model import user_settings
from shared.model.key_value import EMPTY
from shared.model.user_settings import UserSettings
from shared.redis import keys, shard_record
from shared.redis.api_keys import ApiKeys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.departures import DepartureStore
from shared.redis.durable import DurableKv, DurableUnavailable, available
from shared.redis.grants import GrantStore, sign_out
from shared.redis.history import HistoryStore
from shared.redis.kv_copies import KvCopies, KvReader
from shared.redis.scripts import Script
from shared.redis.sessions import SessionStore
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore

_REMOVE: Final = Script("presence_remove.lua", of_cluster=False)
_REMOVE_IN_CLUSTER: Final = Script("presence_remove.lua", of_cluster=True)
_ATTEMPTS: Final = 20  # each fails only because another write came between
_HIDDEN: Final = UserSettings(visible=False)
_JSON_FIELDS: Final = ("profile", "presence", "discord", "reports", "kv", "hidden", "history")


def durable_names(user_id: int) -> list[str]:
    """Every key of the durable Redis that one person may have. See also `durable_lists`."""
    return [
        keys.durable_settings(user_id),
        keys.durable_kv(user_id),
        keys.durable_key(user_id),
        keys.durable_connections(user_id),
        keys.grant(user_id),
        keys.grant_lock(user_id),
        keys.sessions(user_id),
        keys.revocation(user_id),
        keys.history(user_id),
        keys.history_recent(user_id),
    ]


def durable_lists() -> list[str]:
    """The sets of the durable Redis that name people."""
    return [keys.SETTINGS_USERS, keys.KV_RECENT, keys.GRANTS_DUE, keys.REVOCATIONS, keys.DEPARTURES]


def presence_names(user_id: int) -> list[str]:
    """Every key of the presence Redis that one person may have. `users` and the `members:` sets of
    their servers name them besides."""
    return [
        keys.presence(user_id),
        keys.guilds(user_id),
        keys.profile(user_id),
        keys.profile_lock(user_id),
        keys.kv_revision(user_id),
        keys.fence(user_id),
    ]


async def export_user(
    store: Store, durable: Store, user_id: int, *, now_ms: int | None = None
) -> dict[str, Any]:
    """Everything that is held of this person, for JSON. Raises StoreUnavailable.

    Without what only proves who someone is: tokens, and the digests of keys and sessions.
    """
    settings = await UserSettingsStore(durable).get(user_id)
    connections = await ConnectedAccountsStore(durable).get(user_id)
    kv = await DurableKv(durable).load(user_id)
    return {
        "user_id": str(user_id),
        "exported_at": _now_ms() if now_ms is None else now_ms,
        "settings": user_settings.as_json(settings),
        "connections": [
            {
                "type": one.type,
                "id": one.id,
                "name": one.name,
                "verified": one.verified,
                "visibility": one.visibility,
                "revoked": one.revoked,
            }
            for one in connections
        ],
        "kv": msgspec.json.decode(kv.kv),
        "key": await _key(durable, user_id),
        "sign_in": await _sign_in(durable, user_id),
        "presence": await _presence(store, user_id),
        "profile_source": await _profile_source(store, user_id),
        "history": await HistoryStore(durable).export(user_id),
        "left_at": await DepartureStore(durable).since(user_id),
    }


def is_empty(export: Mapping[str, Any]) -> bool:
    """Whether an export says that nothing is held of the person."""
    named = ("connections", "kv", "key", "sign_in", "presence", "profile_source", "history")
    defaults = user_settings.as_json(user_settings.DEFAULTS)
    return export["settings"] == defaults and not any(export[name] for name in named)


async def erase_user(
    store: Store,
    durable: Store,
    user_id: int,
    *,
    stay_hidden: bool = False,
    now_ms: int | None = None,
) -> None:
    """Erase what this person has written, chosen and granted. Raises StoreUnavailable.

    Their presence is not theirs to write: the gateway shows it again, with the default settings,
    while they are in a monitored server (CONSENT=asking: it does not). `stay_hidden` keeps one
    setting, that they are not visible.

    May be repeated after a failure. What was erased until then stays erased.
    """
    # First, so that nothing more is written: a session can make a new key.
    await sign_out(durable, user_id, revoke_at_ms=_now_ms() if now_ms is None else now_ms)
    await ApiKeys(durable).delete(user_id)
    await ConnectedAccountsStore(durable).erase(user_id)
    await _erase_kv(store, durable, user_id)
    settings = UserSettingsStore(durable)
    if stay_hidden:
        await settings.change(user_id, lambda _: _HIDDEN)
    else:
        await settings.erase(user_id)
    await DepartureStore(durable).cancel([user_id])
    async with store.reachable():
        await store.redis.delete(keys.profile(user_id), keys.profile_lock(user_id))
    guilds = [guild async for batch in store.ids(keys.guilds(user_id)) for guild in batch]
    if not await _has_gateway(store, guilds):
        await _remove_presence(store, user_id, guilds)  # else the gateway writes it anew


async def _has_gateway(store: Store, guilds: Sequence[int]) -> bool:
    """Whether a process runs a shard of these guilds, and is told of the erasure."""
    count = await shard_record.count(store)
    shards = {(shard_of(guild_id, count), count) for guild_id in guilds} if count else set()
    return await shard_record.any_held(store, shards)


async def _erase_kv(store: Store, durable: Store, user_id: int) -> None:
    """An empty store is written first: a copy of the old one that is on its way is older then."""
    kv = DurableKv(durable)
    known = await kv.load(user_id)
    if known.revision:
        for _ in range(_ATTEMPTS):
            stored = await kv.replace(user_id, known, EMPTY)
            if stored is not None:
                break
            known = await kv.load(user_id)
        else:
            raise DurableUnavailable("other processes write this store all the time")
        await KvCopies(store, kv, KvReader(kv)).copy(user_id, stored)
    async with available(), durable.reachable():
        await durable.redis.delete(keys.durable_kv(user_id))
        await durable.redis.zrem(keys.KV_RECENT, str(user_id))


async def _remove_presence(store: Store, user_id: int, guilds: Sequence[int]) -> None:
    """As if the person had left every server. A gateway that comes back writes it again."""
    names = [keys.presence(user_id), keys.guilds(user_id), keys.profile(user_id)]
    await store.run_script(_REMOVE_IN_CLUSTER if _is_cluster(store) else _REMOVE, names)
    async with store.reachable():
        for name in (*map(keys.members, guilds), keys.USERS):
            await store.redis.srem(name, str(user_id))


def _is_cluster(store: Store) -> bool:
    return isinstance(store.redis, RedisCluster)


async def _key(durable: Store, user_id: int) -> dict[str, Any] | None:
    async with available(), durable.reachable():
        row: Sequence[Any] = list(
            await durable.redis.hmget(keys.durable_key(user_id), ["digest", "created_at"])
        )
    digest, created_at = row
    if digest is None:
        return None
    return {"created_at": int(created_at) if (created_at or b"").isdigit() else None}


async def _sign_in(durable: Store, user_id: int) -> dict[str, Any] | None:
    grants = GrantStore(durable)
    grant = await grants.get(user_id)
    sessions = await SessionStore(durable).count(user_id)
    revocation = await grants.revocation(user_id)
    if grant is None and not sessions and revocation is None:
        return None
    return {
        "scopes": list(grant.scopes) if grant else [],
        "granted_at": grant.granted_at if grant else None,
        "sessions": sessions,
        "revocation_pending": revocation is not None,
    }


async def _presence(store: Store, user_id: int) -> dict[str, Any] | None:
    async with store.reachable():
        row: Sequence[Any] = list(
            await store.redis.hmget(keys.presence(user_id), list(_JSON_FIELDS))
        )
    guilds = [guild async for batch in store.ids(keys.guilds(user_id)) for guild in batch]
    found = {name: _decoded(value) for name, value in zip(_JSON_FIELDS, row, strict=True) if value}
    if not found and not guilds:
        return None
    return {"servers": [str(guild) for guild in sorted(guilds)], **found}


async def _profile_source(store: Store, user_id: int) -> Any:
    async with store.reachable():
        entry = await store.redis.get(keys.profile(user_id))
    return _decoded(entry) if isinstance(entry, bytes) and entry else None


def _decoded(json: bytes) -> Any:
    try:
        return msgspec.json.decode(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return json.decode("utf-8", "replace")  # not written by Grux, but held nevertheless


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

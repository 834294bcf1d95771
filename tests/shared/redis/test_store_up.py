"""`Store.up`: whether Redis has answered the last call."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from shared.redis.store import Fields, Save, Store, StoreUnavailable
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer

USER, GUILD = 161092844126208001, 816976062578688017


async def test_a_redis_that_refuses_a_write_is_up() -> None:
    """A full one serves reads, so a process that only reads stays ready."""
    save = Save(USER, Fields(b'{"id":"1"}', b'{"status":"idle"}', b"{}"), joined=(GUILD,))
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:
        assert isinstance(store.redis, Redis)
        await store.save([save])
        await store.redis.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            await store.save([save])
        assert store.up
        assert await store.load(USER) is not None
        await server.kill()
        with pytest.raises(StoreUnavailable):
            await store.load(USER)
        assert not store.up

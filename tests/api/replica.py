"""An API as a process runs it: the real server on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Final

import pytest
from redis.asyncio import Redis
from uvicorn.lifespan.off import LifespanOff

from services.api import app
from services.api.accounts.service import AccountService
from services.api.endpoints import static
from services.api.endpoints.cards_proxy import CardsProxy
from services.api.endpoints.docs.routes import DocsEndpoints
from services.api.key_value import KeyValueService
from services.api.middleware.ready_answers import ReadyAnswers
from services.api.middleware.response_cache import ResponseCache
from shared.config import ApiSettings
from shared.http import uvicorn_server
from shared.http.middleware import StalenessSource
from shared.model.key_value import KV_MAX_BYTES
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.sources.source import Source
from shared.profiles.user_reader import UserReader
from shared.redis.factory import track
from shared.redis.history import HistoryStore
from shared.redis.store import Store
from shared.startup.background import background
from testing.eventually import eventually, eventually_async
from tests.api.http_client import ask

NOWHERE: Final = "http://127.0.0.1:1"
"""A CDN that is not there."""

# Pages and files follow from the settings. Rendering them takes longer than most tests.
_docs = lru_cache(maxsize=8)(DocsEndpoints)
_files = lru_cache(maxsize=8)(static.routes)


@asynccontextmanager
async def serving(
    store: Store,
    *,
    source: Source | None = None,
    reader_timeout_s: float = 10.0,
    discord_invite: str = "",
    public_url: str = "",
    public_ws_url: str = "",
    example_users: str = "",
    cache: ResponseCache | None = None,
    tracking_url: str = "",
    cards_url: str = "",
    durable: Store | None = None,
    kv_max_bytes: int = KV_MAX_BYTES,
    kv_writes_per_minute: int = 0,
    accounts: AccountService | None = None,
    liveness: StalenessSource | None = None,
) -> AsyncIterator[int]:
    """Gives the port. Without the minute hand of uvicorn's own loop, which only slows tests.

    `cache`: kept true by `store`'s Redis, over `tracking_url` if there is one. Without a cache
    every read goes to Redis, as it does wherever the cache is not known to be true. `cards_url`:
    the cards service to which the replica forwards. `durable`: the durable Redis; without it, that
    of `store`, and copies of key-value stores are not filled in. `accounts`: with its
    own settings.
    """
    settings = ApiSettings(
        api_port=0,
        discord_invite=discord_invite,
        public_url=public_url,
        public_ws_url=public_ws_url,
        discord_cdn_url=NOWHERE,
        example_users=example_users,
        kv_max_bytes=kv_max_bytes,
        kv_writes_per_minute=kv_writes_per_minute,
    )
    profiles = ProfileService(
        source, ProfileCache(store, settings.profile_ttl), reader_timeout_s=reader_timeout_s
    )
    listener = uvicorn_server.listen("127.0.0.1", 0, "API_PORT")
    kv = KeyValueService.of(store, durable or store, settings)
    users = UserReader.of(store, profiles, settings, kv.copies if durable else None)
    history = HistoryStore(accounts.durable if accounts else durable or store)
    cards = CardsProxy(cards_url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app, "DocsEndpoints", _docs)
        patched.setattr(static, "routes", _files)
        served = app.build(store, users, settings, cache, liveness, cards, kv, accounts, history)
    server = uvicorn_server.server(
        served,
        answers=None if cache is None else ReadyAnswers(cache, users, discord_invite, liveness),
    )
    server.config.load()
    server.lifespan = LifespanOff(server.config)
    await server.startup([listener])
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cards)
        if accounts is not None:
            await stack.enter_async_context(accounts.running())
        if durable is not None:
            await stack.enter_async_context(background(kv.run()))
        if cache is not None:
            await stack.enter_async_context(track(tracking_url or url_of(store), cache))
            await eventually(lambda: cache.trusted)
        try:
            yield listener.getsockname()[1]
        finally:
            for each in server.servers:
                each.close()
            await profiles.close()


def url_of(store: Store) -> str:
    """The Redis that it is connected to."""
    assert isinstance(store.redis, Redis)
    where = store.redis.connection_pool.connection_kwargs
    return f"redis://{where['host']}:{where['port']}/{where['db']}"


async def warm(port: int, cache: ResponseCache, *paths: str) -> None:
    """Ask until the answers are in memory."""

    async def remembered() -> bool:
        for path in paths:
            if cache.get(path) is None:
                await ask(port, path)
        return all(cache.get(path) is not None for path in paths)

    await eventually_async(remembered)

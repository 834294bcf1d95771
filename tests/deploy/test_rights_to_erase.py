"""deploy/redis/*.acl: the services that erase a person's data have the permissions for it.

An erasure is rare, and tests/e2e/test_redis_rights.py does not wait for one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.gateway.departures import Departures
from services.gateway.state.user_cache import UserCache
from shared.redis import gateway_liveness, keys
from shared.redis.store import Store
from shared.redis.user_data import erase_user, export_user
from testing import valkey_binary
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.contract.test_user_data import USER, fill, start_gateway
from tests.documents import ROOT

ADMIN = "admin:secret"
FILES = [
    "users-redis-6.acl",
    pytest.param(
        "users.acl",
        marks=pytest.mark.skipif(valkey_binary.find() is None, reason="needs Redis 7 or Valkey"),
    ),
]
YEAR_MS = 31_536_000_000


@asynccontextmanager
async def guarded(folder: Path, file: str) -> AsyncIterator[RedisServer]:
    """A server that knows the users of this file, and an admin."""
    acl = folder / file
    text = (ROOT / "deploy" / "redis" / file).read_text()
    acl.write_text(f"{text}user admin on >secret ~* &* +@all\n")
    binary = valkey_binary.find() if file == "users.acl" else None
    arguments = ("--aclfile", str(acl))
    async with RedisServer(*arguments, account=ADMIN, binary=binary or "") as server:
        yield server


@asynccontextmanager
async def stores(server: RedisServer, service: str) -> AsyncIterator[tuple[Store, Store]]:
    """The admin's, and that of the service."""
    own = server.url.replace(ADMIN, f"{service}:change-this-{service}")
    async with (
        Store.connect(server.url, timeout=PATIENCE) as admin,
        Store.connect(own, timeout=PATIENCE) as store,
    ):
        yield admin, store


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("service", ["api", "gateway"])
async def test_who_may_erase_and_export(tmp_path: Path, file: str, service: str) -> None:
    """Beside a gateway that runs, and where there is none."""
    async with guarded(tmp_path, file) as server, stores(server, service) as (admin, store):
        await fill(admin, admin, USER)
        assert (await export_user(store, store, USER))["kv"] == {"mood": "good"}
        await erase_user(store, store, USER)
        assert await admin.load(USER) is None
        assert not await admin.redis.sismember(keys.USERS, str(USER))
        await fill(admin, admin, USER)
        await start_gateway(admin)
        await erase_user(store, store, USER, stay_hidden=True)
        assert not await admin.redis.exists(keys.durable_kv(USER))


class RunningShard:
    """A shard of this process."""

    count = 1
    is_running = is_connected = True


@pytest.mark.parametrize("file", FILES)
async def test_a_gateway_may_erase_those_who_left(tmp_path: Path, file: str) -> None:
    """A year after everybody has left, everything is erased."""
    async with guarded(tmp_path, file) as server, stores(server, "gateway") as (admin, store):
        await fill(admin, admin, USER)
        await gateway_liveness.heartbeat(admin, 1, [0])
        departures = Departures(store, store, UserCache(), [RunningShard()])
        start_ms = 1_800_000_000_000
        assert await departures.sweep(start_ms) == 0
        assert await departures.sweep(start_ms + YEAR_MS) == 1
        assert not await admin.redis.exists(keys.durable_settings(USER), keys.DEPARTURES)
